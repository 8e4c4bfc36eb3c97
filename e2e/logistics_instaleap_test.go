package e2e_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

// The events of Instaleap's page, under its headings.
var instaleapPage = map[string]string{
	"job": "CREATED CANCELLED RESCHEDULED REFUSED ALLOCATED RE_ALLOCATED EXTERNAL_DATA_UPDATED STORE_CHANGED JOB_COMMENT_UPDATED",

	"picking":   "ITEMS_UPDATED PACKAGES_CREATED PACKAGES_UPDATED",
	"invoicing": "INVOICE_UPDATED PRICES_UPDATED PAYMENT_UPDATED",
	"steps": "GOING_TO_ORIGIN_STARTED ARRIVED_TO_ORIGIN PICKING_STARTED PICKING_FINISHED CHECKING_OUT_STARTED CHECKED_OUT " +
		"TRANSFERRING_STARTED TRANSFERRED GOING_TO_DESTINATION_STARTED ARRIVED_TO_DESTINATION DELIVERING_STARTED " +
		"CLIENT_RECEIVED STORING_STARTED STORING_UPDATED STORING_FINISHED",
	"zone-picking":  "ZONE_PICKING_STARTED ZONE_PICKING_FINISHED PARKING_STARTED PARKING_FINISHED",
	"consolidation": "PICKING_STARTED PICKING_FINISHED CHECKING_OUT_STARTED CHECKED_OUT STORING_STARTED STORING_FINISHED",
	"tasks": "PICKING DELIVERY FULL_SERVICE STORAGE PICKING_WITH_STORAGE PICK_UP DELIVERY_WITH_STORAGE PICK_UP_FOR_DELIVERY " +
		"PICKING_AND_STORAGE ZONE_PICKING CONSOLIDATION",
	"task-resets": "TASK_RESET_FULL_SERVICE TASK_RESET_PICK_UP TASK_RESET_PICKING_WITH_STORAGE TASK_RESET_PICKING_AND_STORAGE " +
		"TASK_RESET_PICKING TASK_RESET_DELIVERY TASK_RESET_STORAGE TASK_RESET_PICK_UP_FOR_DELIVERY TASK_RESET_DELIVERY_WITH_STORAGE",
}

const (
	instaleapID   = "5bf7128e-c481-48fe-86fa-d0d52282dde8"
	instaleapTime = "2023-06-02T15:42:44Z"
)

// signedEvent is the page's sample as an event of a type, signed with a secret.
func signedEvent(t *testing.T, secret, kind string) (body, signature string) {
	t.Helper()
	body = changed(t, sampleOf(t, "instaleap/sample.json"), map[string]any{"type": kind})
	return body, "InstaLeap-Signature: " + instaleapSignature(secret, instaleapID, instaleapTime, kind)
}

// Every event of the page is in the categories that it stands under, and in no
// other.
func TestInstaleapCategories(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	srv := webhooktest.Start(t, site(`handle_webhook /hook instaleap a-secret {
		otherwise {
			webhook_rewrite {
				body `+"`{categories: categories}`"+`
			}
			webhook_proxy `+up.Addr()+`
		}
	}`))
	in := make(map[string][]string)
	for _, category := range []string{"job", "picking", "invoicing", "steps", "zone-picking", "consolidation", "tasks", "task-resets"} {
		for kind := range strings.FieldsSeq(instaleapPage[category]) {
			in[kind] = append(in[kind], category)
		}
	}
	if len(in) != 54 {
		t.Errorf("%d events, want 54", len(in))
	}
	for kind, categories := range in {
		body, signature := signedEvent(t, "a-secret", kind)
		deliver(t, srv, up, delivery{
			name: kind, path: "/hook", body: body, headers: []string{signature}, uri: "/hook",
			event: kind, id: instaleapID, holds: `{"categories":` + jsonText(t, categories) + "}",
		})
	}
}

// Every event of the page goes where the example sends its category. A changed
// signed field is refused; a changed job is not noticed, so nothing hangs on it.
func TestInstaleapSignedEvents(t *testing.T) {
	srv, up := shipped(t, "instaleap", "INSTALEAP_SECRET=s3cret-instaleap")
	picking := " " + instaleapPage["picking"] + " " + instaleapPage["steps"] + " "
	for _, kinds := range instaleapPage {
		for kind := range strings.FieldsSeq(kinds) {
			uri := "/instaleap"
			switch {
			case kind == "CANCELLED" || kind == "REFUSED":
				uri = "/cancellations"
			case strings.Contains(picking, " "+kind+" "):
				uri = "/picking"
			}
			body, signature := signedEvent(t, "s3cret-instaleap", kind)
			deliver(t, srv, up, delivery{name: kind, path: "/instaleap", body: body, headers: []string{signature}, uri: uri, event: kind, id: instaleapID})
		}
	}
	body, signature := signedEvent(t, "s3cret-instaleap", "CANCELLED")
	_, other := signedEvent(t, "another", "CANCELLED")
	edit := func(name, old, new string, status int) delivery {
		return delivery{name: name, path: "/instaleap", body: strings.Replace(body, old, new, 1), headers: []string{signature}, status: status}
	}
	short := `{"id":"1","created_at":"2021-08-05T0:54:27+0000","type":"CREATED","job":{}}`
	deliver(t, srv, up,
		edit("another id", instaleapID, "5bf7128e-c481-48fe-86fa-d0d52282dde9", 401),
		edit("another time", instaleapTime, "2023-06-02T15:42:45Z", 401),
		edit("another type", `"CANCELLED"`, `"REFUSED"`, 401),
		delivery{
			name: "another job", path: "/instaleap", body: strings.Replace(body, `"payment_value":403.97`, `"payment_value":1`, 1),
			headers: []string{signature}, uri: "/cancellations", event: "CANCELLED", id: instaleapID,
		},
		delivery{name: "another secret", path: "/instaleap", body: body, headers: []string{other}, status: 401},
		delivery{name: "no signature", path: "/instaleap", body: body, status: 401},
		delivery{name: "GET", method: "GET", path: "/instaleap", status: 405},
		delivery{
			name: "an hour of one digit", path: "/instaleap", body: short, uri: "/instaleap", event: "CREATED", id: "1",
			headers: []string{"InstaLeap-Signature: " + instaleapSignature("s3cret-instaleap", "1", "2021-08-05T0:54:27+0000", "CREATED")},
		},
		delivery{
			name: "the quotes of the page's sample", path: "/instaleap", status: 400, headers: []string{signature},
			body: strings.Replace(body, `"source":"HEADLESS_ECOMMERCE_ANDROID"`, `“source”: “HEADLESS_ECOMMERCE_ANDROID”`, 1),
		},
		delivery{
			name: "a form", path: "/instaleap", status: 400, body: "id=1&created_at=2023-06-02T15:42:44Z&type=CREATED",
			headers: []string{
				"Content-Type: application/x-www-form-urlencoded",
				"InstaLeap-Signature: " + instaleapSignature("s3cret-instaleap", "1", instaleapTime, "CREATED"),
			},
		},
	)
}

// The static token vouches for the whole request: who cancelled is told by either
// name of the member.
func TestInstaleapStaticToken(t *testing.T) {
	srv, up := shipped(t, "instaleap-token", "INSTALEAP_TOKEN=s3cret-static")
	cancelled := func(member, who string) string {
		return fmt.Sprintf(`{"id":"1","created_at":"2023-06-02T15:42:44Z","type":"CANCELLED","job":{"client_reference":"A/1",%q:%q,"payment_value":7}}`, member, who)
	}
	proof := []string{"X-Instaleap-Token: s3cret-static", "Content-Type: application/json"}
	const customer, other = "/orders/A%2F1/cancellation", "/instaleap"
	for _, test := range []struct{ member, who, uri string }{
		{"cancellation_source", "CUSTOMER", customer},
		{"cancellationSource", "CUSTOMER", customer},
		{"cancellation_source", "CONTROL_TOWER", other},
		{"cancellationSource", "CONTROL_TOWER", other},
	} {
		deliver(t, srv, up, delivery{
			name: test.member + " " + test.who, path: "/instaleap", headers: proof, uri: test.uri,
			body: cancelled(test.member, test.who), event: "CANCELLED", id: "1",
		})
	}
	deliver(t, srv, up,
		delivery{
			name: "the page's sample", path: "/instaleap", body: sampleOf(t, "instaleap/sample.json"), headers: proof,
			uri: other, event: "ALLOCATED", id: instaleapID,
		},
		delivery{name: "another token", path: "/instaleap", body: "{}", headers: []string{"X-Instaleap-Token: other"}, status: 401},
		delivery{name: "no token", path: "/instaleap", body: "{}", status: 401},
	)
}

// The quickstart acts on a job only where the token vouches for it.
func TestInstaleapQuickstart(t *testing.T) {
	srv, up := shipped(t, "quickstart")
	body, signature := signedEvent(t, "quickstart-secret", "CANCELLED")
	token := "X-Instaleap-Token: quickstart-token"
	deliver(t, srv, up,
		delivery{
			name: "both", path: "/instaleap", body: body, headers: []string{signature, token},
			uri: "/refunds", event: "CANCELLED", id: instaleapID, holds: `"total":403.97`,
		},
		delivery{name: "the signature alone", path: "/instaleap", body: body, headers: []string{signature}, status: 401},
		delivery{name: "the token alone", path: "/instaleap", body: body, headers: []string{token}, status: 401},
		delivery{
			name: "another job under the signature", path: "/instaleap", headers: []string{signature}, status: 401,
			body: strings.Replace(body, `"payment_value":403.97`, `"payment_value":9999`, 1),
		},
	)
}
