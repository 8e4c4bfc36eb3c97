package verify_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
)

// place is a part of a webhook that a test reads and changes.
type place struct{ kind, name string }

// places are where a field of a description stands in a webhook; an item is
// the first of its array.
func (p *preset) place(field string) place {
	kind, name, _ := strings.Cut(field, ".")
	switch {
	case kind == "json":
		return place{"body", name}
	case kind == "item":
		return place{"body", strings.TrimPrefix(p.spec.ForEach, "body.") + ".0." + name}
	case strings.HasSuffix(name, "#"):
		return place{kind, strings.TrimSuffix(name, "#") + "1"}
	}
	return place{kind, name}
}

func (at place) get(t testing.TB, h hook) (string, bool) {
	t.Helper()
	switch at.kind {
	case "header":
		values := h.header.Values(at.name)
		return strings.Join(values, "\n"), len(values) > 0
	case "query":
		target := mustURL(t, h.url)
		return target.Query().Get(at.name), target.Query().Has(at.name)
	case "form":
		return mustForm(t, h).Get(at.name), mustForm(t, h).Has(at.name)
	}
	var finder payload.Finder
	slot := finder.Add(mustPath(t, at.name), false)
	spans, err := finder.Find([]byte(h.body))
	if err != nil {
		t.Fatal(err)
	}
	if !spans[slot].Found() {
		return "", false
	}
	if at.kind == "json" {
		return string(spans[slot].Of([]byte(h.body))), true
	}
	return payload.Text(spans[slot].Of([]byte(h.body)))
}

// set returns the webhook with another text in a place.
func (at place) set(t testing.TB, h hook, value string) hook {
	t.Helper()
	return at.edit(t, h, value)
}

// double returns the webhook with two values in a place.
func (at place) double(t testing.TB, h hook, first, second string) hook {
	t.Helper()
	return at.edit(t, h, first, second)
}

// drop returns the webhook without anything in a place.
func (at place) drop(t testing.TB, h hook) hook {
	t.Helper()
	return at.edit(t, h)
}

func (at place) edit(t testing.TB, h hook, values ...string) hook {
	t.Helper()
	h = h.clone()
	switch at.kind {
	case "header":
		h.header[http.CanonicalHeaderKey(at.name)] = values
	case "query":
		target := mustURL(t, h.url)
		query := target.Query()
		query[at.name] = values
		target.RawQuery = query.Encode()
		h.url = target.String()
	case "form":
		form := mustForm(t, h)
		form[at.name] = values
		h.body = form.Encode()
	case "body":
		h.body = editDocument(t, h.body, mustPath(t, at.name), values, false)
	case "json":
		h.body = editDocument(t, h.body, mustPath(t, at.name), values, true)
	default:
		t.Fatalf("say here how to edit a %s", at.kind)
	}
	return h
}

// editDocument writes texts as strings, or, where they are raw and JSON, as they
// are.
func editDocument(t testing.TB, document string, path payload.Path, values []string, raw bool) string {
	t.Helper()
	var edited []byte
	var err error
	if len(values) == 0 {
		edited, err = payload.Delete([]byte(document), path)
	} else {
		last, _ := json.Marshal(path[len(path)-1])
		var members []byte
		for i, value := range values {
			written, _ := json.Marshal(value)
			if raw && json.Valid([]byte(value)) {
				written = []byte(value)
			}
			if i > 0 {
				members = slices.Concat(members, []byte(","), last, []byte(":"))
			}
			members = append(members, written...)
		}
		edited, err = payload.Set([]byte(document), path, members)
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(edited)
}

func mustURL(t testing.TB, text string) *url.URL {
	t.Helper()
	if text == "" {
		text = "https://hooks.example.com/hook"
	}
	target, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return target
}

func mustForm(t testing.TB, h hook) url.Values {
	t.Helper()
	form, err := url.ParseQuery(h.body)
	if err != nil {
		t.Fatal(err)
	}
	return form
}

func mustPath(t testing.TB, text string) payload.Path {
	t.Helper()
	path, err := payload.ParsePath(text)
	if err != nil {
		t.Fatal(err)
	}
	return path
}
