package verify_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// signing runs a test for each preset whose own scheme signs something.
func signing(t *testing.T, test func(t *testing.T, p *preset)) {
	t.Helper()
	eachPreset(t, func(t *testing.T, p *preset) {
		if p.kind == "secret" && p.spec.Scheme != "token" {
			test(t, p)
		}
	})
}

// otherBodies are bodies that differ from one in a single place.
func otherBodies(body string) map[string]string {
	flip := func(at int) string {
		changed := []byte(body)
		changed[at] ^= 1
		return string(changed)
	}
	return map[string]string{
		"first byte":     flip(0),
		"middle byte":    flip(len(body) / 2),
		"last byte":      flip(len(body) - 1),
		"space after it": body + " ",
		"line after it":  body + "\n",
		"BOM before it":  "\ufeff" + body,
		"cut by a byte":  body[:len(body)-1],
		"empty":          "",
		"twice":          body + body,
	}
}

// Where the body is signed, every byte of it counts.
func TestPresetBodies(t *testing.T) {
	signing(t, func(t *testing.T, p *preset) {
		v, good := p.verifier(t), p.good(t)
		if p.compiled(t).Coverage() != verify.SignedBody {
			return
		}
		for name, body := range otherBodies(good.body) {
			h := good.clone()
			h.body = body
			if _, got := h.send(t, v); got != verify.BadSignature {
				t.Errorf("%s: refused for %q; want %q", name, got, verify.BadSignature)
			}
		}
	})
}

// absentWord is what the content says of a field that is absent.
func (p *preset) absentWord(field string) string {
	for _, segment := range p.spec.Content {
		if strings.Contains(strings.ToLower(segment.Text), "{"+strings.ToLower(field)+"}") {
			return segment.Absent
		}
	}
	return ""
}

// fieldChanges are the ways to change a place that is signed: other text, no
// text, two texts.
func (p *preset) fieldChanges(t *testing.T, good hook, field string, at place) []refused {
	t.Helper()
	value, present := at.get(t, good)
	absent, ambiguous := verify.Malformed, verify.Malformed
	if at.kind == "header" || at.kind == "query" {
		absent, ambiguous = verify.MissingSignature, verify.BadSignature
	}
	switch {
	case field == "body.Subject": // it may be absent
		absent = verify.BadSignature
	case p.absentWord(field) == "empty", p.absentWord(field) == "drop":
		absent = verify.BadSignature
	}
	if at.name == "Type" && p.spec.Scheme == "aws_sns" {
		return []refused{{at.name + " changed", at.set(t, good, "Other"), verify.Malformed}}
	}
	tests := []refused{{at.name + " changed", at.set(t, good, value+"0"), verify.BadSignature}}
	if !present {
		return tests
	}
	return append(tests,
		refused{at.name + " absent", at.drop(t, good), absent},
		refused{at.name + " twice", at.double(t, good, value, value), ambiguous},
		refused{at.name + " and another after it", at.double(t, good, value, value+"0"), ambiguous},
		refused{at.name + " and another before it", at.double(t, good, value+"0", value), ambiguous},
	)
}

// formChanges change the form whose fields are signed as a whole. A second
// value of a field is one that the application could read.
func formChanges(t *testing.T, p *preset, good hook) []refused {
	t.Helper()
	var tests []refused
	form := mustForm(t, good)
	for name := range form {
		if slices.Contains(p.spec.Signature.From, "form."+name) {
			continue
		}
		at, value := place{"form", name}, form.Get(name)
		tests = append(tests,
			refused{name + " changed", at.set(t, good, value+"0"), verify.BadSignature},
			refused{name + " dropped", at.drop(t, good), verify.BadSignature},
			refused{name + " and another after it", at.double(t, good, value, value+"0"), ""},
			refused{name + " and another before it", at.double(t, good, value+"0", value), ""},
		)
	}
	return append(tests, refused{"one more field", place{"form", "unknown"}.set(t, good, "1"), verify.BadSignature})
}

// urlChanges change the URL that is signed.
func urlChanges(t *testing.T, good hook) []refused {
	t.Helper()
	var tests []refused
	for name, change := range map[string]func(text string) string{
		"path":   func(text string) string { return strings.Replace(text, ".example.com/", ".example.com/x", 1) },
		"host":   func(text string) string { return strings.Replace(text, "hooks.", "hook.", 1) },
		"scheme": func(text string) string { return strings.Replace(text, "https:", "http:", 1) },
		"query":  func(text string) string { return text + "?a=b" },
		"port":   func(text string) string { return strings.Replace(text, ".com/", ".com:8443/", 1) },
	} {
		h := good.clone()
		if h.url == "" {
			h.url = "https://hooks.example.com/hook"
		}
		h.url = change(h.url)
		tests = append(tests, refused{"url with another " + name, h, verify.BadSignature})
	}
	return tests
}

// Every part of a request that is signed counts, and what is said to be signed
// is signed.
func TestPresetSignedFields(t *testing.T) {
	signing(t, func(t *testing.T, p *preset) {
		if p.spec.Methods == nil {
			p.receiver.Methods, p.sender.Methods = []string{"POST", "PUT"}, []string{"POST", "PUT"}
		}
		v, good := p.verifier(t), p.good(t)
		var tests []refused
		for _, field := range p.compiled(t).SignedFields() {
			switch field {
			case "body", "crc32":
				for name, body := range otherBodies(good.body) {
					h := good.clone()
					h.body = body
					tests = append(tests, refused{"body: " + name, h, verify.BadSignature})
				}
			case "timestamp", "id":
				for _, at := range p.statedAt(field) {
					tests = append(tests, p.fieldChanges(t, good, field, at)...)
				}
			case "headers", "headers.names":
				for _, name := range p.spec.Headers.Must {
					at, absent := place{"header", name}, verify.BadSignature
					if strings.EqualFold("header."+name, p.spec.Headers.From) { // it names the others
						absent = verify.MissingSignature
					}
					tests = append(tests,
						refused{name + " changed", at.set(t, good, "x"), verify.BadSignature},
						refused{name + " absent", at.drop(t, good), absent})
				}
			case "url":
				tests = append(tests, urlChanges(t, good)...)
			case "path":
				h := good.clone()
				h.url = "https://hooks.example.com/another"
				tests = append(tests, refused{"another path", h, verify.BadSignature})
			case "method":
				h := good.clone()
				h.method = "PUT"
				tests = append(tests, refused{"PUT", h, verify.BadSignature})
			case "form.sorted", "form.php":
				tests = append(tests, formChanges(t, p, good)...)
			default:
				tests = append(tests, p.fieldChanges(t, good, field, p.place(field))...)
			}
		}
		for name, want := range p.spec.Require {
			at := place{"header", name}
			tests = append(tests,
				refused{name + " absent", at.drop(t, good), verify.BadSignature},
				refused{name + " changed", at.set(t, good, want+"0"), verify.BadSignature},
				refused{name + " empty", at.set(t, good, ""), verify.BadSignature})
		}
		for i := range tests {
			if tests[i].want == "" { // a second value
				_, got := tests[i].hook.send(t, v)
				if got != verify.BadSignature && got != verify.Malformed {
					t.Errorf("%s: refused for %q; want bad_signature or malformed", tests[i].name, got)
				}
				tests[i].want = got
			}
		}
		if len(tests) == 0 && p.spec.Scheme != "jwt" {
			t.Error("it signs nothing")
		}
		checkAll(t, v, tests)
	})
}

// Signed members of a JSON body are texts or numbers. Anything else is refused,
// also where a member may be absent: it would enter the signature as if it
// were, and reach the application all the same.
func TestPresetSignedMembers(t *testing.T) {
	signing(t, func(t *testing.T, p *preset) {
		v := p.verifier(t)
		for _, field := range p.compiled(t).SignedFields() {
			if !strings.HasPrefix(field, "body.") && !strings.HasPrefix(field, "item.") {
				continue
			}
			at := p.place(field)
			samples := map[string]hook{"signed with it": p.sample(t)}
			if p.absentWord(field) == "empty" || p.absentWord(field) == "drop" || field == "body.Subject" {
				samples["signed without it"] = at.drop(t, p.sample(t))
			}
			for name, sample := range samples {
				h := p.signed(t, sample)
				h.expect(t, v, "")
				for _, value := range []string{`{"a":"b"}`, `{}`, `["x"]`, `[]`, `true`, `false`} {
					edited, err := payload.Set([]byte(h.body), mustPath(t, at.name), []byte(value))
					if err != nil {
						t.Fatal(err)
					}
					changed := h.clone()
					changed.body = string(edited)
					if _, got := changed.send(t, v); got != verify.Malformed && got != verify.BadSignature {
						t.Errorf("%s, %s, is %s: refused for %q; want malformed or bad_signature", field, name, value, got)
					}
				}
			}
		}
	})
}

// Where the elements of an array are signed one by one, each of them must be.
func TestPresetItems(t *testing.T) {
	eachPreset(t, func(t *testing.T, p *preset) {
		if p.spec.ForEach == "" || p.kind == "basic" {
			return
		}
		v, array := p.verifier(t), mustPath(t, strings.TrimPrefix(p.spec.ForEach, "body."))
		first := func(h hook) string {
			var finder payload.Finder
			slot := finder.Add(array, false)
			spans, err := finder.Find([]byte(h.body))
			if err != nil {
				t.Fatal(err)
			}
			found, err := payload.Elements(spans[slot].Of([]byte(h.body)))
			if err != nil || len(found) == 0 {
				t.Fatalf("%d elements, %v", len(found), err)
			}
			return string(found[0])
		}
		good := p.good(t)
		item := first(good)
		forged := first(newWay(t, p.whole, p.kind, "other", p.way-1).good(t))
		bare := first(p.credential().drop(t, good))
		with := func(value string) hook {
			edited, err := payload.Set([]byte(good.body), array, []byte(value))
			if err != nil {
				t.Fatal(err)
			}
			h := good.clone()
			h.body = string(edited)
			return h
		}
		bad, missing := p.credential().bad, p.credential().missing
		checkAll(t, v, []refused{
			{"two", with("[" + item + "," + item + "]"), ""},
			{"a forged one after it", with("[" + item + "," + forged + "]"), bad},
			{"a forged one before it", with("[" + forged + "," + item + "]"), bad},
			{"a bare one after it", with("[" + item + "," + bare + "]"), missing},
			{"an empty one", with("[" + item + ",{}]"), missing},
			{"text", with("[" + item + `,"x"]`), missing},
			{"null", with("[" + item + ",null]"), missing},
			{"a list in the list", with("[[" + item + "]]"), missing},
			{"none", with("[]"), verify.Malformed},
			{"null for the list", with("null"), verify.Malformed},
			{"no list", with(item), verify.Malformed},
			{"text for the list", with(`"x"`), verify.Malformed},
			{"no JSON", hook{header: good.header, body: "text"}, verify.Malformed},
		})
	})
}

// statedAt is where the signed time or id stands, save in a list's tag.
func (p *preset) statedAt(field string) []place {
	switch {
	case p.spec.Scheme == "paypal":
		return []place{{"header", "Paypal-Transmission-Time"}}
	case field == "id":
		return []place{p.place(p.spec.ID[0])}
	case len(p.spec.Timestamp.From) > 0:
		return []place{p.place(p.spec.Timestamp.From[0])}
	}
	return nil
}

// The time in a signature's list is part of what is signed.
func TestPresetListedTime(t *testing.T) {
	signing(t, func(t *testing.T, p *preset) {
		if p.spec.Timestamp == nil || p.spec.Timestamp.Tag == "" {
			return
		}
		list, v, good, at := p.spec.Signature.List, p.verifier(t), p.good(t), p.credential()
		value, _ := at.get(t, good)
		stamp, signature, ok := strings.Cut(value, list.Separator)
		if !ok || list.Assign != "" && !strings.HasPrefix(stamp, p.spec.Timestamp.Tag+list.Assign) {
			t.Fatalf("%q does not begin with the time", value)
		}
		other := stamp[:len(stamp)-1] + string(stamp[len(stamp)-1]^1)
		join := func(entries ...string) hook { return at.set(t, good, strings.Join(entries, list.Separator)) }
		tests := []refused{
			{"spaces between", join(stamp, " "+signature), ""},
			{"another time", join(other, signature), verify.BadSignature},
			{"a digit more", join(stamp+"0", signature), verify.BadSignature},
			{"no time", join(signature), verify.BadSignature},
			{"no signature", join(stamp), verify.BadSignature},
			{"time alone with a separator", join(stamp, ""), verify.BadSignature},
			{"nothing but separators", join("", "", ""), verify.BadSignature},
			{"a wrong one after it", join(stamp, signature, p.editSignature(t, signature, otherFirst)), ""},
			{"one that cannot be read after it", join(stamp, signature, "!"), ""},
			{"20 entries", join(slices.Concat([]string{stamp, signature}, slices.Repeat([]string{signature}, 20))...), verify.BadSignature},
		}
		if list.Assign != "" {
			tests = append(tests,
				refused{"in the other order", join(signature, stamp), ""},
				refused{"two times", join(stamp, other, signature), verify.BadSignature},
				refused{"the same time twice", join(stamp, stamp, signature), verify.BadSignature},
				refused{"an empty time", join(p.spec.Timestamp.Tag+list.Assign, signature), verify.BadSignature},
			)
		}
		if list.Assign != "" && list.Tag != "*" {
			tests = append(tests,
				refused{"another tag", join(stamp, "x"+signature), verify.BadSignature},
				refused{"the tag in another case", join(stamp, strings.ToUpper(list.Tag)+"x"+signature[len(list.Tag):]), verify.BadSignature},
			)
		}
		checkAll(t, v, tests)
	})
}
