package verify

import (
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
)

// Request is a webhook as it arrived. A Request is checked by one Verifier and
// is not safe for concurrent use.
type Request struct {
	Method   string        // as sent
	URL      *url.URL      // what the client asked for, with scheme and host
	Header   http.Header   // as received
	ClientIP netip.Addr    // who sent it; the zero Addr where unknown
	Received time.Time     // when it arrived
	Body     *payload.Body // nil until Admit has let the request pass

	claims   *claims // of the token that Admit has checked
	checking message // what is known in the course of it
	result   Result
	body     payload.Body
}

// SetBody sets Body to the bytes that arrived with the request. It is
// called once.
func (r *Request) SetBody(raw []byte, formField string) {
	r.body.Init(raw, r.Header.Get("Content-Type"), formField)
	r.Body = &r.body
}

// Coverage says how much of a request the provider vouches for with its
// signature.
type Coverage string

// The coverages. With a token or Basic credentials nothing is signed: they say
// who sent the request, not that it is unchanged.
const (
	SignedNothing Coverage = "none"   // nothing is signed
	SignedFields  Coverage = "fields" // some values of the request
	SignedBody    Coverage = "body"   // every byte of the body
)

// Result is what a verified request turned out to be.
type Result struct {
	Event     string    // the event's name; empty where none was found
	ID        string    // the delivery's id; empty where none was found
	Timestamp time.Time // when the provider says it happened; zero where unknown
	Signed    Coverage  // how much the signature covers

	// Unreadable is why the event's name or the delivery's id could not be read,
	// though they may be there; nil if they could. Its text holds no payload.
	Unreadable error

	// NoTime is why there is no Timestamp, though the provider states a time: it
	// cannot be read, or it cannot be right. Its text holds no payload.
	NoTime error

	// Refusal is why the request would have been refused, where an endpoint only
	// observes; nil for one that is verified.
	Refusal *Error

	// Used says which credentials were right.
	Used Used

	// Handshake is not nil if the request is no event but a handshake, which
	// is to be answered with it.
	Handshake *Answer
}
