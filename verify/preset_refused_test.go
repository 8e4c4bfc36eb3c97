package verify_test

import (
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// refused is a webhook with the reason for which it must be refused; without
// one it must be accepted.
type refused struct {
	name string
	hook hook
	want verify.Reason
}

func checkAll(t *testing.T, v *verify.Verifier, tests []refused) {
	t.Helper()
	for _, test := range tests {
		if _, got := test.hook.send(t, v); got != test.want {
			t.Errorf("%s: refused for %q; want %q", test.name, got, test.want)
		}
	}
}

// credential is where a preset's credential stands, and how it is refused.
type credential struct {
	place
	missing, bad verify.Reason
	blank        verify.Reason // white space alone
	twice        verify.Reason // two values
}

func (p *preset) credential() credential {
	c := credential{missing: verify.MissingToken, bad: verify.BadToken}
	switch {
	case p.kind == "basic", p.kind == "token" && p.spec.Token == nil:
		c.place = place{"header", "Authorization"}
	case p.kind == "token", p.spec.Scheme == "token":
		c.place = p.place(p.spec.Token.From)
	case p.spec.Scheme == "jwt":
		c.place = place{"header", "Authorization"}
		if p.spec.JWT.From != "" {
			c.place = p.place(p.spec.JWT.From)
		}
	default:
		c.missing, c.bad = verify.MissingSignature, verify.BadSignature
		from := map[string]string{"aws_sns": "body.Signature", "paypal": "header.Paypal-Transmission-Sig"}[p.spec.Scheme]
		if from == "" {
			from = p.spec.Signature.From[0]
		}
		c.place = p.place(from)
		c.blank = c.missing
	}
	if c.blank == "" || p.spec.Scheme == "aws_sns" || p.spec.Scheme == "paypal" {
		c.blank = c.bad
	}
	c.twice = c.bad
	if c.kind == "body" || c.kind == "form" {
		c.twice = verify.Malformed
	}
	return c
}

// Whatever is wrong with the credential, the webhook is refused for it.
func TestPresetCredentials(t *testing.T) {
	eachPreset(t, func(t *testing.T, p *preset) {
		v, good, at := p.verifier(t), p.good(t), p.credential()
		other := newWay(t, p.whole, p.kind, "other", p.way-1)
		forged, ok := at.get(t, other.good(t))
		if p.spec.Scheme == "aws_sns" || p.spec.Scheme == "paypal" {
			forged = base64.StdEncoding.EncodeToString(make([]byte, 256))
		}
		value, _ := at.get(t, good)
		if value == "" || forged == "" || value == forged || !ok && p.spec.Signature != nil {
			t.Fatalf("the credential in %s is %q, by another key %q", at.place, value, forged)
		}
		tests := []refused{
			{"as it is", good, ""},
			{"absent", at.drop(t, good), at.missing},
			{"empty", at.set(t, good, ""), at.missing},
			{"blank", at.set(t, good, " \t"), at.blank},
			{"by another key", at.set(t, good, forged), at.bad},
			{"truncated", at.set(t, good, value[:len(value)-2]), at.bad},
			{"cut in half", at.set(t, good, value[:len(value)/2]), at.bad},
			{"lengthened", at.set(t, good, value+"00"), at.bad},
		}
		if p.spec.Signature == nil || p.spec.Signature.List == nil || p.spec.Signature.List.Tag != "*" {
			tests = append(tests, refused{"with text before it", at.set(t, good, "x"+value), at.bad})
		}
		if p.spec.Signature == nil || !p.spec.Signature.Repeated || p.kind != "secret" {
			tests = append(tests,
				refused{"twice", at.double(t, good, value, value), at.twice},
				refused{"and another after it", at.double(t, good, value, forged), at.twice},
				refused{"and another before it", at.double(t, good, forged, value), at.twice},
			)
		} else {
			tests = append(tests,
				refused{"and another after it", at.double(t, good, value, forged), ""},
				refused{"and another before it", at.double(t, good, forged, value), ""},
				refused{"two wrong ones", at.double(t, good, forged, forged), at.bad},
			)
		}
		if p.kind == "token" || p.spec.Scheme == "jwt" {
			tests = append(tests, refused{"in upper case", at.set(t, good, strings.ToUpper(value)), at.bad})
		}
		checkAll(t, v, tests)
	})
}

// editSignature changes the encoded signature that stands inside a value.
func (p *preset) editSignature(t *testing.T, value string, edit func(encoded string) string) string {
	t.Helper()
	spec := p.spec.Signature
	before, encoded := "", value
	if list := spec.List; list != nil {
		at := strings.LastIndex(value, list.Separator) + len(list.Separator)
		if !strings.Contains(value, list.Separator) {
			at = 0
		}
		if list.Assign != "" {
			at += strings.Index(value[at:], list.Assign) + len(list.Assign)
		}
		before, encoded = value[:at], value[at:]
	}
	if !strings.HasPrefix(encoded, spec.Prefix) {
		t.Fatalf("%q has no signature that begins with %q", value, spec.Prefix)
	}
	return before + spec.Prefix + edit(strings.TrimPrefix(encoded, spec.Prefix))
}

// otherFirst returns an encoded signature with another first digit.
func otherFirst(encoded string) string {
	if encoded[0] == '0' {
		return "1" + encoded[1:]
	}
	return "0" + encoded[1:]
}

// What the head of a request lacks is found before a byte of the body is read.
func TestPresetHeads(t *testing.T) {
	eachPreset(t, func(t *testing.T, p *preset) {
		at := p.credential()
		unproven := slices.ContainsFunc(p.spec.Handshakes, func(h verify.Handshake) bool { return h.Verify != "signature" })
		if at.kind != "header" && at.kind != "query" || unproven {
			return
		}
		v := p.verifier(t)
		r := at.drop(t, p.good(t)).request(t, v)
		r.Body = nil
		if err := v.Admit(r); err == nil || reason(t, err) != at.missing {
			t.Errorf("Admit without a body: %v; want %s", err, at.missing)
		}
	})
}

// The bytes of a signature have one way to be written, and all of them count.
func TestPresetSignatures(t *testing.T) {
	eachPreset(t, func(t *testing.T, p *preset) {
		if p.kind != "secret" || p.spec.Signature == nil {
			return
		}
		encodings := map[string]struct {
			decode func(string) ([]byte, error)
			encode func([]byte) string
		}{
			"hex":       {hex.DecodeString, hex.EncodeToString},
			"base64":    {base64.StdEncoding.DecodeString, base64.StdEncoding.EncodeToString},
			"base64url": {base64.RawURLEncoding.DecodeString, base64.RawURLEncoding.EncodeToString},
		}
		own := p.spec.Signature.Encoding
		good, at := p.good(t), p.credential()
		value, _ := at.get(t, good)
		as := func(edit func([]byte) string) hook {
			return at.set(t, good, p.editSignature(t, value, func(encoded string) string {
				raw, err := encodings[own].decode(encoded)
				if err != nil || len(raw) < 20 {
					t.Fatalf("%q is not a signature in %s: %v", encoded, own, err)
				}
				return edit(raw)
			}))
		}
		text := func(edit func(string) string) hook { return at.set(t, good, p.editSignature(t, value, edit)) }
		upper := at.bad
		if own == "hex" {
			upper = ""
		}
		nothing := at.bad
		list := p.spec.Signature.List
		bare := list == nil || list.Assign == "" && (p.spec.Timestamp == nil || p.spec.Timestamp.Tag == "")
		if p.spec.Signature.Prefix == "" && bare {
			nothing = at.missing
		}
		tests := []refused{
			{"in upper case", text(strings.ToUpper), upper},
			{"nothing after the prefix", text(func(string) string { return "" }), nothing},
			{"with a sign that is none", text(func(encoded string) string { return "!" + encoded[1:] }), at.bad},
			{"with another first digit", text(otherFirst), at.bad},
			{"with a space inside", text(func(encoded string) string { return encoded[:8] + " " + encoded[8:] }), at.bad},
			{"first bit", as(func(raw []byte) string { raw[0] ^= 0x80; return encodings[own].encode(raw) }), at.bad},
			{"last bit", as(func(raw []byte) string { raw[len(raw)-1] ^= 1; return encodings[own].encode(raw) }), at.bad},
			{"one byte short", as(func(raw []byte) string { return encodings[own].encode(raw[:len(raw)-1]) }), at.bad},
			{"half", as(func(raw []byte) string { return encodings[own].encode(raw[:len(raw)/2]) }), at.bad},
			{"one byte", as(func(raw []byte) string { return encodings[own].encode(raw[:1]) }), at.bad},
			{"one byte more", as(func(raw []byte) string { return encodings[own].encode(append(raw, 0)) }), at.bad},
			{"twice", as(func(raw []byte) string { return encodings[own].encode(slices.Concat(raw, raw)) }), at.bad},
			{"zeros", as(func(raw []byte) string { return encodings[own].encode(make([]byte, len(raw))) }), at.bad},
		}
		if p.spec.Signature.Prefix != "" {
			bare := p.editSignature(t, value, func(encoded string) string { return "<" + encoded })
			bare = strings.Replace(bare, p.spec.Signature.Prefix+"<", "", 1)
			tests = append(tests, refused{"without its prefix", at.set(t, good, bare), at.bad})
		}
		for name, encoding := range encodings {
			if name == own || strings.TrimSuffix(name, "url") == strings.TrimSuffix(own, "url") {
				continue
			}
			tests = append(tests, refused{"in " + name, as(encoding.encode), at.bad})
		}
		checkAll(t, p.verifier(t), tests)
	})
}

// A webhook of one endpoint is refused at all others.
func TestPresetsAmongOthers(t *testing.T) {
	all := presets(t, "")
	hooks := make([]hook, len(all))
	for i, p := range all {
		hooks[i] = p.good(t)
	}
	for _, receiver := range all {
		v := receiver.verifier(t)
		for j, sender := range all {
			if result, refused := hooks[j].send(t, v); refused == "" && (sender.spec.Name != receiver.spec.Name || sender.kind != receiver.kind) {
				t.Errorf("%s by %s accepts what %s signed by %s: %+v", receiver.spec.Name, receiver.kind, sender.spec.Name, sender.kind, result)
			}
		}
	}
}

// Nothing is accepted by a key that is empty or not one.
func TestPresetEmptyKeys(t *testing.T) {
	eachPreset(t, func(t *testing.T, p *preset) {
		var configs []*verify.Config
		for _, empty := range []string{"", " ", "\t\r\n", "\u00a0"} {
			switch p.kind {
			case "secret":
				configs = append(configs, &verify.Config{Secrets: []string{empty}},
					&verify.Config{Secrets: append(slices.Clone(p.receiver.Secrets), empty)})
			case "token":
				configs = append(configs, &verify.Config{Tokens: []string{empty}},
					&verify.Config{Tokens: append(slices.Clone(p.receiver.Tokens), empty)})
			case "basic":
				configs = append(configs, &verify.Config{Basic: []verify.Account{{Username: "user"}}})
			}
		}
		for _, config := range configs {
			if _, err := verify.New(p.whole, config); err == nil {
				t.Errorf("New accepts %+v", config)
			}
		}
	})
}

// Before anything else, a webhook has to come by the right method and as it
// is.
func TestPresetTransport(t *testing.T) {
	eachPreset(t, func(t *testing.T, p *preset) {
		v, good := p.verifier(t), p.good(t)
		for _, method := range []string{"TRACE", "BREW", "post"} {
			h := good.clone()
			h.method = method
			if _, got := h.send(t, v); got != verify.BadMethod {
				t.Errorf("%s: refused for %q; want %q", method, got, verify.BadMethod)
			}
		}
		for _, encoding := range []string{"gzip", "deflate", "br", "identity, gzip"} {
			h := good.clone()
			h.header.Set("Content-Encoding", encoding)
			h.expect(t, v, verify.BadEncoding)
		}
	})
}

// A time that is signed is checked, after the signature.
func TestPresetTolerance(t *testing.T) {
	eachPreset(t, func(t *testing.T, p *preset) {
		if p.kind != "secret" || p.spec.Signature == nil || p.spec.Timestamp == nil {
			return
		}
		windows := []verify.Duration{verify.Duration(time.Minute)}
		if p.spec.Timestamp.Tolerance > 0 {
			windows = append(windows, 0)
		}
		for _, window := range windows {
			p.receiver.Tolerance, p.sender.Tolerance = window, window
			if window == 0 {
				window = p.spec.Timestamp.Tolerance
			}
			v, good, at := p.verifier(t), p.good(t), p.credential()
			for _, direction := range []time.Duration{-1, 1} {
				edge, beyond := good.clone(), good.clone()
				edge.received = now.Add(direction * time.Duration(window))
				beyond.received = edge.received.Add(direction * time.Second)
				edge.expect(t, v, "")
				beyond.expect(t, v, verify.Stale)
				value, _ := at.get(t, beyond)
				wrong := p.editSignature(t, value, otherFirst)
				at.set(t, beyond, wrong).expect(t, v, verify.BadSignature)
			}
		}
	})
}
