package handlers

import (
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-webhooks/caddy-webhooks/internal/inspect"
	"github.com/caddy-webhooks/caddy-webhooks/route"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// deliveries are what the inspector shows. They live as long as the process.
var deliveries = inspect.NewRecorder()

// keeps says how many deliveries are kept of each endpoint.
func (w *watch) keeps() map[inspect.Endpoint]int {
	sizes := make(map[inspect.Endpoint]int)
	for _, o := range w.observers {
		if o.inspector != nil {
			of := o.endpoint.inspected()
			sizes[of] = max(sizes[of], o.inspector.size)
		}
	}
	return sizes
}

// inspector keeps the requests of one endpoint for operators to look at.
type inspector struct {
	endpoint string // its name
	size     int
	redactor inspect.Redactor
	verifier *verify.Verifier
}

// newInspector returns nil if nothing is to be kept.
func newInspector(endpoint string, options *verify.Inspect, verifier *verify.Verifier) (*inspector, error) {
	if options == nil {
		return nil, nil
	}
	paths, err := options.Redacted()
	if err != nil {
		return nil, err
	}
	i := &inspector{endpoint: endpoint, size: options.Keep, verifier: verifier}
	if i.size == 0 {
		i.size = verify.DefaultKeep
	}
	described := verifier.Provider()
	paths = append(paths, described.SecretPaths()...)
	if !options.Personal {
		paths = append(paths, described.Personal()...)
	}
	i.redactor = inspect.Redactor{Credentials: verifier.Credentials(), Bodies: options.Bodies, Paths: paths}
	return i, nil
}

// seenVar is the request variable that holds a *seen.
const seenVar = "webhook_seen"

// seen is a request as it came, for as long as it is dealt with.
type seen struct {
	request *verify.Request // gets its body when that is read
	header  http.Header     // before anything was removed from it
	path    string
	lines   []inspect.Header // what is shown of the header
	body    *inspect.Text    // what is shown of the body; nil until that is known
	near    []string         // what would have verified
}

// String keeps the request out of logs and answers that print all variables.
func (*seen) String() string { return "webhook" }

// see notes a request as it came, if it is to be kept.
func (o *observer) see(r *http.Request, request *verify.Request) {
	if o.inspector != nil {
		header := r.Header.Clone()
		caddyhttp.SetVar(r.Context(), seenVar, &seen{
			request: request, header: header, path: request.URL.Path, lines: o.inspector.redactor.Headers(header),
		})
	}
}

// watch has a verified event keep what it goes through.
func (o *observer) watch(r *http.Request, event *route.Event) {
	s := o.seen(r)
	if s == nil {
		return
	}
	event.Watched = true
	body := o.inspector.redactor.Body(event.Body.Document())
	if s.body = &body; body.Content != "" {
		header := make(http.Header)
		for _, line := range s.lines {
			header.Add(line.Name, line.Value)
		}
		event.Shown = event.Redacted([]byte(body.Content), header)
	}
}

// seen returns the request as it came, if it is to be kept.
func (o *observer) seen(r *http.Request) *seen {
	if o.inspector == nil {
		return nil
	}
	s, _ := caddyhttp.GetVar(r.Context(), seenVar).(*seen)
	return s
}

// keep records a request that has been dealt with. Nothing of it is kept that
// a later request may use again.
func (i *inspector) keep(end *ending) {
	s := end.seen
	spec := i.verifier.Provider().Spec
	// What the verifier has noted in the request is not to be read again.
	request := &verify.Request{
		Method: s.request.Method, URL: s.request.URL, Header: s.header,
		ClientIP: s.request.ClientIP, Received: s.request.Received,
	}
	if body := s.request.Body; body != nil {
		request.SetBody(body.Bytes(), spec.FormField)
	}
	d := &inspect.Delivery{
		Summary: inspect.Summary{
			Received: request.Received,
			Provider: spec.Name,
			Endpoint: i.endpoint,
			Outcome:  end.outcome,
			Detail:   end.detail,
			Status:   end.status,
			Duration: end.took,
			ClientIP: request.ClientIP.String(),
			Method:   request.Method,
			Host:     request.URL.Host,
			Path:     s.path,
		},
		Headers: s.lines,
		Near:    s.near,
	}
	switch {
	case end.outcome == outcomeHandshake:
	case request.Body != nil:
		d.Steps = i.verifier.Explain(request)
	default:
		d.Steps = []verify.Step{{
			Check: "what can be checked before the body is read", Reason: verify.Reason(end.outcome), Detail: end.detail,
		}}
	}
	if request.Body != nil {
		d.Size = len(request.Body.Bytes())
		if s.body == nil {
			body := i.redactor.Body(request.Body.Document())
			s.body = &body
		}
		d.Body = *s.body
	}
	if event := end.event; event != nil {
		d.Event, d.ID, d.Route, d.Rules = event.Name, event.ID, event.Route, event.Verdicts
		d.Rewritten = event.Body != event.Arrived()
		switch {
		case !d.Rewritten || d.Body.Content == "":
		case event.Shown == nil:
			d.Sent.Omitted = "the rewrite needs values that are left out"
		default:
			d.Sent = inspect.Shorten(event.Shown.Body.Document())
		}
	}
	deliveries.Add(d)
}
