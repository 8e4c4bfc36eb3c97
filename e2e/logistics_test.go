package e2e_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

// These tests play Instaleap, Jelp, Shippify and Detrack as their pages say that
// they send. What is signed and how is written here, apart from the code that
// verifies it. They send to the shipped examples, where there is one.

// delivery is a webhook and what becomes of it.
type delivery struct {
	name    string
	method  string // POST, unless it says otherwise
	path    string
	body    string
	headers []string // "Name: value"

	status    int    // of the answer; 0 stands for 200
	uri       string // what the app was asked for; empty: nothing
	event, id string // the headers that the app got
	holds     string // a part of the body that the app got
}

// shipped runs an example, with the app that it plays replaced by an upstream.
// Variables are "NAME=value".
func shipped(t *testing.T, name string, variables ...string) (*webhooktest.Server, *webhooktest.Upstream) {
	t.Helper()
	text, err := os.ReadFile("examples/" + name + "/Caddyfile")
	if err != nil {
		t.Fatal(err)
	}
	for _, variable := range variables {
		key, value, _ := strings.Cut(variable, "=")
		t.Setenv(key, value)
	}
	hooks, _, found := strings.Cut(string(text), "\nhttp://localhost:8081 {")
	if !found {
		t.Fatalf("examples/%s plays no app", name)
	}
	up := webhooktest.NewUpstream(t)
	hooks = strings.NewReplacer("http://localhost:8080", "http://:0", "localhost:8081", up.Addr()).Replace(hooks)
	return webhooktest.Start(t, hooks), up
}

// deliver sends the webhooks one after the other.
func deliver(t *testing.T, srv *webhooktest.Server, up *webhooktest.Upstream, deliveries ...delivery) {
	t.Helper()
	for _, d := range deliveries {
		t.Run(d.name, func(t *testing.T) {
			t.Helper()
			method := d.method
			if method == "" {
				method = "POST"
			}
			want := d.status
			if want == 0 {
				want = 200
			}
			got := srv.Do(srv.NewRequest(method, d.path, strings.NewReader(d.body), d.headers...))
			if got.Status != want {
				t.Errorf("status %d, want %d; the body is %q", got.Status, want, got.Body)
			}
			requests := up.Requests()
			if d.uri == "" || len(requests) == 0 {
				if (d.uri == "") != (len(requests) == 0) {
					t.Errorf("%d requests reached the app, want %q", len(requests), d.uri)
				}
				drain(up)
				return
			}
			d.check(t, up.Only())
		})
	}
}

// check compares what the app got.
func (d delivery) check(t *testing.T, got webhooktest.Received) {
	t.Helper()
	event, id := got.Header.Get("Webhook-Event"), got.Header.Get("Webhook-Delivery-Id")
	if got.URI != d.uri || event != d.event || id != d.id {
		t.Errorf("the app got %s, event %q, id %q; want %s, %q, %q", got.URI, event, id, d.uri, d.event, d.id)
	}
	if d.method != "" && got.Method != d.method {
		t.Errorf("the app got the method %s, want %s", got.Method, d.method)
	}
	if !strings.Contains(string(got.Body), d.holds) {
		t.Errorf("the app got %s; want in it %s", got.Body, d.holds)
	}
}

// drain forgets what has reached an upstream.
func drain(up *webhooktest.Upstream) {
	if len(up.Requests()) == 1 {
		up.Only()
	}
}

// sampleOf returns a payload under testdata.
func sampleOf(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// changed returns a JSON object with other members at the top; nil removes one.
func changed(t *testing.T, object string, members map[string]any) string {
	t.Helper()
	var all map[string]any
	decoder := json.NewDecoder(strings.NewReader(object))
	decoder.UseNumber()
	if err := decoder.Decode(&all); err != nil {
		t.Fatal(err)
	}
	for name, value := range members {
		if all[name] = value; value == nil {
			delete(all, name)
		}
	}
	return jsonText(t, all)
}

// checkNeverNamed checks the one warning that a provider's endpoint gives for
// each name of an event that it cannot have; empty stands for none.
func checkNeverNamed(t *testing.T, provider string, warnings map[string]string) {
	t.Helper()
	for name, want := range warnings {
		srv := webhooktest.Start(t, site("handle_webhook /hook "+provider+` {
		token a-token
		on "`+name+`" {
			respond 204
		}
		otherwise {
			respond 422
		}
	}`))
		var got []string
		for _, entry := range srv.Log.Find(func(e webhooktest.Entry) bool { return strings.Contains(e.Text("msg"), name) }) {
			got = append(got, entry.Text("msg"))
		}
		if strings.Join(got, "\n") != want {
			t.Errorf("on %q for %s: warnings %q, want %q", name, provider, got, want)
		}
		srv.Stop()
	}
}
