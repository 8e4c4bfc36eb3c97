package diagnose

import (
	"fmt"
	"strings"
	"time"
)

// clues says what was seen of a request that nothing accounts for, and what to
// look at.
func clues(r *Request, c *combinations) []string {
	var list []string
	for _, p := range c.candidates {
		where := p.signature.From[0]
		if p.signature.Prefix != "" && !c.tells(p.signature.Prefix) {
			where += " after " + strings.TrimSpace(p.signature.Prefix)
		}
		if l := p.signature.List; l != nil && l.Tag != "" {
			where += ", entry " + l.Tag
		}
		list = append(list, fmt.Sprintf("%s holds %d bytes in %s, as %s makes them", where, len(p.code),
			p.signature.Encoding, strings.ToUpper(hashes[len(p.code)])))
	}
	for _, t := range c.components.times {
		where := "tag " + t.time.Tag + " of the signature"
		if t.time.Tag == "" {
			where = t.time.From[0]
		}
		if at, ok := statedTime(string(t.value), t.time.Unit); ok {
			list = append(list, fmt.Sprintf("%s states a time: %s, %s", where, at.UTC().Format(time.RFC3339), age(r.Received.Sub(at))))
		}
	}
	if len(c.candidates) == 0 {
		list = append(list, "no header, parameter or field has the form of a signature (a SHA-1, SHA-256, SHA-384 or "+
			"SHA-512 code in hex or base64)", "check that the capture has all headers: Caddy and many proxies drop those "+
			"with an underscore in their name")
		return append(list, c.oddities()...)
	}
	list = append(list, c.oddities()...)
	return append(list,
		"check the secret: that of this very endpoint, the current one, copied as a whole",
		"check the body: it must be byte for byte what came over the wire, taken before any proxy, framework or log "+
			"has parsed it",
		"check the URL, if the provider signs it: give the one that you entered there as --public-url",
		"where the provider signs with a private key, the secret must be its public key")
}

// oddities are what speaks against an ordinary webhook.
func (c *combinations) oddities() []string {
	var list []string
	r := c.request
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		list = append(list, "the body is compressed (Content-Encoding); a running Caddy refuses that")
	}
	if scheme, _, _ := strings.Cut(r.Header.Get("Authorization"), " "); strings.EqualFold(scheme, "Basic") {
		list = append(list, "header.Authorization holds Basic credentials: give --secret user:password")
	}
	for _, t := range headerTexts(r.Header) {
		if token, ok := parseToken(t.value); ok {
			list = append(list, fmt.Sprintf("%s holds a JSON Web Token (%.10s)", t.name, token.algorithm))
		}
	}
	if len(r.Body) == 0 {
		list = append(list, "the captured request has no body")
	}
	return list
}

// age says how long ago something was, or will be.
func age(d time.Duration) string {
	when := "ago"
	if d < 0 {
		d, when = -d, "ahead"
	}
	if d > 48*time.Hour {
		return fmt.Sprintf("%d days %s", int(d.Hours()/24), when)
	}
	return d.Round(time.Second).String() + " " + when
}
