package archive

import (
	"time"

	"github.com/google/uuid"
)

// Record is a request as it is kept. It does not change once it was handed over.
type Record struct {
	Summary

	// Head is the request's line and its headers, as HTTP/1.1 has them, with the empty
	// line after them. Body is what follows; Summary.Omitted says why it is absent.
	Head, Body []byte
}

// Request returns the request as HTTP/1.1 has it.
func (r *Record) Request() []byte {
	return append(append(make([]byte, 0, len(r.Head)+len(r.Body)), r.Head...), r.Body...)
}

// Summary is what a list shows of a record.
type Summary struct {
	// Ref names the record. Those of later requests are greater, as texts.
	Ref string `json:"ref"`

	// Received is when the request arrived.
	Received time.Time `json:"received"`

	// Provider is the provider's name.
	Provider string `json:"provider"`

	// Endpoint is the name of the endpoint where it arrived.
	Endpoint string `json:"endpoint"`

	// Server is Caddy's name of the server where it arrived.
	Server string `json:"server,omitempty"`

	// Tenant is whose it is, or is said to be; empty where nobody is told apart.
	Tenant string `json:"tenant,omitempty"`

	// Event is the event's name. If the request was refused, that is what it claims.
	Event string `json:"event,omitempty"`

	// ID is the delivery's id, likewise.
	ID string `json:"id,omitempty"`

	// Stated is when the provider says that it happened; zero where that is unknown.
	Stated time.Time `json:"stated,omitzero"`

	// Signed is how much of it the provider has signed: body, fields or none; empty if it
	// was refused.
	Signed string `json:"signed,omitempty"`

	// Outcome is what became of the request, in one word: accepted, or the reason of a
	// refusal.
	Outcome string `json:"outcome"`

	// Detail is why exactly.
	Detail string `json:"detail,omitempty"`

	// Refused is whether the request was refused, and is kept in quarantine.
	Refused bool `json:"refused,omitempty"`

	// Route is the block that took it, such as on 1.
	Route string `json:"route,omitempty"`

	// Status is that of the answer; 0 if it is unknown.
	Status int `json:"status,omitempty"`

	// Duration is how long the handlers after verification took, in nanoseconds.
	Duration time.Duration `json:"duration,omitempty"`

	// ClientIP is the sender's address.
	ClientIP string `json:"client_ip,omitempty"`

	// Scheme is http or https.
	Scheme string `json:"scheme"`

	// Host is the host that was asked.
	Host string `json:"host"`

	// Method is the method.
	Method string `json:"method"`

	// URI is the path and the query. Credentials in it are replaced.
	URI string `json:"uri"`

	// Proto is the version of HTTP by which it came.
	Proto string `json:"proto"`

	// FormField is the field of a form that holds the payload, if one does.
	FormField string `json:"form_field,omitempty"`

	// Size is that of the body as it came, in bytes.
	Size int `json:"size"`

	// Redacted is whether something of the body was left out, so that its signature
	// is not right any more.
	Redacted bool `json:"redacted,omitempty"`

	// Omitted is why the body is not kept.
	Omitted string `json:"omitted,omitempty"`

	// Later is what became of it since, the earliest first.
	Later []Note `json:"later,omitempty"`
}

// Note is what became of a record after it was handed over.
type Note struct {
	// Ref names the record. It is empty where the note stands beside its record.
	Ref string `json:"ref,omitempty"`

	// At is when it happened.
	At time.Time `json:"at"`

	// Outcome is what happened, in one word: delivered, dead or resent.
	Outcome string `json:"outcome"`

	// Destination is where it was delivered, or could not be.
	Destination string `json:"destination,omitempty"`

	// Attempts is how often it was attempted there.
	Attempts int `json:"attempts,omitempty"`

	// Status is that of the app's answer; 0 if there was none.
	Status int `json:"status,omitempty"`
}

// The outcomes of notes.
const (
	Delivered = "delivered" // a destination has taken it
	Dead      = "dead"      // it was given up for a destination
	Resent    = "resent"    // an operator had it handed over again
)

// NewRef returns a ref that no other record has, and that is greater than all that this
// process has made.
func NewRef() string { return uuid.Must(uuid.NewV7()).String() }

// RefTime returns when a ref was made; the zero time for what is no ref.
func RefTime(ref string) time.Time {
	id, err := uuid.Parse(ref)
	if err != nil || id.Version() != 7 {
		return time.Time{}
	}
	return time.Unix(id.Time().UnixTime())
}
