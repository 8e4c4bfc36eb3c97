package handlers

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-webhooks/caddy-webhooks/route"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// appName is the app's module ID and the name of the global option.
const appName = "webhooks"

const (
	// eventVar is the request variable that holds the *verified.
	eventVar = "webhook"

	// placeholderPrefix begins all placeholders of this module.
	placeholderPrefix = "http.webhook."

	// errorPlaceholder holds the reason of a refusal.
	errorPlaceholder = placeholderPrefix + "error"
)

// Headers that tell the upstream what was verified.
const (
	headerPrefix     = "Webhook-"
	headerProvider   = headerPrefix + "Provider"
	headerEvent      = headerPrefix + "Event"
	headerDeliveryID = headerPrefix + "Delivery-Id"
)

// proxiedStatus is the placeholder in which reverse_proxy notes its upstream's
// status.
const proxiedStatus = "http.reverse_proxy.status_code"

// VerifiedEvent returns the event of a request that webhook_auth has let pass.
func VerifiedEvent(r *http.Request) (*route.Event, bool) {
	v, ok := verifiedOf(r)
	if !ok {
		return nil, false
	}
	return v.event, true
}

func verifiedOf(r *http.Request) (*verified, bool) {
	v, ok := caddyhttp.GetVar(r.Context(), eventVar).(*verified)
	return v, ok && v.body.keep()
}

// verified is an event and what its payload came in.
type verified struct {
	event *route.Event
	body  buffer
	held  heldBody // the request's body, as it came
}

// String keeps the payload out of {http.vars.webhook}, which shows whatever stands
// in the variable.
func (v *verified) String() string { return "webhook of " + v.event.Provider }

// holder returns what a rewritten payload is in: the buffer it came in, where
// nothing was changed and its memory is used again, else nil.
func (v *verified) holder(payload []byte) *buffer {
	if v.body.holds(payload) {
		return v.body.shared()
	}
	return nil
}

// eventPlaceholder answers for {http.webhook.*}. A value that is absent is
// empty, so that a placeholder never shows as written.
func eventPlaceholder(v *verified, key string) (any, bool) {
	event := v.event
	name, ok := strings.CutPrefix(key, placeholderPrefix)
	if !ok {
		return nil, false
	}
	switch name {
	case "provider":
		return event.Provider, true
	case "endpoint":
		return event.Endpoint, true
	case "signed":
		return string(event.Signed), true
	case "error":
		return "", true // it was not refused
	}
	if !event.MayRead(name) {
		tellUnsigned(event, name)
		return "", true
	}
	switch name {
	case "event":
		return event.Name, true
	case "id":
		return event.ID, true
	case "timestamp":
		return event.Timestamp.UTC().Format(time.RFC3339Nano), true
	}
	if path, ok := strings.CutPrefix(name, "body."); ok && v.body.keep() {
		value, _ := event.Lookup(path)
		return value, true
	}
	return "", true
}

// ambiguous is the answer to a verified request whose payload has a name twice
// that a rule or a rewrite reads.
func ambiguous(r *http.Request) error { return refusedLater(r, verify.Malformed) }

// refusedLater is the answer to a verified request that is refused nevertheless.
func refusedLater(r *http.Request, reason verify.Reason) error {
	if repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok {
		repl.Set(errorPlaceholder, string(reason))
	}
	return caddyhttp.Error(statuses[reason], errors.New(string(reason)))
}

// overloaded is the answer to a verified request if there was no room for what was
// decoded of its payload; nil if there was. What was decided meanwhile does not count.
func (v *verified) overloaded(r *http.Request) error {
	if refusal := v.body.refusal(); refusal != nil {
		return refusedLater(r, refusal.Reason)
	}
	return nil
}

// laterReason returns why a request was refused after it had been verified; it
// is empty if it was not.
func laterReason(r *http.Request) string {
	if repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok {
		reason, _ := repl.GetString(errorPlaceholder)
		return reason
	}
	return ""
}

// removeSpoofable removes what a sender could have set to deceive the
// upstream: headers in our name, and their names in Connection, which would
// make the proxy remove ours.
func removeSpoofable(r *http.Request, keep map[string]bool) {
	for name := range r.Header {
		if isOurs(name) && (!keep[name] || name == headerProvider || name == headerEvent || name == headerDeliveryID) {
			delete(r.Header, name)
		}
	}
	if lines, ok := r.Header["Connection"]; ok {
		r.Header["Connection"] = keepTokens(lines)
	}
}

// isOurs reports whether a header is in this module's name. Upstreams may take
// an underscore for a hyphen.
func isOurs(name string) bool {
	return len(name) >= len(headerPrefix) && name[0]|' ' == 'w' && // what follows is slow
		strings.EqualFold(strings.ReplaceAll(name[:len(headerPrefix)], "_", "-"), headerPrefix)
}

// keepTokens returns the tokens of Connection that name no headers: a sender
// could otherwise have the proxy remove those that were verified or made here.
func keepTokens(lines []string) []string {
	var kept []string
	for _, line := range lines {
		for token := range strings.SplitSeq(line, ",") {
			switch token = strings.TrimSpace(token); strings.ToLower(token) {
			case "close", "keep-alive", "upgrade", "te":
				kept = append(kept, token)
			}
		}
	}
	return kept
}

// addEventHeaders tells the upstream what was verified. Where only what is signed
// may be read, that is all it tells.
func addEventHeaders(r *http.Request, event *route.Event) {
	values := [...]string{event.Provider, event.ReadableName(), event.ReadableID()}
	for i, name := range [...]string{headerProvider, headerEvent, headerDeliveryID} {
		if values[i] != "" {
			values[i] = route.HeaderText(values[i])
			r.Header[name] = values[i : i+1 : i+1]
		}
	}
}
