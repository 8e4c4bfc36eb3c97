package webhook

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-webhooks/caddy-webhooks/route"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// AppName is the app's module ID and the name of the global option.
const AppName = "webhooks"

const (
	// EventVar is the request variable that holds the *verified.
	EventVar = "webhook"

	// placeholderPrefix begins all placeholders of this module.
	placeholderPrefix = "http.webhook."

	// ErrorPlaceholder holds the reason of a refusal.
	ErrorPlaceholder = placeholderPrefix + "error"
)

// Headers that tell the upstream what was verified.
const (
	HeaderPrefix     = "Webhook-"
	headerProvider   = HeaderPrefix + "Provider"
	headerEvent      = HeaderPrefix + "Event"
	HeaderDeliveryID = HeaderPrefix + "Delivery-Id"
	headerVerified   = HeaderPrefix + "Verified" // false: the endpoint only observes, and would have refused it
)

// madeHere are the headers that nobody else may set, whatever a provider's scheme reads.
var madeHere = []string{headerProvider, headerEvent, HeaderDeliveryID, headerVerified}

// ProxiedStatus is the placeholder in which reverse_proxy notes its upstream's
// status.
const ProxiedStatus = "http.reverse_proxy.status_code"

// VerifiedEvent returns the event of a request that webhook_auth has let pass. Where
// an endpoint only observes, its Refusal says whether it was verified.
func VerifiedEvent(r *http.Request) (*route.Event, bool) {
	v, ok := VerifiedOf(r)
	if !ok {
		return nil, false
	}
	return v.Event, true
}

func VerifiedOf(r *http.Request) (*Verified, bool) {
	v, ok := caddyhttp.GetVar(r.Context(), EventVar).(*Verified)
	return v, ok && v.Buffer.available()
}

// Verified is an event and what its payload came in.
type Verified struct {
	Event  *route.Event
	Buffer Buffer
	Body   Body // the request's body, as it came

	// Delivered is set by webhook_deliver, whose attempts tell what apps answer: its
	// own answer is none of an app.
	Delivered bool

	Proxied Placeholders // of the exchange with an app that webhook_forward has made last; nil: it has made none
}

// Placeholders answers for placeholders.
type Placeholders interface {
	Placeholder(key string) (any, bool)
}

// String keeps the payload out of {http.vars.webhook}, which shows whatever stands
// in the variable.
func (v *Verified) String() string { return "webhook of " + v.Event.Provider }

// BufferOf returns what a rewritten payload is in: the buffer it came in, where
// nothing was changed and its memory is used again, else nil.
func (v *Verified) BufferOf(payload []byte) *Buffer {
	if v.Buffer.holds(payload) {
		return v.Buffer.Shared()
	}
	return nil
}

// EventPlaceholder answers for {http.webhook.*}. A value that is absent is
// empty, so that a placeholder never shows as written.
func EventPlaceholder(v *Verified, key string) (any, bool) {
	event := v.Event
	name, ok := strings.CutPrefix(key, placeholderPrefix)
	if !ok {
		return proxiedPlaceholder(v, key)
	}
	switch name {
	case "provider":
		return event.Provider, true
	case "endpoint":
		return event.Endpoint, true
	case "tenant":
		return event.Tenant, true
	case "signed":
		return string(event.Signed), true
	case "error":
		return ReasonOf(event), true
	}
	if variable, ok := strings.CutPrefix(name, "tenant."); ok {
		return event.Vars[variable], true
	}
	if !event.MayRead(name) {
		TellUnsigned(event, name)
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
	if path, ok := strings.CutPrefix(name, "body."); ok && v.Buffer.available() {
		value, _ := event.Lookup(path)
		return value, true
	}
	return "", true
}

// ReasonOf is why an event would have been refused, where an endpoint only observes;
// it is empty for one that is verified.
func ReasonOf(event *route.Event) string {
	if event.Refusal == nil {
		return ""
	}
	return string(event.Refusal.Reason)
}

// proxiedPlaceholder answers for what webhook_forward has done with the webhook.
func proxiedPlaceholder(v *Verified, key string) (any, bool) {
	if v.Proxied == nil {
		return nil, false
	}
	return v.Proxied.Placeholder(key)
}

// Ambiguous is the answer to a verified request whose payload has a name twice
// that a rule or a rewrite reads.
func Ambiguous(r *http.Request) error { return Refuse(r, verify.Malformed) }

// Refuse is the answer to a verified request that is refused nevertheless.
func Refuse(r *http.Request, reason verify.Reason) error {
	if repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok {
		repl.Set(ErrorPlaceholder, string(reason))
	}
	return caddyhttp.Error(Statuses[reason], errors.New(string(reason)))
}

// Overloaded is the answer to a verified request if there was no room for what was
// decoded of its payload; nil if there was. What was decided meanwhile does not count.
func (v *Verified) Overloaded(r *http.Request) error {
	if refusal := v.Buffer.Refusal(); refusal != nil {
		return Refuse(r, refusal.Reason)
	}
	return nil
}

// RefusalReason returns why a request was refused after it had been verified; it
// is empty if it was not.
func RefusalReason(r *http.Request) string {
	if repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok {
		reason, _ := repl.GetString(ErrorPlaceholder)
		return reason
	}
	return ""
}

// RemoveSpoofable removes what a sender could have set to deceive the
// upstream: headers in our name, and their names in Connection, which would
// make the proxy remove ours.
func RemoveSpoofable(r *http.Request, keep map[string]bool) {
	for name := range r.Header {
		if isOurs(name) && (!keep[name] || slices.Contains(madeHere, name)) {
			delete(r.Header, name)
		}
	}
	if lines, ok := r.Header["Connection"]; ok {
		r.Header["Connection"] = endHere(r.Header, lines)
	}
}

// isOurs reports whether a header is in this module's name. Upstreams may take
// an underscore for a hyphen.
func isOurs(name string) bool {
	return len(name) >= len(HeaderPrefix) && name[0]|' ' == 'w' && // what follows is slow
		strings.EqualFold(strings.ReplaceAll(name[:len(HeaderPrefix)], "_", "-"), HeaderPrefix)
}

// endHere removes the headers that Connection names, which were for this hop only,
// and returns its tokens that name none. The proxy would do it later, when a sender
// could have it remove what was made here. What does not end here, whatever is said of
// it, are headers in our name, which are gone or made anew.
func endHere(header http.Header, lines []string) []string {
	var kept []string
	for _, line := range lines {
		for token := range strings.SplitSeq(line, ",") {
			switch token = strings.TrimSpace(token); strings.ToLower(token) {
			case "close", "keep-alive", "upgrade", "te":
				kept = append(kept, token)
			case "connection":
			default:
				if !isOurs(token) {
					header.Del(token)
				}
			}
		}
	}
	return kept
}

// AddEventHeaders tells the upstream what was verified, or that it was not. Where
// only what is signed may be read, that is all it tells.
func AddEventHeaders(r *http.Request, event *route.Event) {
	values := [...]string{event.Provider, event.ReadableName(), event.ReadableID()}
	for i, name := range [...]string{headerProvider, headerEvent, HeaderDeliveryID} {
		if values[i] != "" {
			values[i] = route.HeaderText(values[i])
			r.Header[name] = values[i : i+1 : i+1]
		}
	}
	if event.Refusal != nil {
		r.Header[headerVerified] = []string{"false"}
	}
}
