package inspect_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/internal/inspect"
	"github.com/caddy-webhooks/caddy-webhooks/payload"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

func delivery(provider, event, outcome string) *inspect.Delivery {
	return &inspect.Delivery{Summary: inspect.Summary{Provider: provider, Endpoint: "/" + provider, Event: event, Outcome: outcome}}
}

// numbers lists the numbers of deliveries.
func numbers(list []*inspect.Delivery) string {
	var out []string
	for _, d := range list {
		out = append(out, fmt.Sprint(d.Number))
	}
	return strings.Join(out, " ")
}

func TestRecorder(t *testing.T) {
	r := inspect.NewRecorder()
	r.Add(delivery("a", "", "accepted"))
	if got := r.List(inspect.Filter{}); len(got) != 0 {
		t.Errorf("what nobody wants is kept: %v", got)
	}
	r.Keep(map[inspect.Endpoint]int{{Provider: "a", Name: "/a"}: 3, {Provider: "b", Name: "/b"}: 2, {Provider: "a", Name: "/b"}: 9})
	for i := range 5 {
		r.Add(delivery("a", fmt.Sprintf("order.%d", i), "accepted")) // 1 to 5
	}
	r.Add(delivery("b", "", "bad_token")) // 6
	check := func(f inspect.Filter, want string) {
		t.Helper()
		if got := numbers(r.List(f)); got != want {
			t.Errorf("%+v selects %s, want %s", f, got, want)
		}
	}
	check(inspect.Filter{}, "6 5 4 3")
	check(inspect.Filter{Provider: "a"}, "5 4 3")
	check(inspect.Filter{Endpoint: "/b"}, "6")
	check(inspect.Filter{Provider: "a", Endpoint: "/b"}, "")
	check(inspect.Filter{Outcome: "bad_token"}, "6")
	check(inspect.Filter{Event: "order.*"}, "5 4 3")
	check(inspect.Filter{Event: "order.3"}, "4")
	check(inspect.Filter{After: 4}, "6 5")
	check(inspect.Filter{Limit: 2}, "6 5")
	check(inspect.Filter{Before: 5}, "4 3")
	check(inspect.Filter{Before: 6, After: 3, Limit: 1}, "5")
	check(inspect.Filter{Text: "ORDER.4"}, "5")
	if _, total := r.Page(inspect.Filter{Provider: "a", Before: 5, Limit: 1}); total != 3 {
		t.Errorf("of %d, want 3", total)
	}
	for f, want := range map[inspect.Filter]uint64{{}: 2, {Provider: "a"}: 2, {Endpoint: "/b"}: 0} {
		if got := r.Forgotten(f); got != want {
			t.Errorf("%+v has forgotten %d, want %d", f, got, want)
		}
	}
	if d, ok := r.Get(4); !ok || d.Event != "order.3" {
		t.Errorf("delivery 4 is %v", d)
	}
	for _, number := range []uint64{1, 7} {
		if _, ok := r.Get(number); ok {
			t.Errorf("delivery %d is there", number)
		}
	}
	r.Keep(map[inspect.Endpoint]int{{Provider: "a", Name: "/a"}: 1}) // another configuration
	check(inspect.Filter{}, "5")
	r.Add(delivery("b", "", "accepted"))
	r.Add(delivery("a", "", "accepted"))
	check(inspect.Filter{}, "7")
	if inspect.NewRecorder().Instance() == r.Instance() {
		t.Error("two recorders cannot be told apart")
	}
}

// A text is looked for in all that is shown, and in nothing else.
func TestFindText(t *testing.T) {
	r := inspect.NewRecorder()
	r.Keep(map[inspect.Endpoint]int{{Provider: "a", Name: "/a"}: 9})
	d := delivery("a", "paid", "accepted")
	d.ID, d.Path, d.ClientIP, d.Detail = "evt_1", "/hooks/a", "192.0.2.7", "Stale by 1h"
	d.Headers = []inspect.Header{{Name: "X-Note", Value: "Hello"}}
	d.Body.Content = `{"Order": "0000AG382N"}`
	r.Add(d)
	for text, want := range map[string]int{
		"EVT_1": 1, "hooks": 1, "192.0.2.7": 1, "stale": 1, "hello": 1, "0000ag382n": 1, "order": 1, "x-note": 0, "evt_2": 0,
	} {
		if got := len(r.List(inspect.Filter{Text: text})); got != want {
			t.Errorf("%q selects %d, want %d", text, got, want)
		}
	}
}

func TestHeaders(t *testing.T) {
	r := inspect.Redactor{Credentials: verify.Credentials{Headers: []string{"Authorization", "X-Proof", "X-Part-#"}}}
	header := http.Header{
		"Authorization": {"Bearer one"}, "X-Proof": {"two"}, "X-Part-1": {"three"}, "X-Part-A": {"seen"},
		"X-Api-Key": {"four"}, "x-my-token": {"five"}, "Set-Cookie": {"six"},
		"Accept": {"a", "b"}, "X-Long": {strings.Repeat("é", 2000)}, "X-Bad": {"\xff"},
	}
	lines := r.Headers(header)
	got := make(map[string][]string)
	for _, line := range lines {
		got[line.Name] = append(got[line.Name], line.Value)
	}
	for _, name := range []string{"Authorization", "X-Proof", "X-Part-1", "X-Api-Key", "x-my-token", "Set-Cookie"} {
		if fmt.Sprint(got[name]) != "["+inspect.Redacted+"]" {
			t.Errorf("%s is shown as %v", name, got[name])
		}
	}
	if fmt.Sprint(got["X-Part-A"], got["Accept"], got["X-Bad"]) != "[seen] [a b] [�]" {
		t.Errorf("the rest is %v", got)
	}
	if value := got["X-Long"][0]; len(value) > 1100 || !strings.HasSuffix(value, "é…") {
		t.Errorf("a long value has %d bytes", len(value))
	}
	many := make(http.Header)
	for i := range 500 {
		many.Set(fmt.Sprintf("X-%d", i), "v")
	}
	if n := len(r.Headers(many)); n != 101 {
		t.Errorf("%d of 500 headers are kept", n)
	}
}

func path(t *testing.T, text string) payload.Path {
	t.Helper()
	p, err := payload.ParsePath(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestBody(t *testing.T) {
	r := inspect.Redactor{
		Credentials: verify.Credentials{Paths: []payload.Path{path(t, "sig")}},
		Bodies:      true,
		Paths:       []payload.Path{path(t, "a.b"), path(t, "items.*.phone"), path(t, "customers.*.email")},
	}
	for document, want := range map[string]inspect.Text{
		`{"sig":"x","a":{"b":{"c":1}},"items":[{"phone":1},{},{"phone":null}]}`: {
			Content: `{"sig":"[redacted]","a":{"b":"[redacted]"},"items":[{"phone":"[redacted]"},{},{"phone":"[redacted]"}]}`,
		},
		`{"customers":{"c1":{"email":"ann@x.test"},"*":{"email":"bob@x.test"},"c3":1}}`: {
			Content: `{"customers":{"c1":{"email":"[redacted]"},"*":{"email":"[redacted]"},"c3":1}}`,
		},
		`{"other":1}`:                 {Content: `{"other":1}`},
		`{"a":1}`:                     {Content: `{"a":1}`},
		`a=b`:                         {Omitted: "it is not strict JSON"},
		`{"sig":"x","sig":"y"}`:       {Omitted: "it is not strict JSON"}, // one would stay
		`{"n":{"sig":1,"sig":"y"}}`:   {Omitted: "it is not strict JSON"},
		``:                            {Omitted: "there is no JSON"},
		strings.Repeat(" ", 1<<17):    {Omitted: "it is longer than 64 KiB"},
		`{"a":"{\"b\":\"hunter2\"}"}`: {Content: `{"a":"{\"b\":\"[redacted]\"}"}`},
	} {
		if got := r.Body([]byte(document)); got != want {
			t.Errorf("%.60s becomes %+v, want %+v", document, got, want)
		}
	}
	r.Bodies = false
	if got := r.Body([]byte(`{}`)); got != (inspect.Text{}) {
		t.Errorf("a body that nobody wants is kept: %+v", got)
	}
}

func TestDiff(t *testing.T) {
	got := inspect.Diff([]byte(`{"a":1,"b":2}`), []byte(`{"a":1,"b":3}`))
	if want := []string{`-   "b": 2`, `+   "b": 3`}; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the difference is %q, want %q", got, want)
	}
	if got := inspect.Diff([]byte(`{}`), []byte(`{}`)); got != nil {
		t.Errorf("what is the same differs: %q", got)
	}
	long := []byte("[" + strings.Repeat("1,", 3000) + "1]")
	if got := inspect.Diff(long, []byte(`{}`)); len(got) != 1 {
		t.Errorf("%d lines of a long payload", len(got))
	}
}
