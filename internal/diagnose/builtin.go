package diagnose

import (
	"slices"
	"strings"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// originals are the providers whose scheme others have taken over. Where a
// request does not show whose it is, it is theirs.
var originals = []string{"standard-webhooks", "svix", "github", "bitbucket"}

// builtin returns what the built-in providers make of a request: the likeliest
// first, and nothing if none verifies it.
func builtin(r *Request, in *Input) *Finding {
	var found []*Finding
	for _, name := range verify.BuiltinNames() {
		spec, _ := verify.Builtin(name)
		if f := builtinWith(r, in, spec); f != nil {
			found = append(found, f)
		}
	}
	return likeliest(found)
}

// builtinWith tries one provider with each secret.
func builtinWith(r *Request, in *Input, spec *verify.Spec) *Finding {
	if len(spec.Scheme) == 0 || spec.Scheme == "none" || spec.Scheme == "basic" || tokenForAll(spec) {
		return nil
	}
	var handshake *Finding
	for i, secret := range in.Secrets {
		for _, public := range urlsFor(r, in, spec) {
			config := &verify.Config{Provider: spec.Name, Secrets: []string{secret}, PublicURL: public}
			t := try(r, spec, config)
			if t.err != nil {
				continue
			}
			f := &Finding{
				Provider: spec.Name, Builtin: true, spec: spec, Secret: i, publicURL: public,
				Handshake: t.result.Handshake != nil, result: t.result,
			}
			f.score = resemblance(r, spec, t.result)
			if t.signed {
				return f
			}
			f.Secret, handshake = -1, f
		}
	}
	return handshake
}

// tokenForAll reports whether a provider's token is where anybody's may be.
func tokenForAll(spec *verify.Spec) bool {
	return spec.Scheme == "token" && (spec.Token == nil || spec.Token.From == "" || spec.Token.From == "header.Authorization")
}

// urlsFor returns the public URLs to try: one alone where it does not matter.
func urlsFor(r *Request, in *Input, spec *verify.Spec) []string {
	for _, segment := range spec.Content {
		if strings.Contains(segment.Text, "{url") {
			return publicURLs(r, in.PublicURL)
		}
	}
	return []string{""}
}

// likeliest joins findings into the first, which is the one that the request
// resembles most. Those that a secret has proven come before the others.
func likeliest(found []*Finding) *Finding {
	if len(found) == 0 {
		return nil
	}
	slices.SortStableFunc(found, func(a, b *Finding) int {
		if proven := min(b.Secret, 0) - min(a.Secret, 0); proven != 0 {
			return proven
		}
		if a.score != b.score {
			return b.score - a.score
		}
		return originality(a.Provider) - originality(b.Provider)
	})
	first := found[0]
	for _, other := range found[1:] {
		if min(other.Secret, 0) == min(first.Secret, 0) {
			first.Also = append(first.Also, other.Provider)
		}
	}
	return first
}

func originality(provider string) int {
	if i := slices.Index(originals, provider); i >= 0 {
		return i
	}
	return len(originals)
}

// resemblance counts what besides the signature speaks for a provider.
func resemblance(r *Request, spec *verify.Spec, result *verify.Result) int {
	score := 0
	for _, source := range slices.Concat(spec.Event, spec.ID) {
		if name, ok := strings.CutPrefix(source, "header."); ok && r.Header.Get(name) != "" {
			score += 2
		}
	}
	if result.Event != "" {
		score++
	}
	if slices.Contains(spec.Events, result.Event) {
		score += 4
	}
	if result.ID != "" {
		score++
	}
	score += 2 * len(spec.Require)
	ours := strings.ReplaceAll(spec.Name, "-", "")
	for name, values := range r.Header {
		name = strings.ReplaceAll(strings.ToLower(name), "-", "")
		agent := name == "useragent" && strings.Contains(strings.ToLower(strings.Join(values, " ")), strings.ToLower(spec.Title))
		if agent || strings.Contains(name, ours) {
			score += 3
		}
	}
	if strings.Contains(strings.ToLower(r.URL.Path), spec.Name) {
		score += 2
	}
	return score
}
