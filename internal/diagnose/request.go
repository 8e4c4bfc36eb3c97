package diagnose

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// Request is a webhook as it was captured.
type Request struct {
	Method string
	URL    *url.URL // with a host; the scheme is empty where it is unknown
	Header http.Header
	Body   []byte

	// Received is when it arrived; where that is unknown, now.
	Received time.Time
}

// verifiable makes of the request what a verifier takes. Its URL is complete,
// by https where the scheme is unknown.
func (r *Request) verifiable(spec *verify.Spec, at time.Time) *verify.Request {
	target := *r.URL
	if target.Scheme == "" {
		target.Scheme = "https"
	}
	header := r.Header.Clone()
	header.Del("Content-Encoding") // it is reported apart
	return &verify.Request{
		Method: r.Method, URL: &target, Header: header, ClientIP: netip.Addr{}, Received: at,
		Body: payload.New(r.Body, r.Header.Get("Content-Type"), spec.FormField),
	}
}

// withBody returns a copy of the request that has another body.
func (r *Request) withBody(body []byte) *Request {
	changed := *r
	changed.Body = body
	return &changed
}

// tokenTime returns the time at which a JSON Web Token in one of the headers
// was good, and the time of arrival where there is none.
func (r *Request) tokenTime() time.Time {
	for _, values := range r.Header {
		for _, value := range values {
			if token, ok := parseToken(value); ok && !token.goodAt.IsZero() {
				return token.goodAt
			}
		}
	}
	return r.Received
}

// webToken is what is to be known of a JSON Web Token without its key.
type webToken struct {
	prefix    string // what stands before it
	algorithm string
	goodAt    time.Time // zero where it does not say
}

// parseToken finds a JSON Web Token at the end of a header's value.
func parseToken(value string) (webToken, bool) {
	token := value[strings.LastIndexAny(value, " =")+1:]
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return webToken{}, false
	}
	found := webToken{prefix: strings.TrimSuffix(value, token)}
	var head struct {
		Algorithm string `json:"alg"`
	}
	var claims struct {
		Issued  json.Number `json:"iat"`
		Expires json.Number `json:"exp"`
		After   json.Number `json:"nbf"`
	}
	if !decodePart(parts[0], &head) || head.Algorithm == "" || !decodePart(parts[1], &claims) {
		return webToken{}, false
	}
	found.algorithm = head.Algorithm
	for _, moment := range []struct {
		claim  json.Number
		offset time.Duration
	}{{claims.After, 0}, {claims.Issued, 0}, {claims.Expires, -time.Second}} {
		if seconds, err := moment.claim.Float64(); err == nil && seconds > 0 {
			found.goodAt = time.Unix(int64(seconds), 0).Add(moment.offset)
			break
		}
	}
	return found, true
}

// decodePart reads a part of a JSON Web Token.
func decodePart(part string, to any) bool {
	raw, err := base64.RawURLEncoding.DecodeString(part)
	return err == nil && json.Unmarshal(raw, to) == nil
}
