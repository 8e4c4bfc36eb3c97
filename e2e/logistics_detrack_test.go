package e2e_test

import (
	"encoding/base64"
	"net/url"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

func basicOf(user, password string) string {
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

// triggers are those of Detrack's page, with how version 2 tells them and what
// they are called.
var triggers = []struct {
	name      string
	version2  map[string]any // changes of the sample
	event, v1 string
}{
	{"Info Received", map[string]any{"status": "info_recv"}, "info_recv", "Info Received"},
	{"In Transit", map[string]any{"status": "in_transit"}, "in_transit", "In Transit"},
	{"Scheduled", map[string]any{"tracking_status": "Scheduled", "milestones": []any{}}, "scheduled", "Scheduled"},
	{"In Progress", nil, "dispatched", "In Progress"},
	{"Heading To", map[string]any{"milestones": []any{
		map[string]any{"status": "out_for_delivery"}, map[string]any{"status": "head_to_delivery"},
	}}, "head_to_delivery", "Heading To"},
	{"Heading To, a collection", map[string]any{"type": "Collection", "milestones": []any{
		map[string]any{"status": "head_to_pick_up"},
	}}, "head_to_pick_up", "Heading To"},
	{"completed", map[string]any{"status": "completed"}, "completed", "Delivered"},
	{"Partially Completed", map[string]any{"status": "completed_partial"}, "completed_partial", "Partially Completed"},
	{"Failed", map[string]any{"status": "failed"}, "failed", "Failed"},
	{"Return", map[string]any{"status": "return"}, "return", "Return"},
	{"On Hold", map[string]any{"status": "on_hold"}, "on_hold", "On Hold"},
}

// Each trigger has an event of its own in version 2; collections and escalations
// have their routes.
func TestDetrackTriggers(t *testing.T) {
	srv, up := shipped(t, "detrack", "DETRACK_USER=detrack", "DETRACK_PASSWORD=s3cret-detrack")
	sample := sampleOf(t, "detrack/sample.json")
	heads := []string{basicOf("detrack", "s3cret-detrack"), "Content-Type: application/json", "X-Forwarded-For: 44.236.78.196"}
	for _, trigger := range triggers {
		uri := "/deliveries"
		if trigger.version2["type"] == "Collection" {
			uri = "/collections"
		}
		deliver(t, srv, up, delivery{
			name: trigger.name, path: "/detrack", headers: heads,
			body: changed(t, sample, trigger.version2), uri: uri, event: trigger.event,
		})
	}
	from := func(address string) []string { return append(heads[:2:2], "X-Forwarded-For: "+address) }
	deliver(t, srv, up,
		delivery{name: "the page's sample", path: "/detrack", body: sample, headers: heads, uri: "/deliveries", event: "dispatched", holds: "DET4640992408"},
		delivery{
			name: "the third attempt", path: "/detrack", headers: heads, uri: "/escalations", event: "failed",
			body: changed(t, sample, map[string]any{"status": "failed", "attempt": 3}),
		},
		delivery{name: "the second address", path: "/detrack", body: sample, headers: from("44.228.138.42"), uri: "/deliveries", event: "dispatched"},
		delivery{name: "the third address", path: "/detrack", body: sample, headers: from("52.13.202.33"), uri: "/deliveries", event: "dispatched"},
		delivery{name: "another address", path: "/detrack", body: sample, headers: from("203.0.113.9"), status: 403},
		delivery{name: "a made-up address", path: "/detrack", body: sample, headers: from("44.236.78.196, 203.0.113.9"), status: 403},
		delivery{name: "another password", path: "/detrack", body: sample, headers: append(heads[1:], basicOf("detrack", "other")), status: 401},
	)
}

// Version 1 is a form whose field may have any name, a form with a field for each
// value, or JSON.
func TestDetrackVersion1(t *testing.T) {
	srv, up := shipped(t, "detrack-v1", "DETRACK_USER=detrack", "DETRACK_PASSWORD=s3cret-detrack")
	sample := sampleOf(t, "detrack-v1/sample.json")
	proof := basicOf("detrack", "s3cret-detrack")
	form := []string{proof, "Content-Type: application/x-www-form-urlencoded"}
	for _, trigger := range triggers {
		body := changed(t, sample, map[string]any{"status": trigger.v1})
		want := delivery{uri: "/deliveries/DO140213001", event: trigger.v1, path: "/detrack/deliveries", holds: `"DO140213001"`}
		for _, field := range []string{"json", "data", "payload"} {
			want.name, want.headers, want.body = trigger.v1+" in the field "+field, form, url.Values{field: {body}}.Encode()
			deliver(t, srv, up, want)
		}
		want.name, want.headers, want.body = trigger.v1+" as JSON", []string{proof, "Content-Type: application/json"}, body
		deliver(t, srv, up, want)
		want.name, want.headers, want.body = trigger.v1+" in fields", form, url.Values{"do": {"DO140213001"}, "status": {trigger.v1}}.Encode()
		deliver(t, srv, up, want)
		want.name, want.path, want.uri = trigger.v1+" of a collection", "/detrack/collections", "/collections/DO140213001"
		deliver(t, srv, up, want)
	}
	deliver(t, srv, up, delivery{name: "no credentials", path: "/detrack/deliveries", body: sample, status: 401})
}

// Both versions become one shape, with version 2's words.
func TestDetrackOneShape(t *testing.T) {
	srv, up := shipped(t, "detrack-one-shape", "DETRACK_USER=detrack", "DETRACK_PASSWORD=s3cret-detrack")
	proof := []string{basicOf("detrack", "s3cret-detrack"), "Content-Type: application/json"}
	version1, version2 := sampleOf(t, "detrack-v1/sample.json"), sampleOf(t, "detrack/sample.json")
	for _, trigger := range triggers {
		word := trigger.event
		if word == "head_to_pick_up" {
			word = "head_to_delivery" // version 1 has one word for both
		}
		deliver(t, srv, up,
			delivery{
				name: trigger.name + ", version 1", path: "/detrack/deliveries", headers: proof, uri: "/jobs", event: trigger.v1,
				body: changed(t, version1, map[string]any{"status": trigger.v1}), holds: `"status":"` + word + `"`,
			},
			delivery{
				name: trigger.name + ", version 2", path: "/detrack/deliveries", headers: proof, uri: "/jobs", event: trigger.event,
				body: changed(t, version2, trigger.version2), holds: `"status":"` + trigger.event + `"`,
			},
		)
	}
}

// The other way to prove the sender is a header of the operator's; an answer of the
// app is shown at Detrack; what is posted again by hand reaches the app, unless
// the endpoint says replay.
func TestDetrackAsConfigured(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	end := "\n\t\totherwise {\n\t\t\twebhook_proxy " + up.Addr() + "\n\t\t}\n\t}\n"
	srv := webhooktest.Start(t, site(`handle_webhook /header detrack {
		token_header X-Custom a-value`+end+`handle_webhook /replay detrack {
		token_header X-Custom a-value
		replay 1h`+end))
	sample := sampleOf(t, "detrack/sample.json")
	heads := []string{"X-Custom: a-value", "Content-Type: application/json"}
	first := delivery{name: "first", path: "/header", body: sample, headers: heads, uri: "/header", event: "dispatched"}
	again := first
	again.name = "posted again"
	deliver(t, srv, up, first, again, delivery{name: "another value", path: "/header", body: sample, status: 401, headers: []string{"X-Custom: other"}})
	first.path, first.uri = "/replay", "/replay"
	again.path, again.uri, again.event = "/replay", "", ""
	deliver(t, srv, up, first, again)
}

// A trigger's words are version 1's, a code is version 2's: the other's are never
// the name of an event, and the warning says what to write.
func TestDetrackNamesThatNeverCome(t *testing.T) {
	checkNeverNamed(t, "detrack", map[string]string{
		"Partially Completed": "unknown event Partially Completed for detrack, which calls it completed_partial; the provider detrack-v1 has it",
		"Heading To":          "unknown event Heading To for detrack, which calls it head_to_*; the provider detrack-v1 has it",
		"In Progress":         "unknown event In Progress for detrack, which calls it dispatched; the provider detrack-v1 has it",
		"Failed":              "unknown event Failed for detrack, which calls it failed; the provider detrack-v1 has it",
		"On Hold":             "unknown event On Hold for detrack, which calls it on_hold; the provider detrack-v1 has it",
		"Deleted":             "unknown event Deleted for detrack; the provider detrack-v1 has it",
		"completed_partial":   "",
	})
	checkNeverNamed(t, "detrack-v1", map[string]string{
		"completed_partial": "unknown event completed_partial for detrack-v1, which calls it Partially Completed; the provider detrack has it",
		"failed":            "unknown event failed for detrack-v1, which calls it Failed; the provider detrack has it",
		"Deleted":           "",
	})
}
