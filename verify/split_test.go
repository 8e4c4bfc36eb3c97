package verify_test

import (
	"encoding/json"
	"maps"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// slot is a part of a random template: literal text, or a field.
type slot struct {
	text, field string
}

// random templates are made of these.
var (
	slotFields = []string{"timestamp", "id", "header.X-A", "header.X-B", "body.f", "json.g", "json.g", "body", "body", "url", "query.q", "method", "key", "sha256.hex", "headers"}
	slotTexts  = []string{".", ":", "::", "a", "A", "1", "{", "\n", ".a."}
	slotValues = map[string][]string{
		"timestamp": {"1715688000", "171568800", "17156880001", "2024", "0171568800", ""},
		"body":      {`{}`, `{"f":1}`, `[{"a":"}"}]`, `12`, ` {}`, `{} `, `{}{}`, `{"f":".a."}`, `x`, ``, `"\""`, `""`},
		"json.g":    {`{}`, `[]`, `{"a":"}"}`, `[{"a":"x\"]"}]`, `12`, `1`, `-1`, `1e5`, `true`, `null`, `"a"`, `"\"a"`, `"{}"`, `"."`, `".a."`},
		"url":       {"", "?q=1", "?q={}", "?q=.", "?q=[]", "?q=a:", "1"},
		"headers":   {"x-h1=a;x-h2=b", "x-h1=;x-h2=", "x-h1=.;x-h2=.a.", "x-h1=1;x-h2=1", "x-h1=a;x-h2=b;x-h2=c", "x-h1=A:;x-h2=::"},
		"":          {"", "a", ".", "1", "a.", ":", "::", "x:", ".a", "{", "a.a", "A", "12", " ", "{}"},
	}
)

const slotURL = "https://h.example/p"

// splitCase is a random provider and a request to it.
type splitCase struct {
	spec     *verify.Spec
	segments [][]slot
	seconds  string
}

func randomSplit(r *rand.Rand) *splitCase {
	c := new(splitCase)
	pick := func(from []string) string { return from[r.IntN(len(from))] }
	used := make(map[string]bool)
	for range 1 + r.IntN(3) {
		var segment []slot
		var text strings.Builder
		for range 1 + r.IntN(4) {
			if r.IntN(5) < 2 {
				s := slot{text: pick(slotTexts)}
				segment = append(segment, s)
				text.WriteString(strings.ReplaceAll(s.text, "{", `\{`))
				continue
			}
			s := slot{field: pick(slotFields)}
			inBody := s.field == "body.f" || s.field == "json.g"
			hashed := s.field == "sha256.hex"
			if used[s.field] || s.field == "body" && (used["body.f"] || used["json.g"]) || inBody && used["body"] ||
				hashed && (used["body"] || used["body.f"] || used["json.g"]) || (inBody || s.field == "body") && used["sha256.hex"] ||
				s.field == "url" && used["query.q"] || s.field == "query.q" && used["url"] {
				continue
			}
			used[s.field] = true
			segment = append(segment, s)
			text.WriteString("{" + s.field + "}")
		}
		if len(segment) == 0 {
			continue
		}
		c.segments = append(c.segments, segment)
		if c.spec == nil {
			c.spec = &verify.Spec{
				Name: "x", Scheme: "hmac", Signature: &verify.Signature{From: []string{"header.X-Signature"}},
				Timestamp: &verify.Timestamp{From: []string{"header.X-T"}, Unit: []string{"s", "rfc3339"}[min(1, r.IntN(4)/3)]},
				ID:        []string{"header.X-ID"}, Methods: []string{"POST", "PUT", "GET"},
				RefuseSeparators: r.IntN(6) == 0,
				Headers:          &verify.SignedHeaders{From: "header.X-Names", Assign: "=", Join: ";", Must: []string{"x-h1"}},
			}
		}
		c.spec.Content = append(c.spec.Content, verify.Segment{
			Text: text.String(), Absent: []string{"", "", "empty", "drop"}[r.IntN(4)], Lower: r.IntN(8) == 0,
		})
	}
	return c
}

// values are the texts of the fields of a request; one that is missing is absent.
type values map[string]string

func (c *splitCase) random(r *rand.Rand) values {
	v := make(values)
	for _, segment := range c.segments {
		for _, s := range segment {
			pool, ok := slotValues[s.field]
			if !ok {
				pool = slotValues[""]
			}
			switch {
			case s.field == "":
			case s.field == "method":
				v[s.field] = c.spec.Methods[r.IntN(3)]
			case s.field == "url":
				v[s.field] = slotURL + pool[r.IntN(len(pool))]
			case s.field == "timestamp" && c.spec.Timestamp.Unit == "rfc3339":
				v[s.field] = []string{"2024-05-14T12:00:00Z", "2024-05-14T12:00:00.5Z", "2024-05-14T2:00:00+0000", "2024"}[r.IntN(4)]
			case s.field == "timestamp" && r.IntN(2) == 0:
				v[s.field] = pool[0] // the only one that is good everywhere
			case s.field == "key":
				v[s.field] = secret
			case s.field == "sha256.hex":
				v[s.field] = digest("{}")
			case r.IntN(6) > 0 || s.field == "body":
				v[s.field] = pool[r.IntN(len(pool))]
			}
		}
	}
	return v
}

// content is the text that is signed; ok is false where a field is missing.
func (c *splitCase) content(v values) (_ string, ok bool) {
	var out strings.Builder
	for i, segment := range c.segments {
		var text strings.Builder
		missing := false
		for _, s := range segment {
			value, present := v[s.field]
			if s.field == "id" || s.field == "timestamp" {
				present = value != ""
			}
			missing = missing || s.field != "" && !present
			part := s.text + value
			if c.spec.Content[i].Lower && s.field != "body" {
				part = strings.ToLower(part)
			}
			text.WriteString(part)
		}
		switch {
		case missing && c.spec.Content[i].Absent == "":
			return "", false
		case missing && c.spec.Content[i].Absent == "drop":
		default:
			out.WriteString(text.String())
		}
	}
	return out.String(), true
}

// hook makes the request of the values; it is false where there is none.
func (c *splitCase) hook(v values, signature string) (hook, bool) {
	h := hook{method: "POST", url: slotURL, header: with("X-Signature", signature, "Content-Type", "application/json"), body: "{}"}
	var members []string
	for field, value := range v {
		switch field {
		case "timestamp":
			h.header.Set("X-T", value)
		case "id":
			h.header.Set("X-ID", value)
		case "header.X-A", "header.X-B":
			h.header.Set(strings.TrimPrefix(field, "header."), value)
		case "body":
			h.body = value
		case "body.f":
			text, err := json.Marshal(value)
			var read string
			if err != nil || json.Unmarshal(text, &read) != nil || read != value {
				return h, false
			}
			members = append(members, `"f":`+string(text))
		case "json.g":
			if !json.Valid([]byte(value)) || strings.TrimSpace(value) != value {
				return h, false
			}
			members = append(members, `"g":`+value)
		case "method":
			if !slices.Contains(c.spec.Methods, value) {
				return h, false
			}
			h.method = value
		case "url":
			parsed, err := url.Parse(value)
			if err != nil || !strings.HasPrefix(value, slotURL) || parsed.Scheme+"://"+parsed.Host+parsed.RequestURI() != value {
				return h, false
			}
			h.url = value
		case "query.q":
			h.url = slotURL + "?q=" + url.QueryEscape(value)
		case "headers":
			first, second, found := strings.Cut(strings.TrimPrefix(value, "x-h1="), ";x-h2=")
			if !found || !strings.HasPrefix(value, "x-h1=") || strings.ContainsAny(value, "\n") {
				return h, false
			}
			h.header.Set("X-Names", "x-h1 x-h2")
			h.header.Set("X-H1", first)
			h.header.Set("X-H2", second)
		case "sha256.hex":
			if value != digest(h.body) {
				return h, false
			}
		case "key":
			if value != secret {
				return h, false
			}
		}
	}
	if members != nil {
		h.body = "{" + strings.Join(members, ",") + "}"
	}
	return h, true
}

// others calls f with values that make the same content, split elsewhere.
func (c *splitCase) others(content string, f func(values)) {
	budget := 4000
	var walk func(segment, at int, rest string, v values)
	walk = func(segment, at int, rest string, v values) {
		if budget--; budget < 0 {
			return
		}
		if segment == len(c.segments) {
			if rest == "" {
				f(v)
			}
			return
		}
		if at == 0 && c.spec.Content[segment].Absent == "drop" {
			walk(segment+1, 0, rest, v)
		}
		if at == len(c.segments[segment]) {
			walk(segment+1, 0, rest, v)
			return
		}
		s := c.segments[segment][at]
		if s.field == "" || s.field == "key" {
			text := s.text
			if s.field == "key" {
				text = secret
			}
			if c.spec.Content[segment].Lower {
				text = strings.ToLower(text)
			}
			if after, ok := strings.CutPrefix(rest, text); ok {
				walk(segment, at+1, after, v)
			}
			return
		}
		for n := range len(rest) + 1 {
			value := rest[:n]
			if s.field == "method" {
				value = strings.ToUpper(value)
			}
			more := make(values, len(v)+1)
			for field, text := range v {
				more[field] = text
			}
			more[s.field] = value
			walk(segment, at+1, rest[n:], more)
		}
	}
	walk(0, 0, content, values{})
}

// signed are the values that are in the content: those of a segment that is
// dropped can be anything.
func (c *splitCase) signed(v values) values {
	in := make(values)
	for i, segment := range c.segments {
		some := make(values)
		for _, s := range segment {
			value, present := v[s.field]
			if s.field != "" && (!present || value == "" && (s.field == "id" || s.field == "timestamp")) && c.spec.Content[i].Absent == "drop" {
				some = nil
				break
			}
			some[s.field] = value
		}
		maps.Copy(in, some)
	}
	return in
}

// same reports whether two requests say the same; nothing is absent, or empty.
func same(v, other values) bool {
	for _, pair := range [][2]values{{v, other}, {other, v}} {
		for field, value := range pair[0] {
			if !strings.EqualFold(pair[1][field], value) && field != "key" {
				return false
			}
		}
	}
	return true
}

// checkSplit reports requests that are accepted under the signature of another
// one, and whether a random template compiles and its request was accepted.
func checkSplit(t *testing.T, seed uint64) (compiled, accepted bool) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 1))
	c := randomSplit(r)
	if c.spec == nil {
		return false, false
	}
	if r.IntN(8) == 0 {
		c.spec.Scheme = "digest"
	}
	v, err := verify.New(c.spec, &verify.Config{Secrets: []string{secret}})
	if err != nil {
		return false, false
	}
	genuine := c.random(r)
	content, ok := c.content(genuine)
	if !ok {
		return true, false
	}
	signature := mac(secret, content)
	if c.spec.Scheme == "digest" {
		signature = digest(content)
	}
	try := func(v2 values) bool {
		h, ok := c.hook(v2, signature)
		if !ok {
			return false
		}
		result, refused := h.send(t, v)
		return refused == "" && result.Handshake == nil
	}
	accepted = try(genuine)
	// Of all that has this content, one request at most is accepted.
	var found values
	c.others(content, func(other values) {
		if text, ok := c.content(other); !ok || text != content || !try(other) {
			return
		}
		if found != nil && !same(c.signed(found), c.signed(other)) {
			written, _ := json.Marshal(c.spec)
			t.Errorf("seed %d: one signature is good for %q and for %q, content %q: %s", seed, found, other, content, written)
		}
		found = other
	})
	return true, accepted
}

// Whatever parts are signed, a description does not compile, or bytes cannot be
// moved between them.
func TestNoOtherSplit(t *testing.T) {
	compiled, accepted := 0, 0
	for seed := range uint64(20000) {
		made, good := checkSplit(t, seed)
		if made {
			compiled++
		}
		if good {
			accepted++
		}
		if t.Failed() {
			return
		}
	}
	if compiled < 1000 || accepted < 300 {
		t.Errorf("%d templates compile, %d requests are accepted: too few to tell anything", compiled, accepted)
	}
}

func FuzzNoOtherSplit(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) { checkSplit(t, seed) })
}
