package diagnose

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/caddy-webhooks/caddy-webhooks/internal/suggest"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// Endpoint is where a request was refused.
type Endpoint struct {
	Spec   *verify.Spec
	Config *verify.Config // with its credentials
	Others []Secrets      // of other endpoints
}

// Secrets are those of an endpoint.
type Secrets struct {
	Provider string
	Values   []string
}

// MaxNear is the largest body, in bytes, for which near misses are looked for.
const MaxNear = 64 << 10

// Near says what would have made a refused request verify. It tries a bounded
// number of variants, each of which changes one thing. Where nothing is near
// it says what that leaves.
func Near(r *Request, e *Endpoint, refused *verify.Error) []string {
	n := nearness{request: r, endpoint: e}
	switch refused.Reason {
	case verify.Stale:
		return n.clock()
	case verify.BadSignature, verify.MissingSignature, verify.Malformed:
	default:
		return nil
	}
	if len(e.Config.Secrets) == 0 || e.Spec.Scheme == "token" {
		return nil
	}
	for _, look := range []func() string{n.secret, n.url, n.writing, n.provider, n.body} {
		if found := look(); found != "" {
			return []string{found}
		}
	}
	return n.nothing(refused)
}

// nearness is one search for near misses.
type nearness struct {
	request  *Request
	endpoint *Endpoint
}

// verifies reports whether a variant of the request, the description or the
// configuration verifies. A handshake that anybody may send does not count.
func (n *nearness) verifies(r *Request, spec *verify.Spec, change func(*verify.Config)) bool {
	config := n.config()
	if change != nil {
		change(&config)
	}
	t := try(r, spec, &config)
	return t.err == nil && t.signed
}

// config is what the operator says of the signature, and of nothing else.
func (n *nearness) config() verify.Config {
	c := n.endpoint.Config
	return verify.Config{Provider: c.Provider, Secrets: c.Secrets, Content: c.Content, ID: c.ID, PublicURL: c.PublicURL}
}

// clock explains a request whose signature is right and whose time is not.
func (n *nearness) clock() []string {
	config := n.config()
	t := try(n.request, n.endpoint.Spec, &config)
	if refused, ok := errors.AsType[*verify.Error](t.err); ok && refused.Reason == verify.Malformed {
		return []string{"the signature is right, but " + refused.Detail + "; look at the unit of timestamp"}
	}
	if t.err != nil {
		return nil
	}
	if problem := t.result.NoTime; problem != nil {
		return []string{"the signature is right, but the time that it covers cannot be: " + problem.Error() + "; look at the unit of timestamp"}
	}
	if t.result.Timestamp.IsZero() {
		return nil
	}
	skew := n.request.Received.Sub(t.result.Timestamp)
	note := fmt.Sprintf("the signature is right, but the time that it covers is %s", age(skew))
	return []string{note + ": check the clock here, or whether the request was stored or repeated on its way"}
}

// secret tries the configured secrets without what was copied along with them,
// and those of other endpoints.
func (n *nearness) secret() string {
	for i, secret := range n.endpoint.Config.Secrets {
		trimmed := trimSecret(secret)
		if trimmed != secret && n.verifies(n.request, n.endpoint.Spec, func(c *verify.Config) { c.Secrets = []string{trimmed} }) {
			return fmt.Sprintf("secret %d without the white space or quotation marks around it", i+1)
		}
	}
	for _, other := range n.endpoint.Others {
		if n.verifies(n.request, n.endpoint.Spec, func(c *verify.Config) { c.Secrets = other.Values }) {
			return "a secret of another endpoint, which is one for " + other.Provider
		}
	}
	return ""
}

// url tries the URLs that the provider may have signed.
func (n *nearness) url() string {
	in := Input{PublicURL: n.endpoint.Config.PublicURL}
	for _, public := range urlsFor(n.request, &in, n.endpoint.Config.Effective(n.endpoint.Spec)) {
		if public != "" && n.verifies(n.request, n.endpoint.Spec, func(c *verify.Config) { c.PublicURL = public }) {
			return "public_url " + public
		}
	}
	return ""
}

// writing tries other hashes, encodings, keys and candidates, with the content
// that the provider is known to sign.
func (n *nearness) writing() string {
	if n.endpoint.Spec.Signature == nil {
		return ""
	}
	c := newCombinations(n.request, &Input{Secrets: n.endpoint.Config.Secrets})
	for _, p := range c.candidates[:min(len(c.candidates), 8)] {
		if c.tells(p.signature.Prefix) || len(p.signature.Prefix) > 40 {
			continue
		}
		for _, encoding := range slices.Concat([]string{n.endpoint.Spec.Key}, keyEncodings) {
			spec := *n.endpoint.Spec
			signature := p.signature
			spec.Signature, spec.Hash, spec.Key, spec.Require = &signature, hashes[len(p.code)], encoding, nil
			if t := spec.Timestamp; t != nil && t.Tag != "" && p.timeTag != "" {
				changed := *t
				changed.Tag = p.timeTag
				spec.Timestamp = &changed
			}
			if n.verifies(n.request, &spec, nil) {
				return n.describe(&spec)
			}
		}
	}
	return ""
}

// describe says what the description would have to be.
func (n *nearness) describe(found *verify.Spec) string {
	var list []string
	if from := n.endpoint.Spec.Signature.From[0]; !strings.EqualFold(from, found.Signature.From[0]) {
		list = append(list, fmt.Sprintf("the signature in %s instead of %s", found.Signature.From[0], from))
	}
	for _, d := range differences(found, n.endpoint.Spec) {
		if !strings.HasPrefix(d, "content ") {
			list = append(list, d)
		}
	}
	return strings.Join(list, ", ")
}

// provider tries the other built-in providers.
func (n *nearness) provider() string {
	f := builtin(n.request, &Input{Secrets: n.endpoint.Config.Secrets, PublicURL: n.endpoint.Config.PublicURL})
	if f == nil || f.Secret < 0 || f.Provider == n.endpoint.Spec.Name {
		return ""
	}
	return "provider " + strings.Join(append([]string{f.Provider}, f.Also...), " or ") + " at this path"
}

// body tries the bodies that may have been sent where this one came.
func (n *nearness) body() string {
	for rewritten := range rewritings(n.request.Body) {
		if n.verifies(n.request.withBody(rewritten.body), n.endpoint.Spec, nil) {
			return "the body " + rewritten.name + ": something before Caddy has changed it"
		}
	}
	return ""
}

// nothing says what is left where nothing is near.
func (n *nearness) nothing(refused *verify.Error) []string {
	if refused.Reason != verify.MissingSignature || n.endpoint.Spec.Signature == nil {
		return []string{"nothing that was tried: the secret is another one, or the body was changed in another way; " +
			"caddy webhooks diagnose tries more"}
	}
	name, inHeader := strings.CutPrefix(n.endpoint.Spec.Signature.From[0], "header.")
	if !inHeader {
		return nil
	}
	var names []string
	for header := range n.request.Header {
		if !slices.Contains(usual, header) {
			names = append(names, header)
		}
	}
	slices.Sort(names)
	if near := suggest.Nearest(name, names); near != "" && !strings.EqualFold(near, name) {
		return []string{fmt.Sprintf("there is no header %s, but one named %s, whose value is no signature that verifies", name, near)}
	}
	return []string{fmt.Sprintf("there is no header %s, and none with a like name: the provider does not sign, or the header was "+
		"removed; Caddy removes headers with an underscore or a dot in their name", name)}
}
