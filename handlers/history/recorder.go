package history

import (
	"net/http"
	"slices"
	"strconv"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-webhooks/caddy-webhooks/archive"
	"github.com/caddy-webhooks/caddy-webhooks/handlers/observe"
	"github.com/caddy-webhooks/caddy-webhooks/handlers/webhook"
	"github.com/caddy-webhooks/caddy-webhooks/payload"
	"github.com/caddy-webhooks/caddy-webhooks/route"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// Recorder hands the requests of an endpoint over to the archive.
type Recorder struct {
	manager  *Manager
	endpoint webhook.Endpoint
	redactor *redactor
	claims   *verify.Verifier // that checks nothing, and only says what a request claims
	identity *route.Identity
}

// NewRecorder returns the recorder of an endpoint; nil if nothing is kept.
func (m *Manager) NewRecorder(endpoint *verify.Endpoint, verifier *verify.Verifier, identity *route.Identity) (*Recorder, error) {
	if m.config == nil {
		return nil, nil
	}
	rec := &Recorder{
		manager: m, endpoint: webhook.Endpoint{Provider: endpoint.Provider, Name: endpoint.EndpointName()}, identity: identity,
	}
	described := verifier.Provider()
	paths := slices.Concat(verifier.Tokens().Paths, described.SecretPaths(), m.paths)
	if m.redactsPersonal() {
		if paths = append(paths, described.Personal()...); len(described.Personal()) == 0 {
			m.logger.Warn("archive: redact personal leaves nothing out of these webhooks, as the provider's description names no "+
				"personal data; write their paths", rec.endpoint.Field())
		}
	}
	rec.redactor = newRedactor(verifier, paths)
	var err error
	rec.claims, err = verify.New(described.Spec, &verify.Config{
		Provider: endpoint.Provider, Unverified: true, Methods: endpoint.Methods, Payload: "any",
	})
	return rec, err
}

// Claims returns what says of a request what it claims to be, and verifies nothing.
func (rec *Recorder) Claims() *verify.Verifier { return rec.claims }

// pendingVar is the request variable that holds a *pending.
const pendingVar = "webhook_archive"

// pending is a request that is being handled at an endpoint.
type pending struct {
	recorder *Recorder
	outer    *pending // at an endpoint around that one; nil: there is none

	ref     string
	request *verify.Request // gets its body when that is read
	head    []byte          // without the empty line at its end
	uri     string
	host    string
	proto   string
	server  string
}

// String keeps the request out of logs and answers that print all variables.
func (*pending) String() string { return "webhook" }

// Arrived implements observe.Recorder: it notes the head of a request before anything is
// removed from it.
func (rec *Recorder) Arrived(r *http.Request, request *verify.Request) {
	if ResendOf(r) != nil {
		return
	}
	p := &pending{recorder: rec, outer: innermost(r), ref: archive.NewRef(), request: request, host: r.Host, proto: r.Proto}
	p.uri = rec.redactor.uri(request.URL.RequestURI())
	p.head = rec.redactor.head(request.Method, p.uri, r.Host, r.Header)
	if server, ok := r.Context().Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server); ok {
		p.server = server.Name()
	}
	caddyhttp.SetVar(r.Context(), pendingVar, p)
}

// RefOf returns the ref that a request will be kept under; empty if it is not kept.
func RefOf(r *http.Request) string {
	if again := ResendOf(r); again != nil {
		return again.record.Ref
	}
	if p := innermost(r); p != nil {
		return p.ref
	}
	return ""
}

// innermost returns what a request is pending as at the endpoint that it has reached last.
func innermost(r *http.Request) *pending {
	p, _ := caddyhttp.GetVar(r.Context(), pendingVar).(*pending)
	return p
}

// pending returns what a request is pending as at this endpoint; nil if it is not kept.
func (rec *Recorder) pending(r *http.Request) *pending {
	for p := innermost(r); p != nil; p = p.outer {
		if p.recorder == rec {
			return p
		}
	}
	return nil
}

// accepted are the outcomes of requests that were verified. A copy is none of them: who
// has seen a webhook could send it until nothing else is kept.
var accepted = map[string]bool{
	observe.OutcomeAccepted: true, string(verify.Unreadable): true, observe.OutcomeUnrouted: true, observe.OutcomeRewriteFailed: true,
	string(verify.Overloaded): true,
}

// quarantined are the reasons for which a request is refused that may have come from its
// provider all the same.
var quarantined = map[string]bool{
	string(verify.MissingSignature): true, string(verify.BadSignature): true, string(verify.MissingToken): true,
	string(verify.BadToken): true, string(verify.Stale): true, string(verify.UnknownTenant): true,
}

// Quarantines reports whether requests are kept that are refused for a reason.
func (rec *Recorder) Quarantines(reason verify.Reason) bool {
	return rec != nil && rec.manager.config.Refused && quarantined[string(reason)]
}

// Ended implements observe.Recorder: it hands a request over that has been dealt with.
func (rec *Recorder) Ended(r *http.Request, end *observe.Ending) {
	p := rec.pending(r)
	if p == nil {
		return
	}
	record := &archive.Record{Summary: archive.Summary{
		Ref: p.ref, Received: p.request.Received, Provider: rec.endpoint.Provider, Endpoint: rec.endpoint.Name, Server: p.server,
		Tenant: webhook.TenantOf(r), Outcome: end.Outcome, Detail: end.Detail, Status: end.Status, Duration: end.Took,
		ClientIP: p.request.ClientIP.String(), Scheme: p.request.URL.Scheme, Host: p.host, Method: p.request.Method, URI: p.uri, Proto: p.proto,
		FormField: rec.claims.Provider().Spec.FormField,
	}}
	observed := end.Event != nil && end.Event.Refusal != nil
	switch {
	case end.Event != nil && !observed && accepted[end.Outcome]:
		describe(&record.Summary, end.Event)
		rec.fill(record, p, end.Event.Arrived())
		summary := record.Summary // without the request
		latest.add(&summary)
	case observed && rec.manager.config.Refused: // whatever became of it, nobody has verified it
		record.Refused = true
		describe(&record.Summary, end.Event)
		rec.fill(record, p, end.Event.Arrived())
	case end.Event == nil && rec.Quarantines(verify.Reason(end.Outcome)):
		record.Refused = true
		if body := p.request.Body; body != nil {
			rec.claim(&record.Summary, p.request)
			rec.fill(record, p, body)
		} else {
			record.Omitted, record.Head = "it was not read", endHead(p.head, 0)
		}
	default:
		return
	}
	if open, err := rec.manager.open(); err == nil {
		open.Append(record)
	}
}

// describe adds what is known of a verified webhook.
func describe(s *archive.Summary, event *route.Event) {
	s.Event, s.ID, s.Route, s.Signed, s.Tenant = event.Name, event.ID, event.Route, string(event.Signed), event.Tenant
	if event.Timestamp != event.Received { //nolint:govet,staticcheck // it is the same value where none is stated
		s.Stated = event.Timestamp
	}
}

// claim adds what a refused request says of itself.
func (rec *Recorder) claim(s *archive.Summary, refused *verify.Request) {
	// What its verifier has noted in the request is not to be read again.
	request := &verify.Request{
		Method: refused.Method, URL: refused.URL, Header: refused.Header, ClientIP: refused.ClientIP, Received: refused.Received,
	}
	request.SetBody(refused.Body.Bytes(), s.FormField)
	result, err := rec.claims.Verify(request)
	if err != nil || result.Handshake != nil {
		return
	}
	if event, err := route.NewEvent(rec.claims.Provider(), rec.identity, request, result); err == nil {
		s.Event, s.ID = event.Name, event.ID
	}
}

// maxBody is the largest body that is kept, in bytes.
const maxBody = 8 << 20

// fill adds the request.
func (rec *Recorder) fill(record *archive.Record, p *pending, body *payload.Body) {
	whole := body.Bytes()
	record.Size = len(whole)
	if record.Size > maxBody {
		record.Omitted = "it is longer than 8 MiB"
	} else {
		record.Body, record.Omitted = rec.redactor.body(body)
	}
	record.Redacted = len(record.Body) != len(whole) || len(whole) > 0 && &record.Body[0] != &whole[0]
	record.Head = endHead(p.head, len(record.Body))
}

// endHead adds how long the body is.
func endHead(head []byte, length int) []byte {
	head = append(head, "Content-Length: "...)
	head = strconv.AppendInt(head, int64(length), 10)
	return append(head, "\r\n\r\n"...)
}
