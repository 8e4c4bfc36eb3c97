package route_test

import (
	"os"
	"slices"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// What the payloads of Jelp, Shippify and Detrack are called, with what each
// page says of them, or leaves open.
func TestStatesHaveNames(t *testing.T) {
	tests := []struct{ provider, body, want string }{
		{"jelp", `{"queueName":"assign_driver","folio":"F","status":"PENDING","driver":null}`, "order_update:assign_driver"},
		{"jelp", `{"queueName":"order_update:assign_driver","folio":"F","driver":{}}`, "order_update:assign_driver"},
		{"jelp", `{"queueName":"complete_order","status":"COMPLETED","deliveryCode":null}`, "order_update:complete_order"},
		{"jelp", `{"queueName":"complete_order","status":"CANCELED","deliveryCode":null}`, "order_update:cancel_order"},
		{"jelp", `{"queueName":"complete_order","status":"cancelled"}`, "order_update:cancel_order"},
		{"jelp", `{"queueName":"complete_order","status":null}`, "order_update:complete_order"},
		{"jelp", `{"queueName":"complete_order","status":7}`, "order_update:complete_order"},
		{"jelp", `{"queueName":"cancel_order","status":"CANCELED"}`, "order_update:cancel_order"},
		{"jelp", `{"queueName":null,"status":"TRANSIT","statusBranch":"PENDING"}`, "order_update:status_change"},
		{"jelp", `{"queueName":"","status":"TRANSIT","deliveryCode":null}`, "order_update:status_change"},
		{"jelp", `{"status":"TRANSIT","statusBranch":null,"driver":null,"folio":"F"}`, "order_update:status_change"},
		{"jelp", `{"comment":"c","timestamp":"t","folio":"F"}`, "order_update:comment"},
		{"jelp", `{"comment":"c","timestamp":"t","folio":"F","status":"TRANSIT"}`, "order_update:comment"},
		{"jelp", `{"status":"IN TRANSIT","timestamp":"t","folio":"F"}`, "order_update:decline_cancel_request"},
		{"jelp", `{"trackingUrl":"https://x","timestamp":"t","status":"TRANSIT"}`, "order_update:tracking"},
		{"jelp", `{"orderStep":"PENDING","movements":[],"folio":"F","deliveryCode":null}`, "order"},
		{"jelp", `{"folio":"F"}`, ""},

		{"shippify", `{"status":"canceled","eventType":"DELIVERY_CANCELED"}`, "canceled"},
		{"shippify", `{"status":"returned","eventType":"DELIVERY_STATUS_UPDATE"}`, "returned"},
		{"shippify", `{"status":"","eventType":"DELIVERY_ATTEMPT"}`, "DELIVERY_ATTEMPT"},
		{"shippify", `{"eventType":"DELIVERY_COMPLETED"}`, "DELIVERY_COMPLETED"},

		{"detrack", `{"status":"info_recv"}`, "info_recv"},
		{"detrack", `{"status":"dispatched","tracking_status":"Out for delivery","milestones":[{"status":"out_for_delivery"}]}`, "dispatched"},
		{"detrack", `{"status":"dispatched","tracking_status":"Scheduled","milestones":[]}`, "scheduled"},
		{"detrack", `{"status":"dispatched","tracking_status":"Out for delivery","milestones":[{"status":"out_for_delivery"},{"status":"head_to_delivery"}]}`, "head_to_delivery"},
		{"detrack", `{"status":"dispatched","milestones":[{"status":"head_to_pick_up"}]}`, "head_to_pick_up"},
		{"detrack", `{"status":"dispatched","milestones":[{"status":"head_to_delivery"},{"status":"out_for_delivery"}]}`, "dispatched"},
		{"detrack", `{"status":"completed","tracking_status":"Completed","milestones":[{"status":"head_to_delivery"}]}`, "completed"},
		{"detrack", `{"status":"dispatched","milestones":null}`, "dispatched"},
		{"detrack", `{"status":"dispatched","milestones":"none"}`, "dispatched"},
		{"detrack", `{"status":"dispatched","milestones":["none"]}`, "dispatched"},
		{"detrack", `{"status":"dispatched","milestones":[{"status":null}]}`, "dispatched"},
		{"detrack", `{"status":"dispatched"}`, "dispatched"},
		{"detrack", `{"status":null,"tracking_status_code":"failed"}`, "failed"},
		{"detrack", `{"primary_job_status":"on_hold"}`, "on_hold"},
		{"detrack", `{"status":"dispatched","x":1,"x":2}`, "dispatched"},

		{"detrack-v1", `{"status":"Partially Completed"}`, "Partially Completed"},
	}
	for _, test := range tests {
		e, err := arrival{provider: test.provider, body: test.body}.event()
		if err != nil || e.Name != test.want {
			t.Errorf("%s %s: %v, %v; want %q", test.provider, test.body, e, err, test.want)
		}
		spec, _ := verify.Builtin(test.provider)
		if test.want != "" && !slices.Contains(spec.Events, test.want) {
			t.Errorf("%s does not list %s", test.provider, test.want)
		}
	}
	for file, want := range map[string]string{
		"detrack/sample": "dispatched", "detrack/scheduled": "scheduled", "detrack/heading": "head_to_delivery", "detrack/collection": "dispatched",
	} {
		body, err := os.ReadFile("../testdata/" + file + ".json")
		if err != nil {
			t.Fatal(err)
		}
		if e, err := (arrival{provider: "detrack", body: string(body)}).event(); err != nil || e.Name != want {
			t.Errorf("%s: %v, %v; want %q", file, e, err, want)
		}
	}
}
