package verify_test

import (
	"crypto/ed25519"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// Whether content can be taken apart is decided when it compiles.
func TestJointsCompile(t *testing.T) {
	const bare, dropped = "nothing stands between", "is dropped"
	tests := []struct{ content, want string }{
		{`"{body}"`, ""},
		{`"{timestamp}{body}"`, ""},
		{`"{body}{timestamp}"`, ""},
		{`"{header.X-T}{body}"`, ""}, // it is the time
		{`"{id}{timestamp}{body}"`, ""},
		{`"{id}{body}"`, ""},
		{`"{url}{body}"`, ""},
		{`"{body}{url}"`, ""},
		{`"{method}{url}{body}{timestamp}"`, ""},
		{`"{timestamp}{header.X-Nonce}{key}{body}"`, ""},
		{`"{id}.{timestamp}.{body}"`, ""},
		{`"{body}.{header.X-Nonce}.{timestamp}"`, ""},
		{`"{url.base}.{header.X-Nonce}"`, ""},
		{`"{timestamp}.{url}.{body}"`, ""},
		{`"{method}\n{path}\n{timestamp}\n{header.X-Nonce}\n{body}\n"`, ""},
		{`"{body.a}|{body.b}|{body.c}"`, ""},
		{`"{timestamp}{body.token}"`, ""},
		{`["{body.a}:",{"text":"{body.b}","ambiguous":true},":{body.c}"]`, ""},
		{`[{"text":"{body.a}{body.b}{body.c}","ambiguous":true},"{key}"]`, ""},
		{`"{url}{form.sorted}"`, ""}, // a vendor's form; what it proves is documented
		{`[{"text":"a:{body.a};","absent":"drop"},{"text":"b:{header.B};","absent":"drop"},"t:{timestamp};"]`, ""},
		{`["{timestamp}.",{"text":"{header.A}.","absent":"drop"},"{body}"]`, ""},

		{`"{header.A}{header.B}"`, bare},
		{`"{body.a}{body.b}"`, bare},
		{`"{body.a}{body.b}.{body}"`, bare},
		{`"{id}{header.A}{body}"`, bare},
		{`"{header.A}{timestamp}{header.B}"`, bare}, // ten digits in the middle, but where?
		{`"{crc32}{header.A}{body}"`, bare},
		{`"{url}{header.A}{body}"`, bare},
		{`["{header.A}","{header.B}"]`, bare},
		{`"{url}.{path}.{body}"`, "can hold the text that follows it"},
		{`[{"text":"{timestamp}","absent":"drop"},"{id}.{body}"]`, "cannot be told from"},
		{`[{"text":"{body.a}{body.b}","ambiguous":true},{"text":"{body.c}","ambiguous":true}]`, "only one segment"},
		{`[{"text":"{body.a}{body}","absent":"drop"},"{method}"]`, dropped},
		{`[{"text":"{key}{body.a}","absent":"drop"},"{body}"]`, dropped},
		{`[{"text":"{body.a}","absent":"drop"}]`, dropped},
		{`[{"text":"a{body.a}","absent":"drop"},{"text":"b{body.b}","absent":"drop"}]`, dropped},
		{`"{header.X-T}"`, "names no part"},
	}
	for _, test := range tests {
		spec, err := verify.ParseSpec([]byte(`{"name":"x","scheme":"hmac","signature":{"from":["header.X-S"]},
			"timestamp":{"from":["header.X-T"]},"id":["header.X-ID"],"content":` + test.content + `}`))
		if err != nil {
			t.Fatal(err)
		}
		_, err = verify.Compile(spec)
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: %v; want %q", test.content, err, test.want)
		}
	}
}

// A hash of the body that is not signed itself proves nothing.
func TestBodyHashIsSigned(t *testing.T) {
	for content, want := range map[string]bool{
		`"{method}{header.X-Hash}"`: true, `"{method}{header.X-Other}"`: false, `"{header.X-Hash}|{path}"`: true,
	} {
		spec, err := verify.ParseSpec([]byte(`{"name":"x","scheme":"hmac","signature":{"from":["header.X-S"]},
			"body_hash":{"from":"header.X-Hash"},"content":` + content + `}`))
		if err != nil {
			t.Fatal(err)
		}
		if _, err = verify.Compile(spec); (err == nil) != want {
			t.Errorf("%s: %v", content, err)
		}
	}
}

// What is computed out of the body, or is no statement of the request, proves
// nothing about the body. The error says where a computed hash belongs.
func TestBodyHashIsStated(t *testing.T) {
	for _, from := range []string{
		"sha256.hex", "sha256.base64", "crc32", "body", "headers", "headers.names", "form.sorted", "form.php", "method",
		"path", "uri", "url", "url.base", "timestamp", "id", "key", "hmac", "item.hash",
	} {
		spec, err := verify.ParseSpec([]byte(`{"name":"x","scheme":"hmac","signature":{"from":["header.X-S"]},
			"timestamp":{"from":["header.X-T"]},"id":["header.X-ID"],"headers":{"from":"header.X-Signed","join":"\\n"},"for_each":"body.items",
			"body_hash":{"from":"` + from + `"},"content":"{body}{` + from + `}"}`))
		if err != nil {
			t.Fatal(err)
		}
		_, err = verify.Compile(spec)
		if err == nil || !strings.Contains(err.Error(), "body_hash: a request cannot state the hash in "+from) {
			t.Errorf("%s: %v", from, err)
		}
		if computed := strings.HasPrefix(from, "sha256."); err != nil && strings.Contains(err.Error(), "{"+from+"}") != computed {
			t.Errorf("%s: %v", from, err)
		}
	}
	for _, from := range []string{"header.X-Hash", "query.hash", "form.hash", "body.hash"} {
		spec, err := verify.ParseSpec([]byte(`{"name":"x","scheme":"hmac","signature":{"from":["header.X-S"]},
			"body_hash":{"from":"` + from + `"},"content":"{` + from + `}|{path}"}`))
		if err != nil {
			t.Fatal(err)
		}
		if _, err = verify.Compile(spec); err != nil {
			t.Errorf("%s: %v", from, err)
		}
	}
}

// segmentParts are the texts and fields of content, in their order.
var segmentParts = regexp.MustCompile(`\{([^{}]+)\}|[^{}]+`)

// signedPart is a part of what a preset signs: a text, or a field and where it
// stands.
type signedPart struct {
	text, field string
	read        func(hook) string
	write       func(hook, string) (hook, bool)
}

// signedParts reads the content of a preset.
func (p *preset) signedParts(t *testing.T) []signedPart {
	t.Helper()
	var parts []signedPart
	for _, segment := range p.spec.Content {
		for _, match := range segmentParts.FindAllStringSubmatch(segment.Text, -1) {
			if match[1] == "" {
				parts = append(parts, signedPart{text: match[0]})
				continue
			}
			parts = append(parts, p.signedPart(t, match[1]))
		}
	}
	return parts
}

func (p *preset) signedPart(t *testing.T, name string) signedPart {
	t.Helper()
	part := signedPart{field: name}
	at := func(at place) signedPart {
		part.read = func(h hook) string {
			text, _ := at.get(t, h)
			return text
		}
		part.write = func(h hook, text string) (hook, bool) { return at.set(t, h, text), true }
		return part
	}
	switch name {
	case "body":
		part.read = func(h hook) string { return h.body }
		part.write = func(h hook, text string) (hook, bool) {
			h = h.clone()
			h.body = text
			return h, true
		}
	case "url":
		part.read = func(h hook) string { return mustURL(t, h.url).String() }
		part.write = func(h hook, text string) (hook, bool) {
			h = h.clone()
			h.url = text
			parsed, err := url.Parse(text)
			return h, err == nil && strings.HasPrefix(text, "https://hooks.example.com/") && parsed.String() == text
		}
	case "method", "key", "form.sorted", "form.php", "crc32", "headers", "headers.names", "sha256.hex", "sha256.base64":
		return part // nothing that a sender writes
	case "id", "timestamp":
		if places := p.statedAt(name); len(places) > 0 {
			return at(places[0])
		}
		list, header := p.spec.Signature.List, place{"header", strings.TrimPrefix(p.spec.Signature.From[0], "header.")}
		before := p.spec.Timestamp.Tag + list.Assign
		if list.Assign == "" {
			before = ""
		}
		part.read = func(h hook) string {
			value, _ := header.get(t, h)
			stamp, _, _ := strings.Cut(value, list.Separator)
			return strings.TrimPrefix(stamp, before)
		}
		part.write = func(h hook, text string) (hook, bool) {
			value, _ := header.get(t, h)
			_, rest, _ := strings.Cut(value, list.Separator)
			return header.set(t, h, before+text+list.Separator+rest), true
		}
	default:
		return at(p.place(name))
	}
	return part
}

// divisible are the presets whose signed fields can be divided in another way,
// and why: such fields count as not signed.
var divisible = map[string]string{
	"paymob":   "nothing stands between twenty values of the transaction",
	"midtrans": "nothing stands between the order's id, the status code and the amount",
}

// Between the parts of what a preset signs no byte can be moved, in either
// direction, whether the time is checked or not: the joined text is divided in
// every other way.
func TestPresetJoints(t *testing.T) {
	tried := 0
	signing(t, func(t *testing.T, p *preset) {
		for _, window := range []verify.Duration{0, verify.Off} {
			p.receiver.Tolerance, p.sender.Tolerance = window, window
			v, good := p.verifier(t), p.good(t)
			parts := p.signedParts(t)
			for i := range parts {
				between := ""
				for k := i + 1; k < len(parts) && parts[i].read != nil; k++ {
					if parts[k].field == "" {
						between += parts[k].text
						continue
					}
					if parts[k].read == nil {
						break
					}
					left, right := parts[i].read(good), parts[k].read(good)
					joined := left + between + right
					for n := range len(joined) - len(between) + 1 {
						if n == len(left) || joined[n:n+len(between)] != between {
							continue
						}
						h, ok := parts[i].write(good, joined[:n])
						if ok {
							h, ok = parts[k].write(h, joined[n+len(between):])
						}
						if !ok {
							continue
						}
						tried++
						if _, refused := h.send(t, v); refused == "" {
							if divisible[p.spec.Name] != "" && !v.Provider().Signs(parts[i].field) && !v.Provider().Signs(parts[k].field) {
								continue
							}
							t.Fatalf("%d bytes of %s and %s are another division of what is signed, and accepted (tolerance %s)",
								n-len(left), parts[i].field, parts[k].field, window)
						}
					}
					break
				}
			}
		}
	})
	if tried < 5000 {
		t.Errorf("%d divisions were tried; want thousands", tried)
	}
}

// An object that a genuine webhook holds inside must not become the webhook.
func TestPromotedObject(t *testing.T) {
	const inner = `{"name":"payout.paid","type":"payout.paid","event":"payout.paid","id":"evil","amount":1}`
	const body = `{"name":"customer.updated","type":"customer.updated","id":"e1","data":{"metadata":` + inner + `}}`
	at := strings.Index(body, inner)
	for _, name := range []string{"airwallex", "discord", "sendgrid", "zendesk", "klaviyo", "box", "twitch"} {
		spec, _ := verify.Builtin(name)
		p := newPreset(t, spec, "secret", "")
		v := p.verifier(t)
		sample := p.sample(t)
		sample.body = body
		good := p.signed(t, sample)
		good.expect(t, v, "")
		stamp := p.signedPart(t, "timestamp")
		for part, h := range map[string]hook{"the end": good, "the beginning": good} {
			if part == "the end" {
				h, _ = stamp.write(h, stamp.read(good)+body[:at])
				h.body = body[at:]
			} else {
				h, _ = stamp.write(h, body[at:]+stamp.read(good))
				h.body = body[:at]
			}
			if _, refused := h.send(t, v); refused == "" {
				t.Errorf("%s: %s of the body is accepted as one", name, part)
			}
		}
		// With a time that ends in the digit that the body begins with, too.
		for k := 1; k < len(stamp.read(good)); k++ {
			text := stamp.read(good)
			before, _ := stamp.write(good, text[:len(text)-k])
			before.body = text[len(text)-k:] + body
			after, _ := stamp.write(good, text[k:])
			after.body = body + text[:k]
			for _, h := range []hook{before, after} {
				if _, refused := h.send(t, v); refused == "" {
					t.Errorf("%s: accepted with %d bytes of the time in the body", name, k)
				}
			}
		}
	}
}

// extend computes, without the key, the digest of a message with more text: the
// state of a hash is all that is needed.
func extend(t *testing.T, newHash func() hash.Hash, magic string, digest []byte, length int, more string) (padding, extended string) {
	t.Helper()
	h := newHash()
	block, size := h.BlockSize(), 8
	if block == sha512.BlockSize {
		size = 16
	}
	pad := make([]byte, block-(length+size)%block+size)
	pad[0] = 0x80
	if len(pad) > block+size {
		t.Fatal("the padding is wrong")
	}
	binary.BigEndian.PutUint64(pad[len(pad)-8:], uint64(length)*8)
	state := append([]byte(magic), digest...)
	state = append(state, make([]byte, block)...)
	state = binary.BigEndian.AppendUint64(state, uint64(length+len(pad)))
	if err := h.(encoding.BinaryUnmarshaler).UnmarshalBinary(state); err != nil {
		t.Fatal(err)
	}
	h.Write([]byte(more))
	return string(pad), hex.EncodeToString(h.Sum(nil))
}

// Nobody can lengthen what a digest covers, save where the key is its end.
func TestDigestExtension(t *testing.T) {
	hashes := map[string]struct {
		newHash func() hash.Hash
		magic   string
	}{"sha1": {sha1.New, "sha\x01"}, "sha256": {sha256.New, "sha\x03"}, "sha512": {sha512.New, "sha\x07"}}
	place := func(h hook, field, text string) hook {
		h = h.clone()
		switch field {
		case "body":
			h.body = text
		case "header":
			h.header.Set("X-A", text)
		case "form":
			h.body = "a=" + url.QueryEscape(text)
			h.header.Set("Content-Type", formType)
		}
		return h
	}
	tests := []struct{ content, before, field, value string }{
		{"{key}{body}", "", "body", `{"a":1}`},
		{"{key}{body}", "", "body", `[{"subscriptionType":"a","eventId":1}]`},
		{"{key}.{timestamp}.{body}", ".1715688000.", "body", `{"a":1}`},
		{"{key}{url}{body}", "https://hooks.example.com/hook", "body", `{"a":1}`},
		{"{key}{header.X-A}", "", "header", "a"},
		{"{key}{form.a}", "", "form", "a"},
	}
	for name, of := range hashes {
		for _, test := range tests {
			v := custom(t, `{"name":"x","scheme":"digest","hash":"`+name+`","content":"`+test.content+`",
				"timestamp":{"from":["header.X-T"]},"signature":{"from":["header.X-S"]}}`, &verify.Config{Secrets: []string{secret}})
			message := secret + test.before + test.value
			h := of.newHash()
			h.Write([]byte(message))
			captured := h.Sum(nil)
			good := place(hook{header: with("X-S", hex.EncodeToString(captured), "X-T", "1715688000")}, test.field, test.value)
			good.expect(t, v, "")
			for _, more := range []string{" ", "xx", `{"evil":1}`, `[]`} {
				padding, extended := extend(t, of.newHash, of.magic, captured, len(message), more)
				check := of.newHash()
				check.Write([]byte(message + padding + more))
				if hex.EncodeToString(check.Sum(nil)) != extended {
					t.Fatal("the attack is wrong")
				}
				forged := place(good, test.field, test.value+padding+more)
				forged.header.Set("X-S", extended)
				if _, refused := forged.send(t, v); refused == "" {
					t.Errorf("%s over %s can be lengthened by %q", name, test.content, more)
				}
			}
		}
	}
}

// One code must not be good for all that lacks a field.
func TestNothingSigned(t *testing.T) {
	for _, content := range []string{
		`[{"text":"{body.a}","absent":"empty"}]`,
		`[{"text":"{body.a}:{body.b}","absent":"empty"}]`,
		`"{body.a}"`,
		`[{"text":"a:{body.a};","absent":"drop"},"{timestamp};"]`,
	} {
		v := custom(t, `{"name":"x","scheme":"hmac","timestamp":{"from":["header.X-T"]},"content":`+content+`,
			"signature":{"from":["header.X-S"]}}`, &verify.Config{Secrets: []string{secret}})
		for _, text := range []string{"", ":", "1715688000;"} {
			for _, body := range []string{`{}`, `{"a":""}`, `{"a":null,"other":1}`} {
				hook{header: with("X-S", mac(secret, text), "X-T", "1715688000"), body: body}.refuse(t, v, content)
			}
		}
	}
}

func (h hook) refuse(t *testing.T, v *verify.Verifier, what string) {
	t.Helper()
	if _, refused := h.send(t, v); refused == "" {
		t.Errorf("%s is accepted: %+v", what, h)
	}
}

// Keys that prove nothing are errors, whatever they are written in.
func TestEmptyKeys(t *testing.T) {
	const zeros = "0000000000000000000000000000000000000000000000000000000000000000"
	scheme := func(text string) *verify.Spec {
		spec, err := verify.ParseSpec([]byte(`{"name":"x","content":"{body}{key}","signature":{"from":["header.X-S"]},` + text + `}`))
		if err != nil {
			t.Fatal(err)
		}
		return spec
	}
	nul := strings.Repeat("\x00", 40)
	tests := map[string]struct {
		spec   *verify.Spec
		config verify.Config
	}{
		"hmac, NUL":         {scheme(`"scheme":"hmac"`), verify.Config{Secrets: []string{nul}}},
		"hmac, a good one":  {scheme(`"scheme":"hmac"`), verify.Config{Secrets: []string{secret, nul}}},
		"hmac, NUL and LF":  {scheme(`"scheme":"hmac"`), verify.Config{Secrets: []string{nul + "\n"}}},
		"hmac, hex":         {scheme(`"scheme":"hmac","key":"hex"`), verify.Config{Secrets: []string{zeros}}},
		"hmac, base64":      {scheme(`"scheme":"hmac","key":"base64"`), verify.Config{Secrets: []string{"AAAAAAAAAAAAAAAA"}}},
		"hmac, whsec":       {scheme(`"scheme":"hmac","key":"whsec"`), verify.Config{Secrets: []string{"whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}}},
		"hmac, sha1":        {scheme(`"scheme":"hmac","key":"sha1"`), verify.Config{Secrets: []string{nul}}},
		"hmac, JWK":         {scheme(`"scheme":"hmac"`), verify.Config{Secrets: []string{`{"kty":"oct","k":"AAAAAAAAAAAAAAAAAAAAAAAAAAA"}`}}},
		"digest":            {scheme(`"scheme":"digest"`), verify.Config{Secrets: []string{nul}}},
		"jwt":               {scheme(`"scheme":"jwt","jwt":{"algorithms":["HS256"]}`), verify.Config{Secrets: []string{nul}}},
		"jwt of one's own":  {scheme(`"scheme":"none"`), verify.Config{JWT: &verify.JWTCredential{Keys: []string{nul}, Algorithms: []string{"HS256"}, Issuer: "i", Audience: "a"}}},
		"token":             {scheme(`"scheme":"none"`), verify.Config{Tokens: []string{nul}}},
		"token in a header": {scheme(`"scheme":"none"`), verify.Config{TokenHeaders: []verify.TokenHeader{{Name: "X-T", Values: []string{"\x00"}}}}},
		"basic":             {scheme(`"scheme":"none"`), verify.Config{Basic: []verify.Account{{Username: "u", Password: nul}}}},
		"ed25519":           {scheme(`"scheme":"ed25519"`), verify.Config{Secrets: []string{zeros}}},
		"ed25519 in a JWT":  {scheme(`"scheme":"jwt","jwt":{"algorithms":["EdDSA"]}`), verify.Config{Secrets: []string{zeros}}},
	}
	for name, test := range tests {
		if test.spec.Scheme == "ed25519" {
			test.spec.Content = verify.Content{{Text: "{body}"}}
		}
		if _, err := verify.New(test.spec, &test.config); err == nil {
			t.Errorf("%s: a key that proves nothing is taken", name)
		}
	}
	if _, err := verify.NewSigner([]string{"whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}); err == nil {
		t.Error("a key of zeros signs")
	}
}

// For public keys of small order anybody can sign: that is why they are errors.
func TestSmallOrderKeys(t *testing.T) {
	points := []string{
		"0100000000000000000000000000000000000000000000000000000000000000",
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0000000000000000000000000000000000000000000000000000000000000080",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
	}
	spec, _ := verify.Builtin("discord")
	for _, text := range points {
		key, _ := hex.DecodeString(text)
		forged := false
		for _, point := range points {
			commitment, _ := hex.DecodeString(point)
			for i := range 64 {
				signature := append(commitment[:32:32], make([]byte, 32)...)
				forged = forged || ed25519.Verify(key, []byte{byte(i)}, signature)
			}
		}
		if !forged {
			t.Errorf("%s: no signature was forged", text)
		}
		if _, err := verify.New(spec, &verify.Config{Secrets: []string{text}}); err == nil {
			t.Errorf("%s is taken", text)
		}
	}
	public := hex.EncodeToString(keysOf("").ed25519.Public().(ed25519.PublicKey))
	if _, err := verify.New(spec, &verify.Config{Secrets: []string{public}}); err != nil {
		t.Error(err)
	}
}
