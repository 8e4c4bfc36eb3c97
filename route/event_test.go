package route_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
	"github.com/caddy-webhooks/caddy-webhooks/route"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

func TestNewEvent(t *testing.T) {
	e := newEvent(t, order)
	want := time.Date(2024, 5, 14, 11, 59, 0, 0, time.UTC)
	if e.Provider != "instaleap" || e.Name != "order.paid" || e.ID != "9007199254740993" || e.Signed != verify.SignedNothing {
		t.Errorf("the event is %+v", e)
	}
	if !e.Timestamp.Equal(want) || !e.Received.Equal(received) {
		t.Errorf("stated %s, received %s", e.Timestamp, e.Received)
	}
	// Without a stated time it is the time of arrival.
	if e := newEvent(t, `{"type":"x"}`); !e.Timestamp.Equal(received) {
		t.Errorf("the timestamp is %s", e.Timestamp)
	}
}

func TestLookup(t *testing.T) {
	e := newEvent(t, order)
	tests := []struct {
		path, want string
		found      bool
	}{
		{"type", "order.paid", true},
		{"id", "9007199254740993", true},
		{"big", "12345678901234567890", true},
		{"total", "38.90", true},
		{"yes", "true", true},
		{"nested.a.b", "1", true},
		{"nested.a", `{"b": 1}`, true},
		{"list.1.sku", "y", true},
		{"list.0", `{"sku": "x", "qty": 2}`, true},
		{"empty", "{}", true},
		{`a\.b`, "dotted", true},
		{"x-y", "5", true},
		{"notes", `{"door":"left"}`, true},
		{"null", "null", false},
		{"missing", "", false},
		{"list.2", "", false},
		{"type.x", "", false},
		{"TYPE", "", false},
		{"", "", false},
		{"a..b", "", false},
	}
	for _, test := range tests {
		text, found := e.Lookup(test.path)
		if found != test.found || found && text != test.want {
			t.Errorf("Lookup(%q) = %q, %t; want %q, %t", test.path, text, found, test.want, test.found)
		}
	}
	for _, body := range []string{"", "Hello, World!", `{"type":"a"`, `{"type":"a"}x`} {
		if text, found := newEvent(t, body).Lookup("type"); found {
			t.Errorf("Lookup in %q = %q", body, text)
		}
	}
}

// An event ends up in logs and error pages, where the payload must not go.
func TestEventString(t *testing.T) {
	e := newEvent(t, `{"type":"a\nb","id":"i1","customer":"Ada Lovelace"}`)
	if got := e.String(); got != `webhook instaleap "a\nb"` {
		t.Errorf("String() = %s", got)
	}
	for _, verb := range []string{"%s", "%v"} {
		if text := fmt.Sprintf(verb, e); strings.Contains(text, "Ada") || strings.Contains(text, "\n") {
			t.Errorf("%s prints %s", verb, text)
		}
	}
}

func TestSetBody(t *testing.T) {
	e := newEvent(t, order)
	if got, err := compute(e, "body.id"); err != nil || got != 9007199254740993 {
		t.Fatalf("body.id is %v, %v", got, err)
	}
	e.SetBody([]byte(`{"id":"new"}`), "application/json")
	if got, err := compute(e, "body.id"); err != nil || got != "new" {
		t.Errorf("body.id is %v, %v; want the new one", got, err)
	}
	if got, _ := e.Lookup("id"); got != "new" {
		t.Errorf("Lookup finds %q", got)
	}
	if e.ID != "9007199254740993" {
		t.Errorf("the delivery's id became %q", e.ID)
	}
}

// identify makes an event by the expressions of an operator.
func identify(t *testing.T, event, id []string, body string) (*route.Event, error) {
	t.Helper()
	return arrival{config: &verify.Config{Unverified: true, Event: event, ID: id}, body: body}.event()
}

func TestIdentityExpressions(t *testing.T) {
	const body = `{"kind":"order","state":3,"missing":null,"ids":[7,8]}`
	tests := []struct{ source, want string }{
		{`body.kind`, "order"},
		{`body.kind + ":" + string(body.state)`, "order:3"},
		{`body.state`, "3"},
		{`body.none?.x`, ""},
		{`body.none ?? "unknown"`, "unknown"},
		{`body.ids`, "[7,8]"},
		{`body.state == 3 ? "paid" : "open"`, "paid"},
		{`header("X-Test")`, "v1"},
		{`method + path`, "POST/hook"},
		{`received`, "2024-05-14T12:00:00Z"},
	}
	for _, test := range tests {
		e, err := identify(t, []string{"body.none", "=" + test.source}, []string{"=" + test.source}, body)
		if err != nil || e.Name != test.want || e.ID != test.want {
			t.Errorf("%s: %+v, %v; want %q", test.source, e, err, test.want)
		}
	}
	// A field that is present comes before the expression.
	e, err := identify(t, []string{"body.kind", `="other"`}, []string{"body.state", `="other"`}, body)
	if err != nil || e.Name != "order" || e.ID != "3" {
		t.Errorf("%+v, %v", e, err)
	}
	// Rules see the name that an expression found.
	e, err = identify(t, []string{`="computed"`}, []string{`="i" + "d"`}, body)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := compute(e, `event + " " + id`); err != nil || got != "computed id" {
		t.Errorf("rules see %v, %v", got, err)
	}
}

func TestIdentityMistakes(t *testing.T) {
	for _, source := range []string{"=evnt", "= ", "=body.", "=now()"} {
		if _, err := identify(t, []string{source}, nil, `{}`); err == nil || !strings.Contains(err.Error(), "event") {
			t.Errorf("event %q: %v; want an error", source, err)
		}
		if _, err := identify(t, nil, []string{source}, `{}`); err == nil || !strings.Contains(err.Error(), "id") {
			t.Errorf("id %q: %v; want an error", source, err)
		}
	}
	// These fail only on a request, and find nothing there.
	for _, source := range []string{"=body.a.b", "=1 % body.zero", "=json(body.text)", "=body.zero > body.text"} {
		e, err := identify(t, []string{source}, []string{source}, `{"zero":0,"text":"x"}`)
		if err != nil || e.Name != "" || e.ID != "" {
			t.Errorf("%s: %+v, %v; want nothing", source, e, err)
		}
	}
	long := `{"long":"` + strings.Repeat("x", verify.MaxName) + `"}`
	if e, err := identify(t, []string{"=body.long"}, []string{"=body.long"}, long); err != nil || len(e.Name) != verify.MaxName || len(e.ID) != verify.MaxName {
		t.Errorf("the longest name: %v", err)
	}
	for _, tooLong := range [][]string{{`=body.long + "x"`, `="x"`}, {`="x"`, `=body.long + "x"`}} {
		if _, err := identify(t, tooLong[:1], tooLong[1:], long); err == nil || strings.Contains(err.Error(), "xx") {
			t.Errorf("%q: %v; want an error without the name", tooLong, err)
		}
	}
}

// Jelp's events are known by the shape of the payload; the samples are named
// after them.
func TestJelpEvents(t *testing.T) {
	files, err := filepath.Glob("../testdata/jelp/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no samples: %v", err)
	}
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		want := strings.Replace(name, "order_update-", "order_update:", 1)
		want, _, _ = strings.Cut(want, "-")
		switch name {
		case "sample":
			want = "order_update:assign_driver"
		case "order_new", "folio_update":
			want = "order" // nothing in the payload tells them apart
		case "unknown":
			want = ""
		}
		e, err := arrival{provider: "jelp", body: string(body)}.event()
		if err != nil || e.Name != want {
			t.Errorf("%s: %+v, %v; want %q", name, e, err, want)
		}
	}
	for _, body := range []string{"", "Hello, World!", "{}", "null", `{"driver":1}`} {
		if e, err := (arrival{provider: "jelp", body: body}).event(); err != nil || e.Name != "" {
			t.Errorf("%q: %+v, %v; want no event", body, e, err)
		}
	}
}

// Every expression of a built-in provider compiles, and fails on no payload.
func TestBuiltinExpressions(t *testing.T) {
	for _, name := range verify.BuiltinNames() {
		spec, _ := verify.Builtin(name)
		provider, err := verify.Compile(spec)
		if err != nil {
			t.Fatal(err)
		}
		identity, err := route.NewIdentity(provider)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if provider.EventExpression() == "" && provider.IDExpression() == "" {
			continue
		}
		for _, body := range []string{"", "text", "null", "[]", "[1]", "[{}]", "{}", "1", `"x"`, `{"a":[],"b":{},"c":null,"d":"e"}`} {
			r := &verify.Request{URL: new(url.URL), Header: http.Header{}, Body: payload.New([]byte(body), "application/json", "")}
			if _, err := route.NewEvent(provider, identity, r, &verify.Result{}); err != nil {
				t.Errorf("%s on %q: %.70v", name, body, err)
			}
		}
	}
}

func TestText(t *testing.T) {
	tests := []struct {
		value any
		want  string
	}{
		{nil, ""},
		{"a\nb", "a\nb"},
		{9007199254740993, "9007199254740993"},
		{json.Number("12345678901234567890"), "12345678901234567890"},
		{38.9, "38.9"},
		{1e21, "1e+21"},
		{true, "true"},
		{received.Add(time.Nanosecond), "2024-05-14T12:00:00.000000001Z"},
		{[]any{1, "<a>"}, `[1,"<a>"]`},
		{map[string]any{"b": 1, "a": nil}, `{"a":null,"b":1}`},
	}
	for _, test := range tests {
		if got, err := route.Text(test.value); err != nil || got != test.want {
			t.Errorf("Text(%#v) = %q, %v; want %q", test.value, got, err, test.want)
		}
	}
	if _, err := route.Text(make(chan int)); err == nil {
		t.Error("Text of a channel gave no error")
	}
	var fault payload.Fault
	if _, err := route.Text(func() {}); !errors.As(err, &fault) {
		t.Errorf("Text of a function: %v", err)
	}
}
