package diagnose

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// trimmed asks the built-in providers again, with the secrets without what was
// copied along with them.
func trimmed(r *Request, in *Input) *Finding {
	input := Input{PublicURL: in.PublicURL}
	for _, secret := range in.Secrets {
		input.Secrets = append(input.Secrets, trimSecret(secret))
	}
	if slices.Equal(input.Secrets, in.Secrets) {
		return nil
	}
	f := builtin(r, &input)
	if f == nil || f.Secret < 0 {
		return nil
	}
	f.trimmed = true
	return f
}

// hyphenated asks the built-in providers again, with hyphens in the names of
// headers in which something has put underscores or dots.
func hyphenated(r *Request, in *Input) *Finding {
	renamed := *r
	renamed.Header = make(http.Header)
	for name, values := range r.Header {
		hyphens := strings.NewReplacer("_", "-", ".", "-").Replace(name)
		renamed.Header[http.CanonicalHeaderKey(hyphens)] = values
	}
	if maps.EqualFunc(renamed.Header, r.Header, slices.Equal) {
		return nil
	}
	f := builtin(&renamed, in)
	if f == nil || f.Secret < 0 {
		return nil
	}
	f.Change = "with hyphens in the names of its headers"
	return f
}

// changed looks for what was done to the request, or the secret, on its way.
func changed(r *Request, in *Input, c *combinations) *Finding {
	for rewritten := range rewritings(r.Body) {
		if f := builtin(r.withBody(rewritten.body), in); f != nil && f.Secret >= 0 && f.result.Signed == verify.SignedBody {
			f.Change = "with the body " + rewritten.name
			return f
		}
	}
	for rewritten := range rewritings(r.Body) {
		other := newCombinations(r.withBody(rewritten.body), in)
		s, err := newSearch(other.candidates, other.keys, func(content *content, k key, p candidate) bool {
			return content.has(bodyComponent) && other.accept("hmac", content, k, p)
		})
		if err != nil {
			return nil
		}
		components := other.components
		components.body, components.others, components.urls, components.method = components.body[:1], upTo(components.others, 3), upTo(components.urls, 3), nil
		if s.run(func(f visit) bool { return components.common(nil, f) }, s.keyed) {
			other.found.Change = "with the body " + rewritten.name
			return other.found
		}
	}
	return nil
}
