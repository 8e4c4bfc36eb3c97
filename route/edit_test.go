package route_test

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
	"github.com/caddy-webhooks/caddy-webhooks/route"
)

func TestRewriteEdits(t *testing.T) {
	const body = `{ "id": 7, "total": 38.90, "big":12345678901234567890, "notes":"{\"door\":\"left\"}", "list":[{"a":1},{"a":2}] }`
	tests := []struct {
		name  string
		body  string
		edits []route.Edit
		want  string
	}{
		{"set", "", []route.Edit{{Set: "id", Value: `body.id + 1`}}, strings.Replace(body, `"id": 7`, `"id": 8`, 1)},
		{"set a big number", "", []route.Edit{{Set: "id", Value: `body.big`}}, strings.Replace(body, `"id": 7`, `"id": 12345678901234567890`, 1)},
		{"set text outside ASCII", "", []route.Edit{{Set: "id", Value: `"größe <&>"`}}, strings.Replace(body, `"id": 7`, `"id": "größe <&>"`, 1)},
		{"set in a string", "", []route.Edit{{Set: "notes.door", Value: `upper(json(body.notes).door)`}}, strings.Replace(body, `left`, `LEFT`, 1)},
		{"rename", "", []route.Edit{{Rename: "id", To: "order"}}, strings.Replace(body, `"id"`, `"order"`, 1)},
		{"delete", "", []route.Edit{{Delete: "big"}}, strings.Replace(body, `"big":12345678901234567890, `, ``, 1)},
		{"delete nothing", "", []route.Edit{{Delete: "none"}}, body},
		{"in every element", "", []route.Edit{{Set: "list.*.a", Value: `body.id`}}, strings.Replace(strings.Replace(body, `"a":1`, `"a":7`, 1), `"a":2`, `"a":7`, 1)},
		{"one after the other", "", []route.Edit{{Rename: "id", To: "x"}, {Set: "x", Value: `event`}, {Delete: "list"}}, strings.Replace(strings.Replace(body, `"id": 7`, `"x": "e1"`, 1), `, "list":[{"a":1},{"a":2}]`, ``, 1)},
		{"values are those before", "", []route.Edit{{Delete: "big"}, {Set: "id", Value: `body.big`}}, strings.Replace(strings.Replace(body, `"big":12345678901234567890, `, ``, 1), `"id": 7`, `"id": 12345678901234567890`, 1)},
		{"after body", `{order: body.id}`, []route.Edit{{Set: "total", Value: `body.total`}}, `{"order":7,"total":38.9}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			e, err := identify(t, []string{"e1"}, nil, body)
			if err != nil {
				t.Fatal(err)
			}
			out, err := apply(t, e, route.Rewrite{Body: test.body, Edits: test.edits})
			if err != nil || string(out.Body) != test.want || out.ContentType != "application/json" {
				t.Errorf("%+v, %v; want %s", out, err, test.want)
			}
		})
	}
}

// Setting a value where one was found gives what setting it by looking for it
// does.
func TestSetInPlace(t *testing.T) {
	for _, body := range []string{
		`{"a":1}`, ` { "a" : {"b": [1, 2 ]} , "*":3} `, `{"a":"{\"b\":1}"}`, `{"a":null}`, `{"a":[{"b":1},{"b":2}]}`, `[{"a":1}]`, `{"a":{"0":1}}`,
		`{"a":{"b":1,"b":2}}`, `{"a":1,"a":2}`, `{"x":{"a":1,"a":2},"a":1}`, `{"a":1}x`, `{"a":`, `1`, `{}`, `{"a":[[1],[2]]}`,
	} {
		for _, text := range []string{"a", "a.b", "a.0", "a.1.b", "a.*", "a.*.b", "0.a", "*", "a.0.0", "b.c"} {
			path, err := payload.ParsePath(text)
			if err != nil {
				t.Fatal(err)
			}
			want, wantErr := payload.Set([]byte(body), path, []byte(`"new"`))
			out, err := apply(t, newEvent(t, body), route.Rewrite{Edits: []route.Edit{{Set: text, Value: `"new"`}}})
			if (err != nil) != (wantErr != nil) || err == nil && string(out.Body) != string(want) {
				t.Errorf("set %s in %s: %+v, %v; want %s, %v", text, body, out, err, want, wantErr)
			}
		}
	}
}

func TestRewriteEditFailures(t *testing.T) {
	tests := []struct {
		name, body string
		edit       route.Edit
		want       string
	}{
		{"inside a scalar", `{"a":1}`, route.Edit{Set: "a.b", Value: `1`}, "set a.b: "},
		{"expression", `{"a":1}`, route.Edit{Set: "a", Value: `body.x.y`}, "set a: "},
		{"name that exists", `{"a":1,"b":2}`, route.Edit{Rename: "a", To: "b"}, "rename a b: "},
		{"empty payload", ``, route.Edit{Delete: "a"}, "not JSON"},
		{"text", `Hello, World!`, route.Edit{Set: "a", Value: `1`}, "set a: "},
		{"text to delete from", `text`, route.Edit{Delete: "a"}, "delete a: "},
		{"trailing data", `{"a":1}x`, route.Edit{Delete: "a"}, "delete a: "},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			out, err := apply(t, newEvent(t, test.body), route.Rewrite{Edits: []route.Edit{test.edit}})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%+v, %v; want %q", out, err, test.want)
			}
		})
	}
}

func TestRewriteEditMistakes(t *testing.T) {
	for want, edit := range map[string]route.Edit{
		"either set, rename or delete":  {},
		"either set":                    {Set: "a", Value: "1", Delete: "b"},
		"either set, rename":            {Rename: "a", To: "b", Delete: "c"},
		"set: path":                     {Set: "a..b", Value: "1"},
		"set a: the expression is empt": {Set: "a"},
		"set a: unknown":                {Set: "a", Value: "bdy"},
		"rename a: empty path":          {Rename: "a"},
		"delete: path":                  {Delete: "a."},
	} {
		if _, err := route.NewRewriter(&route.Rewrite{Edits: []route.Edit{edit}}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v; want %q", edit, err, want)
		}
	}
}

// cloudEvent is what the JSON format holds.
func cloudEvent(t *testing.T, body string, spec route.CloudEvents) map[string]any {
	t.Helper()
	out, err := apply(t, newEvent(t, body), route.Rewrite{CloudEvents: &spec})
	if err != nil {
		t.Fatal(err)
	}
	if out.ContentType != "application/cloudevents+json" {
		t.Errorf("the content type is %q", out.ContentType)
	}
	var event map[string]any
	if err := json.Unmarshal(out.Body, &event); err != nil {
		t.Fatalf("%v: %s", err, out.Body)
	}
	return event
}

func TestCloudEvents(t *testing.T) {
	event := cloudEvent(t, order, route.CloudEvents{})
	for name, want := range map[string]any{
		"specversion": "1.0", "type": "order.paid", "source": "/webhooks/instaleap", "id": "9007199254740993",
		"time": "2024-05-14T11:59:00Z", "datacontenttype": "application/json", "subject": nil, "data_base64": nil,
	} {
		if event[name] != want {
			t.Errorf("%s is %v; want %v", name, event[name], want)
		}
	}
	out, err := apply(t, newEvent(t, order), route.Rewrite{CloudEvents: &route.CloudEvents{}})
	if err != nil || !strings.Contains(string(out.Body), strings.TrimSpace(order)) {
		t.Errorf("the bytes of the payload were changed: %s, %v", out.Body, err)
	}

	event = cloudEvent(t, order, route.CloudEvents{
		Type: `"com.example." + event`, Source: `"https://example.com/" + provider`, ID: `string(body.big)`, Time: `received`, Subject: `body.list[0].sku`,
	})
	for name, want := range map[string]any{
		"type": "com.example.order.paid", "source": "https://example.com/instaleap", "id": "12345678901234567890",
		"time": "2024-05-14T12:00:00Z", "subject": "x",
	} {
		if event[name] != want {
			t.Errorf("%s is %v; want %v", name, event[name], want)
		}
	}

	// What is not JSON is carried as it came.
	event = cloudEvent(t, "Hello, \xff!", route.CloudEvents{Type: `"text"`})
	if data, _ := base64.StdEncoding.DecodeString(event["data_base64"].(string)); string(data) != "Hello, \xff!" || event["data"] != nil {
		t.Errorf("the event is %v", event)
	}
	for _, body := range []string{" \n", ""} {
		event := cloudEvent(t, body, route.CloudEvents{Type: `"blank"`})
		if carried, _ := event["data_base64"].(string); carried != base64.StdEncoding.EncodeToString([]byte(body)) || event["data"] != nil {
			t.Errorf("%q became %v", body, event)
		}
	}
	form, err := (arrival{body: "a=1&b=2", contentType: "application/x-www-form-urlencoded"}).event()
	if err != nil {
		t.Fatal(err)
	}
	out, err = apply(t, form, route.Rewrite{CloudEvents: &route.CloudEvents{Type: `"form"`}})
	if err != nil || !strings.Contains(string(out.Body), `"datacontenttype":"application/x-www-form-urlencoded"`) ||
		!strings.Contains(string(out.Body), base64.StdEncoding.EncodeToString([]byte("a=1&b=2"))) {
		t.Errorf("the form became %s, %v", out.Body, err)
	}

	// Without an id it is the same for the same payload, and another for another.
	first, again := cloudEvent(t, `{"type":"a"}`, route.CloudEvents{}), cloudEvent(t, `{"type":"a"}`, route.CloudEvents{})
	other := cloudEvent(t, `{"type":"a","x":1}`, route.CloudEvents{})
	if first["id"] == "" || first["id"] != again["id"] || first["id"] == other["id"] {
		t.Errorf("the ids are %v, %v and %v", first["id"], again["id"], other["id"])
	}
}

func TestCloudEventsBinary(t *testing.T) {
	e := newEvent(t, `{"type":"a \"ä\"%\r\nX: y","id":"i1"}`)
	out, err := apply(t, e, route.Rewrite{CloudEvents: &route.CloudEvents{Binary: true}})
	if err != nil || out.Body != nil {
		t.Fatalf("%+v, %v", out, err)
	}
	want := map[string]string{
		"Ce-Specversion": "1.0", "Ce-Id": "i1", "Ce-Source": "/webhooks/instaleap",
		"Ce-Type": "a%20%22%C3%A4%22%25%0D%0AX:%20y", "Ce-Time": "2024-05-14T12:00:00Z", "Ce-Subject": "-",
	}
	for _, edit := range out.Headers {
		got := "-"
		if edit.Value != nil {
			got = *edit.Value
		}
		if got != want[edit.Name] {
			t.Errorf("%s is %q; want %q", edit.Name, got, want[edit.Name])
		}
		delete(want, edit.Name)
	}
	if len(want) > 0 {
		t.Errorf("headers are missing: %v", want)
	}
}

func TestCloudEventsFailures(t *testing.T) {
	for want, test := range map[string]struct {
		body string
		spec route.CloudEvents
	}{
		"no name":         {`{}`, route.CloudEvents{}},
		"source is empty": {order, route.CloudEvents{Source: `""`}},
		"not RFC 3339":    {order, route.CloudEvents{Time: `body.type`}},
		"cannot fetch":    {order, route.CloudEvents{Subject: `body.none.x`}},
	} {
		out, err := apply(t, newEvent(t, test.body), route.Rewrite{CloudEvents: &test.spec})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %+v, %v; want %q", test.spec, out, err, want)
		}
	}
	for _, spec := range []route.CloudEvents{{Type: "evnt"}, {Source: "1 +"}, {ID: "now()"}, {Time: "x"}, {Subject: "y"}} {
		if _, err := route.NewRewriter(&route.Rewrite{CloudEvents: &spec}); err == nil || !strings.Contains(err.Error(), "as cloudevents: ") {
			t.Errorf("%+v: %v; want an error", spec, err)
		}
	}
}
