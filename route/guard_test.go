package route_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
	"github.com/caddy-webhooks/caddy-webhooks/route"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// canary is what a sender has put where nothing is signed.
const canary = "CANARY"

// canaryTime is a timestamp that nobody has signed.
var canaryTime = time.Date(1999, 1, 2, 3, 4, 5, 0, time.UTC)

// unsignedEvent is an event of a provider whose every value is a canary. It
// requires what is read to be signed.
func unsignedEvent(t *testing.T, p *verify.Provider) *route.Event {
	t.Helper()
	identity, err := route.NewIdentity(p)
	if err != nil {
		t.Fatal(err)
	}
	const document = `{"canary":"CANARY","list":["a","CANARY"],"deep":{"canary":"CANARY"},"id":"CANARY","type":"CANARY"}`
	r := &verify.Request{
		Method:   http.MethodPost,
		URL:      &url.URL{Scheme: "https", Host: "hooks.example.com", Path: "/CANARY", RawQuery: "canary=CANARY"},
		Header:   http.Header{"X-Canary": {canary}, "Content-Type": {"application/json"}},
		Received: received,
		Body:     payload.New([]byte(document), "application/json", ""),
	}
	e, err := route.NewEvent(p, identity, r, &verify.Result{Signed: p.Coverage(), Event: canary, ID: canary, Timestamp: canaryTime})
	if err != nil {
		t.Fatal(err)
	}
	e.RequireSigned = true
	return e
}

// A reading gets at a value of an event by its name, as an expression writes it.
type reading func(e *route.Event, name, expression string) (string, error)

func rewritten(e *route.Event, rewrite *route.Rewrite) (*route.Outcome, error) {
	rewriter, err := route.NewRewriter(rewrite)
	if err != nil {
		return nil, err
	}
	return rewriter.Apply(e)
}

// readings are all ways to read a value.
var readings = map[string]reading{
	"a rule": func(e *route.Event, _, expression string) (string, error) {
		rule, err := route.CompileRule(`string(` + expression + `) != ""`)
		if err != nil {
			return "", err
		}
		matched, err := rule.Match(e)
		return fmt.Sprint(map[bool]string{true: canary}[matched]), err
	},
	"a value": func(e *route.Event, _, expression string) (string, error) {
		value, err := compute(e, expression)
		return fmt.Sprint(value), err
	},
	"a value by way of the whole": func(e *route.Event, _, expression string) (string, error) {
		value, err := compute(e, "let all = [body, event, id, header, query, timestamp]; "+expression)
		return fmt.Sprint(value), err
	},
	"body": func(e *route.Event, _, expression string) (string, error) {
		out, err := rewritten(e, &route.Rewrite{Body: `{"x": ` + expression + `}`})
		if err != nil {
			return "", err
		}
		return string(out.Body), nil
	},
	"set": func(e *route.Event, _, expression string) (string, error) {
		out, err := rewritten(e, &route.Rewrite{Edits: []route.Edit{{Set: "new", Value: expression}}})
		if err != nil {
			return "", err
		}
		return string(out.Body), nil
	},
	"header": func(e *route.Event, _, expression string) (string, error) {
		out, err := rewritten(e, &route.Rewrite{Headers: []route.Header{{Name: "X-New", Value: expression}}})
		if err != nil {
			return "", err
		}
		return *out.Headers[0].Value, nil
	},
	"uri": func(e *route.Event, _, expression string) (string, error) {
		out, err := rewritten(e, &route.Rewrite{URI: `"/" + string(` + expression + `)`})
		if err != nil {
			return "", err
		}
		return out.URI, nil
	},
	"an attribute of a CloudEvent": func(e *route.Event, _, expression string) (string, error) {
		out, err := rewritten(e, &route.Rewrite{CloudEvents: &route.CloudEvents{Binary: true, Type: "'x'", Subject: `string(` + expression + `)`}})
		if err != nil {
			return "", err
		}
		return *out.Headers[5].Value, nil
	},
	"a stored event": func(e *route.Event, _, expression string) (string, error) {
		snapshot := e.Snapshot()
		written, err := json.Marshal(&snapshot)
		if err != nil {
			return "", err
		}
		read := new(route.Snapshot)
		if err := json.Unmarshal(written, read); err != nil {
			return "", err
		}
		value, err := compute(read.Event(http.Header{"X-Canary": {canary}}, e.Body.Bytes()), expression)
		return fmt.Sprint(value), err
	},
	"a placeholder": func(e *route.Event, name, _ string) (string, error) {
		path, ok := strings.CutPrefix(name, "body.")
		if !ok {
			return "", errors.New("not of the payload")
		}
		text, _ := e.Lookup(path)
		return text, nil
	},
	"rename": func(e *route.Event, name, _ string) (string, error) {
		path, ok := strings.CutPrefix(name, "body.")
		if !ok {
			return "", errors.New("not of the payload")
		}
		out, err := rewritten(e, &route.Rewrite{Edits: []route.Edit{{Rename: path, To: "new.place"}}})
		if err != nil {
			return "", err
		}
		return string(out.Body), nil
	},
}

// values are what can be read, by the names of fields.
var values = map[string]string{
	"event": "event", "id": "id", "timestamp": "timestamp", "header.X-Canary": `header("X-Canary")`,
	"query.canary": `query("canary")`, "path": "path", "body": "body", "body.canary": "body.canary",
	"body.deep.canary": `body.deep["canary"]`, "body.list": "body.list[1]", "body.id": "body.id", "body.type": "body?.type",
}

// What a provider does not sign never gets through, whoever reads it.
func TestRequireSigned(t *testing.T) {
	refused, read := 0, 0
	for _, name := range verify.BuiltinNames() {
		spec, _ := verify.Builtin(name)
		p, err := verify.Compile(spec)
		if err != nil {
			t.Fatal(err)
		}
		for value, expression := range values {
			signed := p.Coverage() != verify.SignedNothing && p.Signs(value)
			for way, reading := range readings {
				got, err := reading(unsignedEvent(t, p), value, expression)
				through := err == nil && (strings.Contains(got, canary) || strings.Contains(got, "1999"))
				switch {
				case !signed && (way == "set" || way == "rename"): // the payload goes on as a whole
					if err == nil {
						t.Errorf("%s: %s reads %s, which is not signed", name, way, value)
					}
				case !signed && through:
					t.Errorf("%s: %s reads %s, which is not signed: %s", name, way, value, got)
				case signed && way == "a value" && err != nil:
					t.Errorf("%s: %s cannot read %s, which is signed: %v", name, way, value, err)
				}
				if signed {
					read++
				} else {
					refused++
				}
			}
		}
	}
	if read < 1000 || refused < 5000 {
		t.Errorf("%d readings of signed values and %d of others were tried; are the providers there?", read, refused)
	}
}

// What names the value that may not be read stands in the log.
func TestRequireSignedSays(t *testing.T) {
	spec, _ := verify.Builtin("instaleap")
	p, err := verify.Compile(spec)
	if err != nil {
		t.Fatal(err)
	}
	_, err = compute(unsignedEvent(t, p), "body.canary")
	const want = "require_signed: body.canary is read, which instaleap does not sign"
	if got := route.Failure(err); got != want {
		t.Errorf("it says %q, want %q", got, want)
	}
}

// A rewrite does not make good what was not: an unsigned value that came to stand
// under a signed name is still unsigned. What is made of signed values is good.
func TestRequireSignedAfterRewriting(t *testing.T) {
	spec, err := verify.ParseSpec([]byte(`{"scheme":"hmac","content":"{body.data.id}.{body.list.0}.{body.id}","signature":{"from":["header.X-S"]}}`))
	if err != nil {
		t.Fatal(err)
	}
	p, err := verify.Compile(spec)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name    string
		rewrite route.Rewrite
		read    string // a path
		want    string // empty: it may not be read
	}{
		{"wrapped", route.Rewrite{CloudEvents: &route.CloudEvents{Type: "'x'"}}, "data.id", ""},
		{"wrapped, its own id", route.Rewrite{CloudEvents: &route.CloudEvents{Type: "'x'"}}, "id", ""},
		{"an element taken out", route.Rewrite{Edits: []route.Edit{{Delete: "list.0"}}}, "list.0", ""},
		{"a member taken out", route.Rewrite{Edits: []route.Edit{{Delete: "canary"}}}, "id", canary},
		{"a member put in", route.Rewrite{Edits: []route.Edit{{Set: "canary", Value: "body.id"}}}, "deep.canary", ""},
		{"a member moved", route.Rewrite{Edits: []route.Edit{{Rename: "id", To: "data.id"}}}, "data.id", canary},
		{"made anew", route.Rewrite{Body: `{"a": body.id}`}, "a", canary},
		{"made anew and edited", route.Rewrite{Body: `{"a": [1, body.id]}`, Edits: []route.Edit{{Delete: "a.0"}}}, "a.0", canary},
		{"made anew and wrapped", route.Rewrite{Body: `{"a": body.id}`, CloudEvents: &route.CloudEvents{Type: "'x'"}}, "data.a", canary},
	} {
		e := unsignedEvent(t, p)
		out, err := rewritten(e, &test.rewrite)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		e.SetOutcome(out)
		if got, _ := e.Lookup(test.read); got != test.want {
			t.Errorf("%s: %s is %q, want %q", test.name, test.read, got, test.want)
		}
		path := "body." + strings.ReplaceAll(test.read, ".0", "[0]")
		if got, err := compute(e, path); (err == nil) != (test.want != "") && !strings.Contains(path, "[") {
			t.Errorf("%s: the expression %s is %v, %v", test.name, path, got, err)
		}
		e.SetBody([]byte(`{"id":"CANARY"}`), "application/json")
		if got, _ := e.Lookup("id"); got != "" {
			t.Errorf("%s: another payload is taken for what was signed", test.name)
		}
	}
}

// Whatever an expression can name of an event is judged, or is this module's own.
func TestReadsNamesAllThereIs(t *testing.T) {
	own := []string{"provider", "endpoint", "tenant", "vars", "received", "signed"}
	for _, name := range route.Names() {
		if slices.Contains(own, name) {
			continue
		}
		value, err := route.CompileValue("[" + name + "]")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want := name
		if name == "category" || name == "categories" {
			want = "event" // whose name decides
		}
		if got := value.Reads(); !reflect.DeepEqual(got, []string{want}) {
			t.Errorf("%s reads %q, so require_signed does not see it", name, got)
		}
	}
}
