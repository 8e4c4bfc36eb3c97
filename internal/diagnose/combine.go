package diagnose

import (
	"slices"
	"strings"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// combinations is the search for a provider that is not built in.
type combinations struct {
	request    *Request
	in         *Input
	candidates []candidate
	keys       []key
	components components

	found      *Finding
	incomplete bool
}

func newCombinations(r *Request, in *Input) *combinations {
	c := &combinations{request: r, in: in, keys: newKeys(in.Secrets)}
	texts := headerTexts(r.Header)
	texts = append(texts, valueTexts("query", r.URL.Query())...)
	body := payload.New(r.Body, r.Header.Get("Content-Type"), "")
	if body.IsForm() {
		form, _ := body.Form()
		texts = append(texts, valueTexts("form", form)...)
	} else {
		texts = append(texts, jsonTexts(r.Body)...)
	}
	c.candidates = slices.DeleteFunc(findCandidates(texts), func(p candidate) bool { return isHashOf(p.code, r.Body) })
	c.components = newComponents(r, c.candidates, in.PublicURL)
	return c
}

// find tries everything, the likelier things first.
func (c *combinations) find() (*Finding, error) {
	if f := c.token(); f != nil {
		return f, nil
	}
	if f := c.webToken(); f != nil {
		return f, nil
	}
	s, err := newSearch(c.candidates, c.keys, func(content *content, k key, p candidate) bool {
		return c.accept("hmac", content, k, p)
	})
	if err != nil {
		return nil, err
	}
	prefixes := c.prefixes()
	found := s.run(func(f visit) bool { return c.components.common(prefixes, f) }, s.keyed)
	s.onlyLikelyKeys()
	found = found ||
		s.run(c.components.inside, s.keyed) ||
		s.run(c.components.canonical, s.keyed) ||
		s.run(c.components.selected, s.keyed) ||
		s.run(c.components.holders, s.keyed)
	if !found {
		s.accept = func(content *content, k key, p candidate) bool { return c.accept("digest", content, k, p) }
		s.run(c.components.digests, s.digest)
	}
	c.incomplete = s.incomplete
	return c.found, nil
}

// prefixes are what stands before signatures: some providers sign it, too.
func (c *combinations) prefixes() []string {
	var list []string
	for _, p := range c.candidates {
		if prefix := p.signature.Prefix; prefix != "" && !slices.Contains(list, prefix) {
			list = append(list, prefix)
		}
	}
	return list[:min(len(list), 3)]
}

// accept has the verifier confirm what was found, so that it is the verifier
// that will accept the next request.
func (c *combinations) accept(scheme string, content *content, k key, p candidate) bool {
	spec, config, ok := own(c.request, content, k, p, scheme)
	if !ok || c.tells(p.signature.Prefix) {
		return false
	}
	secret := c.in.Secrets[k.secret]
	if k.trimmed {
		secret = trimSecret(secret)
	}
	config.Secrets = []string{secret}
	t := try(c.request, spec, config)
	if t.err != nil && spec.RefuseSeparators {
		spec.RefuseSeparators = false
		t = try(c.request, spec, config)
	}
	if t.err != nil {
		return false
	}
	c.found = &Finding{
		Provider: spec.Name, spec: spec, Secret: k.secret, publicURL: config.PublicURL, trimmed: k.trimmed, result: t.result,
	}
	return true
}

// tells reports whether a text that would be printed holds a secret.
func (c *combinations) tells(printed string) bool {
	return slices.ContainsFunc(c.in.Secrets, func(secret string) bool { return strings.Contains(printed, secret) })
}

// token looks for a secret that is sent as it is.
func (c *combinations) token() *Finding {
	texts := headerTexts(c.request.Header)
	texts = append(texts, valueTexts("query", c.request.URL.Query())...)
	for i, secret := range c.in.Secrets {
		for _, t := range texts {
			prefix, sent := strings.CutSuffix(t.value, secret)
			if !sent || t.repeated || len(prefix) > 0 && !strings.HasSuffix(prefix, " ") && !strings.HasSuffix(prefix, "=") {
				continue
			}
			p := candidate{signature: verify.Signature{From: []string{t.name}}}
			spec := &verify.Spec{Name: p.ownName(), Scheme: "token", Token: &verify.Token{From: t.name, Prefix: prefix}}
			spec.Event, spec.ID = guessEvent(c.request), guessID(c.request)
			if f := c.confirm(spec, &verify.Config{Secrets: []string{secret}}, i); f != nil {
				return f
			}
		}
		if user, password, ok := strings.Cut(secret, ":"); ok && password != "" {
			spec := &verify.Spec{Name: "custom", Scheme: "basic", Event: guessEvent(c.request), ID: guessID(c.request)}
			config := &verify.Config{Basic: []verify.Account{{Username: user, Password: password}}}
			if f := c.confirm(spec, config, i); f != nil {
				f.basic = true
				return f
			}
		}
	}
	return nil
}

// webToken looks for a JSON Web Token that a secret has signed.
func (c *combinations) webToken() *Finding {
	for _, t := range headerTexts(c.request.Header) {
		token, ok := parseToken(t.value)
		if !ok || !strings.HasPrefix(token.algorithm, "HS") {
			continue
		}
		for i, secret := range c.in.Secrets {
			for _, encoding := range []string{"", "base64", "hex"} {
				prefix := token.prefix
				p := candidate{signature: verify.Signature{From: []string{t.name}}}
				spec := &verify.Spec{
					Name: p.ownName(), Scheme: "jwt", Key: encoding,
					JWT: &verify.JWT{From: t.name, Prefix: &prefix, Algorithms: []string{token.algorithm}},
				}
				spec.Event, spec.ID = guessEvent(c.request), guessID(c.request)
				if f := c.confirm(spec, &verify.Config{Secrets: []string{secret}}, i); f != nil {
					return f
				}
			}
		}
	}
	return nil
}

func (c *combinations) confirm(spec *verify.Spec, config *verify.Config, secret int) *Finding {
	t := try(c.request, spec, config)
	if t.err != nil {
		return nil
	}
	return &Finding{Provider: spec.Name, spec: spec, Secret: secret, result: t.result}
}

// signedInHead reports whether a header has the form of a signature. What is
// signed is not a handshake that anybody may send.
func (c *combinations) signedInHead() bool {
	return slices.ContainsFunc(c.candidates, func(p candidate) bool { return strings.HasPrefix(p.signature.From[0], "header.") })
}
