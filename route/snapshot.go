package route

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// Snapshot is an event without its payload and headers, which a stored request
// has anyway: it can be written down, and be made an event again later, in
// another process or with a changed configuration.
type Snapshot struct {
	Provider     string            `json:"provider"`
	Ref          string            `json:"ref,omitempty"`      // in the archive
	Endpoint     string            `json:"endpoint,omitempty"` // where it arrived; empty for those of earlier versions
	Tenant       string            `json:"tenant,omitempty"`
	Vars         map[string]string `json:"vars,omitempty"` // as they were when it arrived
	Name         string            `json:"name,omitempty"`
	ID           string            `json:"id,omitempty"`
	Timestamp    time.Time         `json:"timestamp"`
	Received     time.Time         `json:"received"`
	Signed       verify.Coverage   `json:"signed"`
	Refusal      verify.Reason     `json:"refusal,omitempty"`       // Event.Refusal; empty if it was verified
	SignedFields []string          `json:"signed_fields,omitempty"` // those that signed() is true for, if Signed is not none
	Personal     []string          `json:"personal,omitempty"`      // paths, where the provider is not built in
	Categories   []string          `json:"categories,omitempty"`
	Required     bool              `json:"required,omitempty"` // Event.RequireSigned
	Vouched      vouched           `json:"vouched,omitempty"`
	Signatures   []string          `json:"signatures,omitempty"` // Event.StaleHeaders
	FormField    string            `json:"form_field,omitempty"` // where the JSON document of a form is
	Method       string            `json:"method"`               // as the client sent it
	URL          *SnapshotURL      `json:"url"`                  // that the client asked for

	// What is still at hand in the process that made the snapshot.
	provider          *verify.Provider
	finder, rewritten *payload.Finder
}

// SnapshotURL is a URL that is written down as text.
type SnapshotURL url.URL

// MarshalText writes the URL.
func (u *SnapshotURL) MarshalText() ([]byte, error) { return []byte((*url.URL)(u).String()), nil }

// UnmarshalText reads it.
func (u *SnapshotURL) UnmarshalText(text []byte) error {
	parsed, err := url.Parse(string(text))
	if err == nil {
		*u = SnapshotURL(*parsed)
	}
	return err
}

// read is what is read of the payloads of events that were written down.
var read payload.Finder

// Snapshot returns what has to be written down of an event.
func (e *Event) Snapshot() Snapshot {
	return Snapshot{
		Provider:     e.Provider,
		Endpoint:     e.Endpoint,
		Ref:          e.Ref,
		Tenant:       e.Tenant,
		Vars:         e.Vars,
		Name:         e.Name,
		ID:           e.ID,
		Timestamp:    e.Timestamp,
		Received:     e.Received,
		Signed:       e.Signed,
		Refusal:      e.refused(),
		SignedFields: e.identity.signedFields,
		Personal:     e.ownPersonal(),
		Categories:   e.Categories(),
		Required:     e.RequireSigned,
		Vouched:      e.vouched,
		Signatures:   e.StaleHeaders,
		FormField:    e.Body.FormField(),
		Method:       e.method,
		URL:          (*SnapshotURL)(e.url),
		provider:     e.provider,
		finder:       e.finder,
		rewritten:    e.rewritten,
	}
}

// refused is the word for why an event would have been refused.
func (e *Event) refused() verify.Reason {
	if e.Refusal == nil {
		return ""
	}
	return e.Refusal.Reason
}

// refusal is what an event has of that word again.
func (s *Snapshot) refusal() *verify.Error {
	if s.Refusal == "" {
		return nil
	}
	return &verify.Error{Reason: s.Refusal, Detail: "this was found when it arrived"}
}

// Event makes the event of a request that has header and body. It shares
// nothing with other events of the same snapshot that could be changed.
func (s *Snapshot) Event(header http.Header, body []byte) *Event {
	finder, rewritten := s.finder, s.rewritten
	if finder == nil {
		finder, rewritten = &read, &read
	}
	return &Event{
		Provider:     s.Provider,
		Endpoint:     cmp.Or(s.Endpoint, s.Provider),
		Ref:          s.Ref,
		Tenant:       s.Tenant,
		Vars:         s.Vars,
		Name:         s.Name,
		ID:           s.ID,
		Timestamp:    s.Timestamp,
		Received:     s.Received,
		Signed:       s.Signed,
		Refusal:      s.refusal(),
		Body:         payload.New(body, header.Get("Content-Type"), s.FormField),
		StaleHeaders: s.Signatures,
		method:       s.Method,
		url:          (*url.URL)(s.URL),
		header:       header,
		provider:     s.provider,
		finder:       finder,
		rewritten:    rewritten,
		identity:     &Identity{signedFields: s.SignedFields, personal: s.Personal},

		categories:  s.Categories,
		categorized: true,

		RequireSigned: s.Required,
		vouched:       s.Vouched,
	}
}

// signedAsListed reports whether a field is signed, from what was written down.
func (e *Event) signedAsListed(field string) bool {
	if e.Signed == verify.SignedNothing {
		return false
	}
	inBody := field == "body" || strings.HasPrefix(field, "body.") || strings.HasPrefix(field, "form.")
	return inBody && e.Signed == verify.SignedBody || slices.Contains(e.identity.signedFields, field)
}

// signedFields names what a provider signs, as signed() takes it.
func signedFields(p *verify.Provider) []string { return p.SignedPlaces() }
