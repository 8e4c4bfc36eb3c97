package e2e_test

import (
	"strings"
	"testing"
)

// The payloads of Jelp's page, whose names stand in some of them only.
const (
	jelpComment = `{"comment":"I have contacted the client and is will arrive 10 minutes after","timestamp":"2022-09-01T00:00:00.00Z",` +
		`"folio":"AIEW902A","publicId":"WS-019930","workspace":"jelp"}`
	jelpDecline  = `{"status":"IN TRANSIT","timestamp":"2022-09-01T00:00:00.00Z","folio":"AIEW902A","publicId":"WS-019930","workspace":"jelp"}`
	jelpTracking = `{"trackingUrl":"https://...","timestamp":"2022-09-01T00:00:00.00Z","folio":"AIEW902A","publicId":"WS-019930","workspace":"jelp"}`
	jelpStatus   = `{"timestamp":"2024-02-09T23:33:38.039Z","folio":"AIEW902A","publicId":"WS-019930","workspace":"jelp",` +
		`"deliveryCode":"421","status":"TRANSIT","statusBranch":"PENDING","endedReason":null}`
	jelpEnded = `{"timestamp":"2024-02-09T23:02:28.975Z","folio":"AIEW902A","publicId":"WS-019930","workspace":"jelp",` +
		`"deliveryCode":null,"status":"COMPLETED","location":[-2.92258,43.2555654],"queueName":"complete_order","endedReason":null}`
	jelpDriver = `{"timestamp":"2024-02-09T23:17:05.073Z","folio":"AIEW902A","publicId":"WS-019930","workspace":"jelp",` +
		`"deliveryCode":"224","status":"PENDING","trackingId":"2422949","driver":{"name":"REPARTIDOR EXTERNO",` +
		`"location":{"lat":0,"lon":0},"phone":null,"employeeCode":"external_driver"},"provider":"QUICK",` +
		`"driverAssignedBy":"Sistema","queueName":"assign_driver"}`
)

// Each event of Jelp's page is told, by its name or else by its shape, at one URL
// and at those for snapshots.
func TestJelpEvents(t *testing.T) {
	srv, up := shipped(t, "jelp", "JELP_TOKEN=s3cret-jelp")
	proof := []string{"Authorization: Bearer s3cret-jelp", "Content-Type: application/json"}
	at := func(path, name, body, uri, event, holds string) delivery {
		return delivery{name: name, path: path, body: body, headers: proof, uri: uri, event: event, holds: holds}
	}
	ended := func(status string) string { return strings.Replace(jelpEnded, "COMPLETED", status, 1) }
	phone := func(value string) string { return strings.Replace(jelpDriver, `"phone":null`, `"phone":`+value, 1) }
	order := sampleOf(t, "jelp/order_new.json")
	deliver(t, srv, up,
		at("/jelp", "a driver without a phone", jelpDriver, "/jelp", "order_update:assign_driver", `"phone":null`),
		at("/jelp", "an outside driver", phone(`"6645555555"`), "/jelp", "order_update:assign_driver", `"phone":"6645555555"`),
		at("/jelp", "a driver of the fleet", phone(`{"countryCode":"+52","phone":"6645555555"}`), "/jelp", "order_update:assign_driver", `"phone":"6645555555"`),
		at("/jelp", "completed", jelpEnded, "/jelp", "order_update:complete_order", ""),
		at("/jelp", "cancelled, by its own name", strings.Replace(ended("CANCELED"), "complete_order", "cancel_order", 1), "/cancellations", "order_update:cancel_order", ""),
		at("/jelp", "cancelled, in the shared sample", ended("CANCELED"), "/cancellations", "order_update:cancel_order", ""),
		at("/jelp", "the name with its prefix", strings.Replace(jelpEnded, "complete_order", "order_update:complete_order", 1), "/jelp", "order_update:complete_order", ""),
		at("/jelp", "a status", jelpStatus, "/jelp", "order_update:status_change", ""),
		at("/jelp", "cancelled, without a name", strings.Replace(ended("CANCELED"), `"queueName":"complete_order",`, "", 1), "/jelp", "order_update:status_change", ""),
		at("/jelp", "a comment", jelpComment, "/jelp", "order_update:comment", ""),
		at("/jelp", "a comment with a status", strings.Replace(jelpComment, "{", `{"status":"TRANSIT",`, 1), "/jelp", "order_update:comment", ""),
		at("/jelp", "a declined cancellation", jelpDecline, "/jelp", "order_update:decline_cancel_request", ""),
		at("/jelp", "a tracking URL", jelpTracking, "/jelp", "order_update:tracking", ""),
		at("/jelp", "a new order at the URL for all", order, "/orders", "order", "42AT8WT"),
		at("/jelp", "an updated one", sampleOf(t, "jelp/folio_update.json"), "/orders", "order", "42AQAQ6"),
		at("/jelp/order-new", "a new order at its own URL", order, "/jelp/order-new", "order_new", "42AT8WT"),
		at("/jelp/folio-update", "an updated one at its own URL", sampleOf(t, "jelp/folio_update.json"), "/jelp/folio-update", "folio_update", "42AQAQ6"),
		delivery{name: "a shape of no event", path: "/jelp", body: `{"hello":1}`, headers: proof, status: 422},
		delivery{
			name: "names without quotes, as the page prints them", path: "/jelp", headers: proof, status: 422,
			body: `{ status: "IN TRANSIT", timestamp: "2022-09-01T00:00:00.00Z", folio: "AIEW902A" }`,
		},
		delivery{name: "another token", path: "/jelp", body: jelpEnded, headers: []string{"Authorization: Bearer other"}, status: 401},
		delivery{name: "PUT", method: "PUT", path: "/jelp", body: jelpEnded, headers: proof, status: 405},
	)
}

// Of what proves the sender the page says nothing: Basic credentials, and an
// address alone.
func TestJelpProofs(t *testing.T) {
	t.Run("basic", func(t *testing.T) {
		srv, up := shipped(t, "jelp-basic", "JELP_USER=jelp", "JELP_PASSWORD=s3cret-password")
		deliver(t, srv, up,
			delivery{
				name: "right", path: "/jelp", body: jelpStatus, headers: []string{"Authorization: Basic amVscDpzM2NyZXQtcGFzc3dvcmQ="},
				uri: "/jelp", event: "order_update:status_change",
			},
			delivery{name: "wrong", path: "/jelp", body: jelpStatus, headers: []string{"Authorization: Basic amVscDpvdGhlcg=="}, status: 401},
		)
	})
	t.Run("address", func(t *testing.T) {
		srv, up := shipped(t, "jelp-unverified")
		deliver(t, srv, up, delivery{name: "from here", path: "/jelp", body: jelpStatus, uri: "/jelp", event: "order_update:status_change"})
	})
}

// A name that no event of the endpoint can have is a warning that says what to
// write: the snapshots' names without an event of their own, a queue's name
// without its prefix.
func TestJelpNamesThatNeverCome(t *testing.T) {
	checkNeverNamed(t, "jelp", map[string]string{
		"order_new":     `no event is named order_new: jelp gives it only where "event order_new" says so`,
		"folio_update":  `no event is named folio_update: jelp gives it only where "event folio_update" says so`,
		"assign_driver": "unknown event assign_driver for jelp; did you mean order_update:assign_driver?",
	})
}
