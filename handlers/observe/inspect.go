package observe

import (
	"cmp"
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-webhooks/caddy-webhooks/handlers/webhook"
	"github.com/caddy-webhooks/caddy-webhooks/internal/inspect"
	"github.com/caddy-webhooks/caddy-webhooks/route"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// deliveries are what the inspector shows. They live as long as the process.
var deliveries = inspect.NewRecorder()

// keeps says how many deliveries are kept of each endpoint.
func (w *Watcher) keeps() map[inspect.Endpoint]int {
	sizes := make(map[inspect.Endpoint]int)
	for _, o := range w.observers {
		if o.Inspector != nil {
			of := o.Endpoint.Inspected()
			sizes[of] = max(sizes[of], o.Inspector.size)
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

// NewInspector returns nil if nothing is to be kept.
func NewInspector(endpoint string, options *verify.Inspect, verifier *verify.Verifier) (*inspector, error) {
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

// arrivalVar is the request variable that holds a *seen.
const arrivalVar = "webhook_seen"

// Arrival is a request as it came, for as long as it is dealt with.
type Arrival struct {
	request *verify.Request // gets its body when that is read
	header  http.Header     // before anything was removed from it
	path    string
	lines   []inspect.Header // what is shown of the header
	body    *inspect.Text    // what is shown of the body; nil until that is known
	Near    []string         // what would have verified

	verifier *verify.Verifier // that has decided; nil: that of the endpoint
	tenant   string
}

// String keeps the request out of logs and answers that print all variables.
func (*Arrival) String() string { return "webhook" }

// Arrived notes a request as it came, if it is to be kept or counted.
func (o *Observer) Arrived(r *http.Request, request *verify.Request) {
	o.observation.arrived(r)
	if o.History != nil {
		o.History.Arrived(r, request)
	}
	if o.Inspector != nil {
		header := r.Header.Clone()
		caddyhttp.SetVar(r.Context(), arrivalVar, &Arrival{
			request: request, header: header, path: request.URL.Path, lines: o.Inspector.redactor.Headers(header),
		})
	}
}

// ArrivedAgain notes what a request is described by from now on, if it is to be kept.
func (o *Observer) ArrivedAgain(r *http.Request, request *verify.Request) {
	if s := o.ArrivalOf(r); s != nil {
		s.request = request
	}
}

// VerifiedBy notes what decides about a request, if it is to be kept.
func (o *Observer) VerifiedBy(r *http.Request, verifier *verify.Verifier) {
	if s := o.ArrivalOf(r); s != nil {
		s.verifier, s.tenant = verifier, webhook.TenantOf(r)
	}
}

// Monitor has a verified event keep what it goes through.
func (o *Observer) Monitor(r *http.Request, event *route.Event) {
	s := o.ArrivalOf(r)
	if s == nil {
		return
	}
	event.Watched = true
	body := o.Inspector.redactor.Body(event.Body.Document())
	if s.body = &body; body.Content != "" {
		header := make(http.Header)
		for _, line := range s.lines {
			header.Add(line.Name, line.Value)
		}
		event.Shown = event.Redacted([]byte(body.Content), header)
	}
}

// ArrivalOf returns the request as it came, if it is to be kept.
func (o *Observer) ArrivalOf(r *http.Request) *Arrival {
	if o.Inspector == nil {
		return nil
	}
	s, _ := caddyhttp.GetVar(r.Context(), arrivalVar).(*Arrival)
	return s
}

// keep records a request that has been dealt with. Nothing of it is kept that
// a later request may use again.
func (i *inspector) keep(end *Ending) {
	s := end.Arrival
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
			Tenant:   s.tenant,
			Outcome:  end.Outcome,
			Detail:   end.Detail,
			Status:   end.Status,
			App:      end.App,
			Withheld: end.Withheld,
			Deliver:  end.Deliver,
			Duration: end.Took,
			ClientIP: request.ClientIP.String(),
			Method:   request.Method,
			Host:     request.URL.Host,
			Path:     s.path,
		},
		Headers: s.lines,
		Near:    s.Near,
	}
	switch {
	case end.Outcome == OutcomeHandshake:
	case end.Outcome == string(verify.UnknownTenant):
		d.Steps = []verify.Step{{Check: "the tenant is known and welcome", Reason: verify.UnknownTenant, Detail: end.Detail}}
	case request.Body != nil:
		d.Steps = cmp.Or(s.verifier, i.verifier).Explain(request)
	default:
		d.Steps = []verify.Step{{
			Check: "what can be checked before the body is read", Reason: verify.Reason(end.Outcome), Detail: end.Detail,
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
	if event := end.Event; event != nil {
		d.Event, d.ID, d.Route, d.Rules = event.Name, event.ID, event.Route, event.Verdicts
		d.Key = KeyOf(event)
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
