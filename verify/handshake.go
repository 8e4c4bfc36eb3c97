package verify

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
)

// maxEcho is the longest text, in bytes, that a handshake's answer repeats: it
// is the sender's choice.
const maxEcho = 1024

// Answer is what a handshake is answered with.
type Answer struct {
	Status      int
	Header      map[string]string
	ContentType string // empty without a body
	Body        []byte

	// Show is the secret that the provider makes up; empty where it makes up none.
	// Nothing proves that it has sent this.
	Show string
}

// handshake is a Handshake ready for use.
type handshake struct {
	spec    Handshake
	present []field
	absent  []field
	equal   []fieldValue
	headers map[string]template
	text    template
	json    map[string]any // templates and literal values
	hmac    *field
	show    *field
}

type fieldValue struct {
	field
	want string
}

func compileHandshakes(spec *Spec) ([]handshake, error) {
	var compiled []handshake
	for i := range spec.Handshakes {
		h, err := compileHandshake(spec.Handshakes[i])
		if err != nil {
			return nil, fmt.Errorf("handshake %d: %w", i+1, err)
		}
		if h.spec.Verify == "token" && spec.Token == nil {
			return nil, fmt.Errorf("handshake %d: verify is token, but token does not say where it is", i+1)
		}
		compiled = append(compiled, h)
	}
	return compiled, nil
}

func compileHandshake(spec Handshake) (handshake, error) {
	h := handshake{spec: spec}
	switch spec.Verify {
	case "none", "token", "signature":
	case "":
		h.spec.Verify = "signature"
	default:
		return h, fmt.Errorf("verify is %q; it can be none, token or signature", spec.Verify)
	}
	for _, list := range []struct {
		names []string
		to    *[]field
	}{{spec.When.Present, &h.present}, {spec.When.Absent, &h.absent}} {
		for _, name := range list.names {
			f, err := parseField(name)
			if err != nil {
				return h, err
			}
			*list.to = append(*list.to, f)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(spec.When.Equal)) {
		f, err := parseField(name)
		if err != nil {
			return h, err
		}
		h.equal = append(h.equal, fieldValue{f, spec.When.Equal[name]})
	}
	if spec.When.Method == "" && len(h.present)+len(h.equal) == 0 {
		return h, errors.New("when says nothing, so every request would be one")
	}
	return h, h.compileAnswer()
}

func (h *handshake) compileAnswer() error {
	respond := &h.spec.Respond
	if respond.Status == 0 {
		respond.Status = http.StatusOK
	}
	if respond.Status < 200 || respond.Status > 599 {
		return fmt.Errorf("status is %d; it can be 200 to 599", respond.Status)
	}
	var err error
	if h.text, err = parseTemplate(respond.Text); err != nil {
		return err
	}
	h.headers = make(map[string]template)
	for name, text := range respond.Headers {
		if h.headers[name], err = parseTemplate(text); err != nil {
			return err
		}
	}
	h.json = make(map[string]any)
	for name, value := range respond.JSON {
		h.json[name] = value
		if text, ok := value.(string); ok {
			if h.json[name], err = parseTemplate(text); err != nil {
				return err
			}
		}
	}
	if respond.HMAC != "" {
		f, err := parseField(respond.HMAC)
		if err != nil {
			return err
		}
		h.hmac = &f
	}
	if h.spec.Show != "" {
		f, err := parseField(h.spec.Show)
		if err != nil {
			return err
		}
		h.show = &f
	}
	return nil
}

func (h *handshake) prepare(finder *payload.Finder) {
	for _, fields := range [][]field{h.present, h.absent} {
		for i := range fields {
			fields[i].prepare(finder, false)
		}
	}
	for i := range h.equal {
		h.equal[i].prepare(finder, false)
	}
	for _, t := range h.headers {
		t.prepare(finder, false)
	}
	for _, value := range h.json {
		if t, ok := value.(template); ok {
			t.prepare(finder, false)
		}
	}
	h.text.prepare(finder, false)
	for _, f := range []*field{h.hmac, h.show} {
		if f != nil {
			f.prepare(finder, false)
		}
	}
}

// matches reports whether a message is this handshake. Before the body is
// read, only what stands in the head is asked.
func (h *handshake) matches(m *message) bool {
	if h.spec.When.Method != "" && h.spec.When.Method != m.Method {
		return false
	}
	early := m.Body == nil
	for i := range h.present {
		if early && !h.present[i].inHead() {
			if !h.present[i].mayBeIn(m) {
				return false
			}
			continue
		}
		if _, present, err := m.text(&h.present[i]); err != nil || !present {
			return false
		}
	}
	for i := range h.absent {
		if early && !h.absent[i].inHead() {
			continue
		}
		if _, present, err := m.text(&h.absent[i]); err != nil || present {
			return false
		}
	}
	for i := range h.equal {
		if early && !h.equal[i].inHead() {
			if !h.equal[i].mayBeIn(m) {
				return false
			}
			continue
		}
		if value, _, err := m.text(&h.equal[i].field); err != nil || value != h.equal[i].want {
			return false
		}
	}
	return true
}

// mayBeIn reports whether a field can be in the body of a message, as far as
// its head says.
func (f *field) mayBeIn(m *message) bool {
	return f.kind != formField || payload.HasFields(payload.MediaType(m.Header.Get("Content-Type")))
}

// answer makes the answer to a message that is this handshake.
func (h *handshake) answer(m *message, newCode func(text string) []byte) (*Answer, error) {
	if h.hmac != nil {
		text, _, err := m.text(h.hmac)
		if err != nil {
			return nil, refuse(Malformed, "%v", err)
		}
		if h.spec.Verify == "none" && !isChallenge(text) {
			return nil, refuse(Malformed, "the handshake wants something else than a challenge to be signed")
		}
		m.hmac = encodings[defaultText(h.spec.Respond.HMACEncoding, "hex")].encode(newCode(text))
	}
	a := &Answer{Status: h.spec.Respond.Status, Header: make(map[string]string)}
	for name, t := range h.headers {
		value, err := echo(t, m)
		if err != nil {
			return nil, err
		}
		a.Header[name] = value
	}
	if h.show != nil {
		a.Show, _ = echo(template{*h.show}, m)
	}
	return a, h.writeBody(a, m)
}

// signsChallenges reports whether a handshake signs texts for anybody. Bodies
// that could be such texts are then no events.
func (p *Provider) signsChallenges() bool {
	return slices.ContainsFunc(p.handshakes, func(h handshake) bool { return h.hmac != nil && h.spec.Verify == "none" })
}

// maxChallenge is the longest text, in bytes, that is signed for anybody.
const maxChallenge = 256

// isChallenge reports whether text may be signed for somebody who has proven
// nothing. It must not be what a body can be, or the answer would be the
// signature that a forged webhook needs: no JSON object, array or form of
// several fields consists of these characters.
func isChallenge(text string) bool {
	const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._~+/=-"
	return text != "" && len(text) <= maxChallenge && strings.Trim(text, allowed) == ""
}

func (h *handshake) writeBody(a *Answer, m *message) error {
	switch {
	case len(h.json) > 0:
		object := make(map[string]any, len(h.json))
		for name, value := range h.json {
			object[name] = value
			if t, ok := value.(template); ok {
				text, err := echo(t, m)
				if err != nil {
					return err
				}
				object[name] = text
			}
		}
		a.ContentType = "application/json"
		var err error
		a.Body, err = payload.Encode(object)
		return err
	case len(h.text) > 0:
		text, err := echo(h.text, m)
		a.ContentType = "text/plain; charset=utf-8"
		a.Body = []byte(text)
		return err
	}
	return nil
}

// echo fills in a template of an answer. What a sender chose must be short and
// printable, so that the answer cannot be made to carry anything else.
func echo(t template, m *message) (string, error) {
	text, present, err := t.text(m)
	switch {
	case err != nil || !present:
		return "", refuse(Malformed, "the handshake lacks what it wants to see again")
	case len(text) > maxEcho:
		return "", refuse(Malformed, "the handshake wants more than %d bytes to be repeated", maxEcho)
	}
	for _, c := range []byte(text) {
		if c < ' ' || c == 0x7f {
			return "", refuse(Malformed, "the handshake wants control characters to be repeated")
		}
	}
	return text, nil
}

// handshake returns the answer to a message that is a handshake, or nil.
func (v *Verifier) handshake(m *message, verified bool) (*Answer, error) {
	for i := range v.provider.handshakes {
		h := &v.provider.handshakes[i]
		if verified != (h.spec.Verify == "signature") || !h.matches(m) {
			continue
		}
		if h.spec.Verify == "token" {
			if v.handshakeToken == nil {
				return nil, refuse(MissingToken, "the handshake needs a token, and none is configured; write token")
			}
			if err := v.handshakeToken.check(m); err != nil {
				return nil, err
			}
		}
		return h.answer(m, func(text string) []byte { return v.code(m, text) })
	}
	return nil, nil
}

// code is the HMAC of a text with the secret that has verified the message.
// Where nothing has, the provider does not say which one it holds: then it is
// the first.
func (v *Verifier) code(m *message, text string) []byte {
	newHash, key := sha256.New, []byte(nil)
	for _, c := range v.checks {
		if s := signedBy(c, m); s != nil {
			if h, ok := s.authority.(*hmacKeys); ok {
				newHash, key = h.newHash, h.keys[0].secret
				if m.matched != nil {
					key = m.matched.secret
				}
			}
		}
	}
	hasher := hmac.New(newHash, key)
	hasher.Write([]byte(text))
	return hasher.Sum(nil)
}
