package verify_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// readers are ways in which applications read a member of a JSON object. They
// must agree on every signed member of what is accepted.
var readers = map[string]func(document []byte, name string) (string, bool){
	"exact case, last wins":    exactLast,
	"exact case, first wins":   exactFirst,
	"any case, last wins":      anyCase,
	"exact case, numbers kept": exactNumber,
}

// scalar is a string or a number as text.
func scalar(raw []byte) (string, bool) {
	var text string
	if json.Unmarshal(raw, &text) == nil && raw[0] == '"' {
		return text, true
	}
	var number json.Number
	if json.Unmarshal(raw, &number) == nil && raw[0] != '"' && raw[0] != 'n' {
		return string(raw), true
	}
	return "", false
}

func exactLast(document []byte, name string) (string, bool) {
	var object map[string]json.RawMessage
	if json.Unmarshal(document, &object) != nil {
		return "", false
	}
	return scalar(object[name])
}

func exactFirst(document []byte, name string) (string, bool) {
	dec := json.NewDecoder(bytes.NewReader(document))
	if token, err := dec.Token(); err != nil || token != json.Delim('{') {
		return "", false
	}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return "", false
		}
		var value json.RawMessage
		if dec.Decode(&value) != nil {
			return "", false
		}
		if key == name {
			return scalar(value)
		}
	}
	return "", false
}

// anyCase reads as a Go program does into a struct.
func anyCase(document []byte, name string) (string, bool) {
	var object struct {
		ID        json.RawMessage `json:"id"`
		CreatedAt json.RawMessage `json:"created_at"`
		Type      json.RawMessage `json:"type"`
		ClientID  json.RawMessage `json:"client_id"`
		Sender    json.RawMessage `json:"sender"`
		JobID     json.RawMessage `json:"job_id"`
	}
	if json.Unmarshal(document, &object) != nil {
		return "", false
	}
	return scalar(map[string]json.RawMessage{
		"id": object.ID, "created_at": object.CreatedAt, "type": object.Type,
		"client_id": object.ClientID, "sender": object.Sender, "job_id": object.JobID,
	}[name])
}

func exactNumber(document []byte, name string) (string, bool) {
	dec := json.NewDecoder(bytes.NewReader(document))
	dec.UseNumber()
	var object map[string]any
	if dec.Decode(&object) != nil {
		return "", false
	}
	switch value := object[name].(type) {
	case string:
		return value, true
	case json.Number:
		return value.String(), true
	default:
		return "", false
	}
}

// signedValues reads members by all readers, which must agree.
func signedValues(t *testing.T, document []byte, names ...string) []string {
	t.Helper()
	var values []string
	for _, name := range names {
		first, at := "", ""
		for reader, read := range readers {
			value, ok := read(document, name)
			if !ok {
				t.Fatalf("accepted, but by %s there is no %s in %q", reader, name, document)
			}
			if at != "" && value != first {
				t.Fatalf("accepted, but %s is %q by %s and %q by %s: %q", name, first, at, value, reader, document)
			}
			first, at = value, reader
		}
		if strings.Contains(first, "&") {
			t.Fatalf("accepted with a separator in %s: %q", name, document)
		}
		values = append(values, first)
	}
	return values
}

// hostile are bodies of one and the same job, or nearly.
var hostile = []string{
	goodJob,
	`{"id":"e1","id":"evil","created_at":"2024-05-14T12:00:00Z","type":"CREATED"}`,
	`{"ID":"evil","id":"e1","created_at":"2024-05-14T12:00:00Z","type":"CREATED"}`,
	`{"id":"e1","created_at":"2024-05-14T12:00:00Z","t\u0079pe":"CREATED"}`,
	`{"id":"e1&2024-05-14T12:00:00Z","created_at":"CREATED","type":""}`,
	`{"id":"e1\u00262024","created_at":null,"type":true}`,
	"{\"id\":\"e1\xff\",\"created_at\":\"2024-05-14T12:00:00Z\",\"type\":\"CREATED\"}",
	`{"id":1e2,"created_at":38.90,"type":12345678901234567890}`,
	`{"client_id":"c","sender":"SH","job_id":"j"}`,
	`{"client_id":"c","sender":"SH&j","job_id":""}`,
	goodJob + goodJob, "\ufeff" + goodJob, `[` + goodJob + `]`, ``,
}

// fuzzed sends an attacker's webhook; MAC in the header stands for a code that
// he has seen.
func fuzzed(t *testing.T, v *verify.Verifier, name, header, code string, body []byte) bool {
	t.Helper()
	header = strings.ReplaceAll(header, "MAC", code)
	_, refused := hook{header: http.Header{name: strings.Split(header, "\n")}, body: string(body)}.send(t, v)
	return refused == ""
}

func FuzzVerifyInstaleap(f *testing.F) {
	for _, body := range hostile {
		for _, header := range []string{"MAC", "MAC\nMAC", "MAC,00", "00", "", "sha256=MAC"} {
			f.Add(header, goodText, []byte(body))
			f.Add(header, "100&38.9&12345678901234567000", []byte(body))
			f.Add(header, "1e2&38.90&12345678901234567890", []byte(body))
		}
	}
	v := signed(f, "instaleap")
	f.Fuzz(func(t *testing.T, header, captured string, body []byte) {
		code := mac(secret, captured)
		if !fuzzed(t, v, "InstaLeap-Signature", header, code, body) {
			return
		}
		values := signedValues(t, body, "id", "created_at", "type")
		text := strings.Join(values, "&")
		if got := strings.ReplaceAll(header, "MAC", code); !strings.EqualFold(got, mac(secret, text)) {
			t.Fatalf("accepted %q for %q, which needs %s", got, text, mac(secret, text))
		}
	})
}

func FuzzVerifyInstaleapChat(f *testing.F) {
	for _, body := range hostile {
		for _, header := range []string{"t=2024,v3=MAC", "v3=MAC,t=2024", "t=2024,v3=zz,v3=MAC", "t=2024,t=2025,v3=MAC", "t=2024&c,v3=MAC", "v3=MAC", "t=2024,v1=MAC", "t=2024\nv3=MAC"} {
			f.Add(header, "2024&c&SH&j", []byte(body))
			f.Add(header, "2024&c&SH&j&", []byte(body))
		}
	}
	v := signed(f, "instaleap-chat")
	f.Fuzz(func(t *testing.T, header, captured string, body []byte) {
		code := mac(secret, captured)
		if !fuzzed(t, v, "InstaLeap-Signature-V3", header, code, body) {
			return
		}
		stamps, codes := listed(strings.ReplaceAll(header, "MAC", code), "t", "v3")
		if len(stamps) != 1 || stamps[0] == "" || strings.Contains(stamps[0], "&") {
			t.Fatalf("accepted with the timestamps %q", stamps)
		}
		values := append(stamps, signedValues(t, body, "client_id", "sender", "job_id")...)
		if text := strings.Join(values, "&"); !containsFold(codes, mac(secret, text)) {
			t.Fatalf("accepted %q for %q, which needs %s", header, text, mac(secret, text))
		}
	})
}

// listed splits a list of tags and values.
func listed(line, stampTag, codeTag string) (stamps, codes []string) {
	for entry := range strings.SplitSeq(line, ",") {
		tag, value, tagged := strings.Cut(strings.TrimSpace(entry), "=")
		switch {
		case tagged && tag == stampTag:
			stamps = append(stamps, value)
		case tagged && tag == codeTag:
			codes = append(codes, value)
		}
	}
	return stamps, codes
}

func containsFold(texts []string, wanted string) bool {
	return slices.ContainsFunc(texts, func(text string) bool { return strings.EqualFold(text, wanted) })
}

// Whatever stands in the header, what is accepted holds the code of exactly
// one timestamp and the body.
func FuzzSignatureHeader(f *testing.F) {
	for _, header := range []string{
		"t=1715688000,v1=MAC", "v1=MAC, t=1715688000", "t=1715688000,v1=zz,v1=MAC", "t=1,t=1715688000,v1=MAC",
		"t=1715688000,v1=MACMAC", "t=1715688000;v1=MAC", "t=1715688000,v1==MAC", "t=1715688000\nv1=MAC",
		",,,", "=,=", "t=,v1=", "v1=MAC,t,t=1715688000", "t=,t=1715688000,v1=MAC", strings.Repeat("v1=00,", 20) + "t=1715688000,v1=MAC",
	} {
		f.Add(header, "1715688000", []byte("body"))
	}
	v := custom(f, listSpec, &verify.Config{Secrets: []string{secret}, Tolerance: verify.Off})
	f.Fuzz(func(t *testing.T, header, stamp string, body []byte) {
		code := mac(secret, stamp+"."+string(body))
		if !fuzzed(t, v, "X-Signature", header, code, body) {
			return
		}
		stamps, codes := listed(strings.ReplaceAll(header, "MAC", code), "t", "v1")
		if len(stamps) != 1 || stamps[0] == "" || !containsFold(codes, mac(secret, stamps[0]+"."+string(body))) {
			t.Fatalf("accepted %q for %q", header, body)
		}
	})
}

// A template is refused or can be signed and verified.
func FuzzTemplate(f *testing.F) {
	for _, template := range []string{
		"{timestamp}.{body}", "{body.id}&{body.created_at}", `\{x}{body}`, "{", "}", "{}", "{{body}}", "{body", "a{url}b",
		"{http.request.header.X-A}", "{http.request.body.id}", "{header.X-A}{query.q}{form.f}{method}{path}{id}{key}", "{body.a..b}", `{body.a\}`, "\xff{body}",
	} {
		f.Add(template, "", false)
		f.Add(template, "drop", true)
	}
	f.Fuzz(func(t *testing.T, template, absent string, lower bool) {
		spec, err := verify.ParseSpec([]byte(contentSpec(`"{body}"`)))
		if err != nil {
			t.Fatal(err)
		}
		spec.Content = verify.Content{{Text: template, Absent: absent, Lower: lower}}
		config := &verify.Config{Secrets: []string{secret}}
		v, err := verify.New(spec, config)
		if err != nil {
			return
		}
		h := hook{url: "https://hooks.example.com/p?q=1", header: with("X-A", "a", "X-ID", "d1", "X-Timestamp", "1"), body: goodJob}
		r := h.request(t, v)
		if verify.Sign(spec, config, r) != nil {
			return
		}
		if strings.Contains(strings.ToLower(template), "x-signature") {
			return // it would sign itself
		}
		h.header = r.Header
		if _, refused := h.send(t, v); refused != "" {
			t.Fatalf("what Sign made by %q is refused for %q", template, refused)
		}
	})
}

// A description is refused or can be used, and says the same after it was
// written and read again.
func FuzzSpec(f *testing.F) {
	for _, name := range verify.BuiltinNames() {
		spec, _ := verify.Builtin(name)
		data, err := json.Marshal(spec)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(listSpec))
	f.Add([]byte(`{"id":["{id}"],"event":["{timestamp}"]}`))
	f.Add([]byte(`{"timestamp":{"from":["timestamp"]},"signature":{"from":["key"]}}`))
	f.Add([]byte(`{"content":["a",{"text":"{id}","absent":"drop"}],"event":["=a"],"timestamp":{"tolerance":"off"}}`))
	f.Add([]byte(`{"scheme":"digest","content":"{key}","signature":{"from":["body.sig"],"encoding":"base64"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		spec, err := verify.ParseSpec(data)
		if err != nil {
			return
		}
		if _, err := verify.Compile(spec); err != nil {
			return
		}
		written, err := json.Marshal(spec)
		if err != nil {
			t.Fatal(err)
		}
		read, err := verify.ParseSpec(written)
		if err != nil {
			t.Fatalf("%s was written as %s: %v", data, written, err)
		}
		if _, err := verify.Compile(read); err != nil {
			t.Fatalf("%s was written as %s: %v", data, written, err)
		}
		for _, config := range []*verify.Config{{Unverified: true}, {Secrets: []string{secret}}} {
			v, err := verify.New(spec, config)
			if err != nil {
				continue
			}
			h := hook{header: with("X-Signature", "t=1,v1=00", "X-Hub-Signature-256", "sha256=00"), body: goodJob}
			if len(v.Methods()) > 0 {
				h.method = v.Methods()[0]
			}
			if _, refused := h.send(t, v); refused == "" && !config.Unverified {
				t.Fatalf("%s accepts anything", data)
			}
		}
	})
}
