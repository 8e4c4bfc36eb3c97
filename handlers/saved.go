package handlers

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-webhooks/caddy-webhooks/deliver"
	"github.com/caddy-webhooks/caddy-webhooks/route"
)

// headerAttempt tells an app how often it has been asked.
const headerAttempt = headerPrefix + "Attempt"

// savedRequest is a verified request as destinations get it: all that outlives
// the one that came in, without the credentials of its sender.
type savedRequest struct {
	Event *route.Snapshot `json:"event"`

	Method     string             `json:"method"`
	URL        *route.SnapshotURL `json:"url"`    // as the destinations get it
	Header     http.Header        `json:"header"` // likewise
	OrigMethod string             `json:"orig_method"`
	OrigURL    *route.SnapshotURL `json:"orig_url"` // as it came
	Host       string             `json:"host"`
	RemoteAddr string             `json:"remote_addr"`
	Proto      string             `json:"proto"`
	TLS        bool               `json:"tls,omitempty"` // it came by TLS

	Vars map[string]any `json:"vars,omitempty"`

	// Late names the first attempt, which was not over when this was stored.
	Late string `json:"late,omitempty"`

	body []byte
}

// save copies what destinations need of a request.
func save(r *http.Request) (*savedRequest, error) {
	event, ok := VerifiedEvent(r)
	if !ok {
		return nil, caddyhttp.Error(http.StatusInternalServerError,
			errors.New("webhook_deliver works only after webhook_auth or inside handle_webhook"))
	}
	body, err := ownBody(r)
	if err != nil {
		return nil, caddyhttp.Error(http.StatusBadRequest, err)
	}
	s := &savedRequest{
		Event:      event.Snapshot(),
		Method:     r.Method,
		Header:     r.Header.Clone(),
		Host:       r.Host,
		RemoteAddr: r.RemoteAddr,
		Proto:      r.Proto,
		TLS:        r.TLS != nil,
		OrigMethod: r.Method,
		Vars:       savedVars(r),
		body:       body,
	}
	if s.Event.ID == "" {
		s.Event.ID = standardID(event)
		s.Header.Set(headerDeliveryID, s.Event.ID)
	}
	removeCredentials(s.Header, event)
	original := r.URL
	if o, ok := r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request); ok {
		s.OrigMethod, original = o.Method, o.URL
	}
	s.URL, s.OrigURL = withoutCredentials(r.URL, event), withoutCredentials(original, event)
	s.Event.URL = withoutCredentials((*url.URL)(s.Event.URL), event)
	return s, nil
}

// ownBody returns a request's body in memory that outlives the request. It is
// not the event's payload: another handler may have changed the body.
func ownBody(r *http.Request) ([]byte, error) {
	held := heldBodyOf(r)
	switch {
	case held == nil:
		return io.ReadAll(r.Body)
	case held.source == nil:
		return held.content, nil
	default:
		return bytes.Clone(held.content), nil
	}
}

// removeCredentials removes headers that prove who has sent a request.
func removeCredentials(header http.Header, event *route.Event) {
	for _, name := range []string{"Authorization", "Proxy-Authorization", "Cookie"} {
		header.Del(name)
	}
	removeSignatures(header, event.StaleHeaders)
	for _, place := range event.Credentials {
		if name, ok := strings.CutPrefix(place, "header."); ok {
			header.Del(name)
		}
	}
}

// withoutCredentials copies a URL, without what proves who has sent a request.
func withoutCredentials(u *url.URL, event *route.Event) *route.SnapshotURL {
	clean := *u
	for _, place := range event.Credentials {
		name, ok := strings.CutPrefix(place, "query.")
		if !ok || clean.RawQuery == "" {
			continue
		}
		if query := clean.Query(); query.Has(name) {
			query.Del(name)
			clean.RawQuery = query.Encode()
		}
	}
	return (*route.SnapshotURL)(&clean)
}

// savedVars returns the variables that the directive vars, or another handler,
// has set to plain values.
func savedVars(r *http.Request) map[string]any {
	vars, _ := r.Context().Value(caddyhttp.VarsCtxKey).(map[string]any)
	saved := make(map[string]any)
	for name, value := range vars {
		switch value.(type) {
		case string, bool, int, int64, float64:
			saved[name] = value
		}
	}
	// These are found anew, or are none of a destination's business.
	for _, name := range []string{caddyhttp.TrustedProxyVarKey, "unhandled"} {
		delete(saved, name)
	}
	return saved
}

// record returns what is stored for destinations of a webhook_deliver.
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
	return &deliver.Record{
		Key:      hex.EncodeToString(sum.Sum(nil)),
		ID:       s.Event.ID,
		Provider: s.Event.Provider,
		Event:    s.Event.Name,
		Received: s.Event.Received,
		Request:  request,
		Body:     s.body,
	}, nil
}

// restore is the inverse of record.
func restore(record *deliver.Record) (*savedRequest, error) {
	s := new(savedRequest)
	if err := json.Unmarshal(record.Request, s); err != nil || s.Event == nil || s.Event.URL == nil || s.URL == nil || s.OrigURL == nil {
		return nil, errors.New("the stored request cannot be read")
	}
	s.body = record.Body
	return s, nil
}

// request makes a request for a destination. Each one is of its own.
func (s *savedRequest) request(ctx context.Context, server *caddyhttp.Server, w http.ResponseWriter, number int) *http.Request {
	original, target := url.URL(*s.OrigURL), url.URL(*s.URL)
	r := &http.Request{
		Method: s.OrigMethod, URL: &original, RequestURI: original.RequestURI(), Proto: s.Proto,
		Header: s.Header.Clone(), Host: s.Host, RemoteAddr: s.RemoteAddr, Body: http.NoBody,
	}
	r.ProtoMajor, r.ProtoMinor, _ = http.ParseHTTPVersion(s.Proto)
	if s.TLS { // apps are told by it that the sender's connection was safe
		r.TLS = &tls.ConnectionState{HandshakeComplete: true, ServerName: s.Host}
	}
	repl := caddy.NewReplacer()
	r = caddyhttp.PrepareRequest(r.WithContext(ctx), repl, w, server)
	r.Method, r.URL, r.RequestURI = s.Method, &target, target.RequestURI()
	for name, value := range s.Vars {
		caddyhttp.SetVar(r.Context(), name, value)
	}
	replaceBody(r, s.body)
	r.Header.Set(headerAttempt, strconv.Itoa(number))
	event := s.Event.Event(r.Header, s.body)
	v := &verified{event: event} // the body's memory is nobody else's
	caddyhttp.SetVar(r.Context(), eventVar, v)
	repl.Map(func(key string) (any, bool) { return eventPlaceholder(v, key) })
	return r
}
