package delivery

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strconv"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.opentelemetry.io/otel/propagation"

	"github.com/caddy-webhooks/caddy-webhooks/deliver"
	"github.com/caddy-webhooks/caddy-webhooks/handlers/webhook"
	"github.com/caddy-webhooks/caddy-webhooks/route"
)

// headerAttempt tells an app how often it has been asked.
const headerAttempt = webhook.HeaderPrefix + "Attempt"

// savedRequest is a verified request as destinations get it: all that outlives
// the one that came in, without the credentials of its sender.
type savedRequest struct {
	Event route.Snapshot `json:"event"`

	Method     string             `json:"method"`
	URL        *route.SnapshotURL `json:"url"`    // as the destinations get it
	Header     http.Header        `json:"header"` // likewise
	OrigMethod string             `json:"orig_method"`
	OrigURL    *route.SnapshotURL `json:"orig_url"` // as it came
	Host       string             `json:"host"`
	RemoteAddr string             `json:"remote_addr"`
	ClientIP   string             `json:"client_ip,omitempty"` // as the server saw it
	Proto      string             `json:"proto"`
	TLS        bool               `json:"tls,omitempty"`        // it came by TLS
	LocalAddr  string             `json:"local_addr,omitempty"` // where it came

	// Placeholders are those that destinations name and that only what stands in
	// front of webhook_deliver knows, such as {re.*} and the outputs of map.
	Placeholders map[string]string `json:"placeholders,omitempty"`

	Vars map[string]any `json:"vars,omitempty"`

	// Trace is the span of the request, if Caddy traces it.
	Trace propagation.MapCarrier `json:"trace,omitempty"`

	body   []byte
	source *webhook.Buffer // what the body is in, if that memory is used again when the sender's request is over
}

// save copies what destinations need of a request, once for all of them. Nothing of
// it changes any more. The body is shared.
func save(r *http.Request, event *route.Event, placeholders []string) *savedRequest {
	s := &savedRequest{
		Event:      event.Snapshot(),
		Method:     r.Method,
		Header:     webhook.WithoutCredentialHeaders(r.Header, event),
		Host:       r.Host,
		RemoteAddr: r.RemoteAddr,
		ClientIP:   webhook.ClientIP(r),
		Proto:      r.Proto,
		TLS:        r.TLS != nil,
		OrigMethod: r.Method,
		Vars:       savedVars(r),
		Trace:      traceOf(r),
	}
	if local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
		s.LocalAddr = local.String()
	}
	if held := webhook.BodyOf(r); held != nil {
		s.body, s.source = held.Content, held.Buffer
	}
	if event.ReadableID() == "" {
		s.Event.ID = event.StandardID()
		s.Header[webhook.HeaderDeliveryID] = []string{s.Event.ID}
	}
	if repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok && len(placeholders) > 0 {
		s.Placeholders = savedPlaceholders(repl, placeholders)
	}
	original := r.URL
	if o, ok := r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request); ok {
		s.OrigMethod, original = o.Method, o.URL
	}
	target := *r.URL // handlers around this one may change it
	s.URL, s.OrigURL = webhook.WithoutCredentials(&target, event), webhook.WithoutCredentials(original, event)
	s.Event.URL = webhook.WithoutCredentials((*url.URL)(s.Event.URL), event)
	return s
}

// savedVars returns the variables that the directive vars, or another handler,
// has set to plain values.
func savedVars(r *http.Request) map[string]any {
	vars, _ := r.Context().Value(caddyhttp.VarsCtxKey).(map[string]any)
	var saved map[string]any
	for name, value := range vars {
		switch name {
		case caddyhttp.TrustedProxyVarKey, caddyhttp.ClientIPVarKey, "unhandled":
			continue // known anyway, or none of a destination's business
		}
		switch value.(type) {
		case string, bool, int, int64, float64:
			if saved == nil {
				saved = make(map[string]any)
			}
			saved[name] = value
		}
	}
	return saved
}

// record returns what is stored for destinations of a webhook_deliver. The body
// is a copy if its memory may be used again before a store lets go of it.
func (s *savedRequest) record(deliverer string) (*deliver.Record, error) {
	request, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	sum := sha256.New()
	for _, part := range []string{deliverer, s.Event.Provider, s.Event.ID, (*url.URL)(s.OrigURL).RequestURI()} {
		_, _ = sum.Write(strconv.AppendQuote(nil, part))
	}
	_, _ = sum.Write(s.body)
	body := s.body
	if s.source != nil {
		body = bytes.Clone(body)
	}
	return &deliver.Record{
		Key:      hex.EncodeToString(sum.Sum(nil)),
		Ref:      s.Event.Ref,
		ID:       s.Event.ID,
		Provider: s.Event.Provider,
		Endpoint: s.Event.Endpoint,
		Event:    s.Event.Name,
		Received: s.Event.Received,
		Request:  request,
		Body:     body,
	}, nil
}

// endpoint is where the request came.
func (s *savedRequest) endpoint() webhook.Endpoint {
	return webhook.Endpoint{Provider: s.Event.Provider, Name: s.Event.Endpoint}
}

// restore is the inverse of record.
func restore(record *deliver.Record) (*savedRequest, error) {
	s := new(savedRequest)
	if err := json.Unmarshal(record.Request, s); err != nil || s.Event.URL == nil || s.URL == nil || s.OrigURL == nil {
		return nil, errors.New("the stored request cannot be read")
	}
	s.body = record.Body
	return s, nil
}

// request makes the request of an attempt, of which it becomes a part.
func (s *savedRequest) request(ctx context.Context, server *caddyhttp.Server, w http.ResponseWriter, number int) *http.Request {
	// net/http always says where a request has come, and handlers rely on it.
	r := blank.WithContext(context.WithValue(ctx, http.LocalAddrContextKey, localAddr(s.LocalAddr)))
	r.Method, r.URL, r.RequestURI = s.OrigMethod, (*url.URL)(s.OrigURL), (*url.URL)(s.OrigURL).RequestURI()
	r.Header, r.Host, r.RemoteAddr, r.Proto = s.Header.Clone(), s.Host, s.RemoteAddr, s.Proto
	r.ProtoMajor, r.ProtoMinor, _ = http.ParseHTTPVersion(s.Proto)
	if s.TLS { // apps are told by it that the sender's connection was safe
		r.TLS = &tls.ConnectionState{HandshakeComplete: true, ServerName: s.Host}
	}
	repl := caddy.NewReplacer()
	r = caddyhttp.PrepareRequest(r, repl, w, server)
	target := *(*url.URL)(s.URL) // handlers change it
	if target != *r.URL {
		r.RequestURI = target.RequestURI()
	}
	r.Method, r.URL = s.Method, &target
	if s.ClientIP != "" && s.ClientIP != webhook.ClientIP(r) { // its server may trust others by now
		caddyhttp.SetVar(r.Context(), caddyhttp.ClientIPVarKey, s.ClientIP)
	}
	for name, value := range s.Vars {
		caddyhttp.SetVar(r.Context(), name, value)
	}
	for name, value := range s.Placeholders {
		repl.Set(name, value)
	}
	r.Header[headerAttempt] = []string{strconv.Itoa(number)}
	v := &webhook.Verified{Event: s.Event.Event(r.Header, s.body)} // its memory is the sender's, or nobody's
	v.Buffer.Size = int64(len(s.body))
	v.Event.Body.SetMemory(&v.Buffer)
	webhook.SetBody(r, v.Body.Hold(s.body, s.source, v.Event.Body))
	caddyhttp.SetVar(r.Context(), webhook.EventVar, v)
	repl.Map(func(key string) (any, bool) { return webhook.EventPlaceholder(v, key) })
	return r
}

// localAddr is the address at which a request came.
type localAddr string

// Network implements net.Addr.
func (localAddr) Network() string { return "tcp" }

// String implements net.Addr.
func (a localAddr) String() string { return string(a) }

// blank is what requests are made of that no server has received.
var blank = &http.Request{Body: http.NoBody}
