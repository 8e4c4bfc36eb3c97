package payload_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
)

// chain makes a Chain of names, or of indexes where they are numbers.
func chain(steps ...any) *payload.Chain {
	var made []payload.Step
	for _, step := range steps {
		switch step := step.(type) {
		case int:
			made = append(made, payload.Step{Index: step, IsIndex: true})
		case string:
			name, optional := strings.CutPrefix(step, "?")
			made = append(made, payload.Step{Name: name, Optional: optional})
		}
	}
	return payload.NewChain(made)
}

func TestFollow(t *testing.T) {
	const document = ` {"a":{"b":[10,{"c":"x"}],"n":null},"s":"text","":1,"0":2,"d":1,"d":2,"o":{"x":1,"x":2}} `
	tests := []struct {
		chain *payload.Chain
		want  any
		err   error
	}{
		{chain("a", "b", 0), 10, nil},
		{chain("a", "b", 1, "c"), "x", nil},
		{chain("a", "b"), []any{10, map[string]any{"c": "x"}}, nil},
		{chain("a", "n"), nil, nil},
		{chain("a", "none"), nil, nil},
		{chain("none"), nil, nil},
		{chain(""), 1, nil},
		{chain("none", "b"), nil, payload.ErrBroken},
		{chain("none", "?b"), nil, nil},
		{chain("none", "?b", "c"), nil, nil},
		{chain("a", "n", "b"), nil, payload.ErrBroken},
		{chain("a", "n", "?b"), nil, nil},
		{chain("s", "b"), nil, payload.ErrBroken},
		{chain("s", "?b"), nil, payload.ErrBroken},
		{chain("a", "b", 2), nil, payload.ErrBroken},
		{chain("a", "b", "0"), nil, payload.ErrBroken},
		{chain(0), nil, payload.ErrBroken},
		{chain("d"), nil, payload.ErrDuplicateName},
		{chain("d", "e"), nil, payload.ErrDuplicateName},
		{chain("o"), nil, payload.ErrDuplicateName},
	}
	// Each on its own, and all of them on one body in both orders.
	var shared payload.Finder
	one := payload.New([]byte(document), jsonType, "")
	for i := range 2 * len(tests) {
		test := tests[min(i, 2*len(tests)-1-i)]
		for _, on := range []struct {
			body   *payload.Body
			finder *payload.Finder
		}{{payload.New([]byte(document), jsonType, ""), new(payload.Finder)}, {one, &shared}} {
			if got, err := on.body.Follow(on.finder, test.chain); !errors.Is(err, test.err) || !reflect.DeepEqual(got, test.want) {
				t.Errorf("%d: %#v, %v; want %#v, %v", i, got, err, test.want, test.err)
			}
		}
	}
}

// The rest of a body that the sender vouches for is not read once all is found.
func TestTrustedBody(t *testing.T) {
	tests := []struct {
		document, first, second string
		err                     bool
	}{
		{`{"a":1,"b":{"c":2},"x":`, "1", "2", false},
		{`{"b":{"c":2,"c":3},"a":1,"a":2}`, "1", "", true},
		{`{"b":{"c":2},"a":1,"a":2}`, "1", "2", false},
		{`{"a":1,"a":2,"b":{"c":2}}`, "", "2", true},
		{`{"a":1,"b":{}}`, "1", "", false},
		{`{"a":1,"b":{}}x`, "1", "", false},
		{`{"a":1,`, "1", "", true},
	}
	for _, test := range tests {
		var finder payload.Finder
		slots := []int{finder.Add(mustPath(t, "a"), false), finder.Add(mustPath(t, "b.c"), false)}
		body := payload.New([]byte(test.document), jsonType, "")
		body.Trust()
		var failed bool
		for i, want := range []string{test.first, test.second} {
			span, err := body.Span(&finder, slots[i])
			failed = failed || err != nil
			if err == nil && string(span.Of(body.Document())) != want {
				t.Errorf("%s: found %q; want %q", test.document, span.Of(body.Document()), want)
			}
		}
		if failed != test.err {
			t.Errorf("%s: failed %t; want %t", test.document, failed, test.err)
		}
		// Nobody else vouches for it.
		body = payload.New([]byte(test.document), jsonType, "")
		_, firstErr := body.Span(&finder, slots[0])
		_, secondErr := body.Span(&finder, slots[1])
		if test.document != `{"a":1,"b":{}}` && firstErr == nil && secondErr == nil {
			t.Errorf("%s was read to its end without an error", test.document)
		}
	}
}

// A path that is added later is found in a body that was read already.
func TestSpanOfLaterPath(t *testing.T) {
	var finder payload.Finder
	body := payload.New([]byte(`{"a":1,"b":{"c":[7]}}`), jsonType, "")
	body.Trust()
	for _, step := range []struct{ path, want string }{{"a", "1"}, {"b.c", "[7]"}, {"b.c.0", "7"}, {"b", `{"c":[7]}`}, {"none", ""}, {"a", "1"}} {
		span, err := body.Span(&finder, finder.Add(mustPath(t, step.path), false))
		if got := string(span.Of(body.Bytes())); err != nil || got != step.want {
			t.Errorf("%s: %q, %v; want %q", step.path, got, err, step.want)
		}
	}
}

// Requests teach a Finder paths while others read by it.
func TestFinderLearnsConcurrently(t *testing.T) {
	var finder payload.Finder
	var group sync.WaitGroup
	for worker := range 8 {
		group.Go(func() {
			for i := range 40 {
				body := payload.New([]byte(`{"n0":0,"n1":1,"n2":2,"n3":3,"in":{"n4":4,"n5":5}}`), jsonType, "")
				at := (worker + i) % 4
				name := fmt.Sprint("n", at)
				if got, err := body.Follow(&finder, chain(name)); err != nil || got != at {
					t.Errorf("%s: %v, %v", name, got, err)
				}
				if got, err := body.Lookup(&finder, fmt.Sprint("in.n", 4+i%2)); err != nil || string(got) != fmt.Sprint(4+i%2) {
					t.Errorf("in.n: %s, %v", got, err)
				}
			}
		})
	}
	group.Wait()
}

// Paths that something computes do not make a Finder grow without end.
func TestLookupOfManyPaths(t *testing.T) {
	var finder payload.Finder
	body := payload.New([]byte(`{"a":{"5":"x","999":"y","z":{"d":1,"d":2}}}`), jsonType, "")
	for i := range 1000 {
		want := map[int]string{5: `"x"`, 999: `"y"`}[i]
		if got, err := body.Lookup(&finder, fmt.Sprint("a.", i)); err != nil || string(got) != want {
			t.Errorf("a.%d: %s, %v; want %s", i, got, err, want)
		}
	}
	for _, path := range []string{"", "a..b", "a.z", "a", "a.z.d"} {
		if got, err := body.Lookup(&finder, path); err == nil {
			t.Errorf("%q: %s; want an error", path, got)
		}
	}
}
