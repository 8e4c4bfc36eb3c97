package e2e_test

import (
	"strings"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

// warnings adapts the block of a handle_webhook, in which "; " stands for the end
// of a line, and returns what it warns of. The provider acme is described by the
// global option.
func warnings(t *testing.T, provider, block, acme string) []string {
	t.Helper()
	log := webhooktest.CaptureLog(t)
	config := "{; webhooks {; provider acme token {; " + acme + "; }; }; }; http://:0 {; handle_webhook " + provider + " {; " +
		block + "; otherwise {; respond 204; }; }; }; "
	if _, err := webhooktest.Adapt(strings.ReplaceAll(config, "; ", "\n")); err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, entry := range log.Find(func(e webhooktest.Entry) bool { return e["level"] == "warn" }) {
		if entry.Text("logger") == "config.adapter.caddyfile" {
			found = append(found, entry.Text("msg"))
		}
	}
	return found
}

// A name that no event of an endpoint can have is a warning, which says why, and
// what to write. What may come is none.
func TestNamesThatNeverComeAreWarnings(t *testing.T) {
	const (
		jelp = "jelp"
		v1   = "detrack-v1"
	)
	tests := []struct{ provider, block, want string }{
		// A name that the endpoint itself must give.
		{jelp, "on order_new {; respond 204; }", `no event is named order_new: jelp gives it only where "event order_new" says so`},
		{jelp, "on folio_* {; respond 204; }", `no event is named folio_update: jelp gives it only where "event folio_update" says so`},
		{jelp, "event order_new; on order_new {; respond 204; }", ""},
		{jelp, "on order_new {; respond 204; }; event order_new", ""},
		{jelp, "event order_new; on order_update:* {; respond 204; }", "no event is named order_update:*: all events of this endpoint are named order_new"},
		{jelp, "on order {; respond 204; }; on order_* {; respond 204; }", ""},
		{jelp, "on assign_driver {; respond 204; }", "unknown event assign_driver for jelp; did you mean order_update:assign_driver?"},
		// A source that only counts where another one is absent.
		{
			"shippify", "on DELIVERY_COMPLETED {; respond 204; }",
			"shippify names an event DELIVERY_COMPLETED only where body.status is absent; write event body.eventType to have that name it always",
		},
		{"shippify", "event body.eventType; on DELIVERY_COMPLETED {; respond 204; }", ""},
		{"shippify", "event body.eventType; on completed {; respond 204; }", `no event is named completed: shippify gives it only where "event body.status" says so`},
		{"shippify", "on DELIVERY_CANCELED {; respond 204; }", "unknown event DELIVERY_CANCELED for shippify; did you mean canceled?"},
		{"shippify", "on cancelled {; respond 204; }", "unknown event cancelled for shippify, which calls it canceled"},
		{"shippify", "on draft returning pending_to_review {; respond 204; }", ""},
		{"shippify", "on pending_review {; respond 204; }", "unknown event pending_review for shippify; did you mean pending_to_review?"},
		// A payload that the operator has had made.
		{"shippify", "event body.estado; on ENTREGADO {; respond 204; }", ""},
		{"shippify", "event form.estado body.status; on ENTREGADO completed {; respond 204; }", ""},
		{"shippify", "event \"=upper(body.estado)\"; on ENTREGADO {; respond 204; }", ""},
		{"instaleap", "event {body.type}.{body.job.status}; on CANCELLED.DONE {; respond 204; }", ""},
		// Words of another version.
		{
			"detrack", "on \"Partially Completed\" {; respond 204; }",
			"unknown event Partially Completed for detrack, which calls it completed_partial; the provider detrack-v1 has it",
		},
		{"detrack", "on Deleted {; respond 204; }", "unknown event Deleted for detrack; the provider detrack-v1 has it"},
		{"detrack", "on \"Heading To\" {; respond 204; }", "unknown event Heading To for detrack, which calls it head_to_*; the provider detrack-v1 has it"},
		{"detrack", "on scheduled dispatched head_to_* {; respond 204; }", ""},
		{v1, "on completed_partial {; respond 204; }", "unknown event completed_partial for detrack-v1, which calls it Partially Completed; the provider detrack has it"},
		{v1, "on \"Heading To\" Deleted {; respond 204; }", ""},
		// In rules.
		{"instaleap", "on when `event in [\"CANCELLED\", \"CANCELED\"]` {; respond 204; }", "unknown event CANCELED for instaleap; did you mean CANCELLED?"},
		{"instaleap", "on when `event == \"ALOCATED\"` {; respond 204; }", "unknown event ALOCATED for instaleap; did you mean ALLOCATED?"},
		{"instaleap", "on when `event == \"ALLOCATED\"` {; respond 204; }", ""},
		// Categories.
		{"instaleap", "on category picking steps {; respond 204; }", ""},
		{"instaleap", "on category pickin {; respond 204; }", "unknown category pickin for instaleap; did you mean picking?"},
		{
			"instaleap", "on category warehouse {; respond 204; }",
			"unknown category warehouse for instaleap; it has job, picking, invoicing, steps, zone-picking, consolidation, tasks, task-resets",
		},
		{"instaleap", "on when `category == \"task-reset\"` {; respond 204; }", "unknown category task-reset for instaleap; did you mean task-resets?"},
		{"instaleap", "on when `\"stepps\" in categories` {; respond 204; }", "unknown category stepps for instaleap; did you mean steps?"},
		{"shippify", "on category final {; respond 204; }", "unknown category final: shippify has no categories; write the names of events"},
		{
			"instaleap", "on category steps {; respond 204; }; on category consolidation {; respond 204; }",
			"this on gets no event: the one in line 11 takes all that it could",
		},
		{"instaleap", "on category consolidation {; respond 204; }; on category steps {; respond 204; }", ""},
		{"instaleap", "on category job {; respond 204; }; on CANCELLED {; respond 204; }", "this on gets no event: the one in line 11 takes all that it could"},
		{"detrack", "on category delivery {; respond 204; }; on failed {; respond 204; }; on category collection {; respond 204; }", ""},
		{"detrack", "on * {; respond 204; }", "otherwise gets no event: the on in line 11 takes all"},
		// Values in a path.
		{
			"instaleap", "on CREATED {; webhook_rewrite {; uri `\"/orders/\" + body.id`; }; respond 204; }",
			"uri: body.id stands in the path as it came, so that / in it leads elsewhere; write escape(body.id)",
		},
		{"instaleap", "on CREATED {; webhook_rewrite {; uri `\"/orders/\" + escape(body.id) + \"?\" + escapeQuery({n: body.type})`; }; respond 204; }", ""},
		// Paths.
		{"instaleap", "on CREATED when `body.job.stauts == \"A\"` {; respond 204; }", "no sample of instaleap has body.job.stauts; did you mean body.job.status?"},
		{"instaleap", "on CREATED when `(body.job?.stauts ?? \"\") == \"A\"` {; respond 204; }", "no sample of instaleap has body.job.stauts; did you mean body.job.status?"},
		{
			"instaleap", "on CREATED {; webhook_rewrite {; set job.note body.job.clientReference; }; respond 204; }",
			"no sample of instaleap has body.job.clientReference; did you mean body.job.client_reference?",
		},
		{
			"instaleap", "on CREATED {; webhook_rewrite {; body `{id: body.job.id, status: body.job.stauts}`; }; respond 204; }",
			"no sample of instaleap has body.job.stauts; did you mean body.job.status?",
		},
		{
			"instaleap", "on CREATED {; webhook_rewrite {; delete job.recipeint.name job.foo; }; respond 204; }",
			"no sample of instaleap has body.job.recipeint.name; did you mean body.job.recipient.name?",
		},
		{
			"instaleap", "on CREATED {; webhook_rewrite {; rename job.stauts job.other; }; respond 204; }",
			"no sample of instaleap has body.job.stauts; did you mean body.job.status?",
		},
		{"instaleap", "on CREATED {; webhook_rewrite {; rename job.status job.stauts; }; webhook_rewrite {; set a body.job.stauts; }; respond 204; }", ""},
		{"instaleap", "on CREATED {; webhook_rewrite {; body `{job: {stauts: 1}}`; }; webhook_rewrite {; set a body.job.stauts; }; respond 204; }", ""},
		{"instaleap", "on CREATED when `body.job.customer.tier == \"gold\" || body.voucher == 1` {; respond 204; }", ""},
		{"instaleap", "on CREATED when `body.job.stauts == \"A\"` {; respond 204; }; on CANCELLED when `body.job.stauts == \"B\"` {; respond 204; }", ""},
		{"instaleap", "on CREATED when `header(\"X-Stauts\") == \"A\" && body != nil` {; respond 204; }", ""},
		{"acme", "event body.kind; on when `body.job.stauts == 1` {; respond 204; }", ""},
		// A provider without names.
		{"acme", "on push {; respond 204; }", "no event is named push: acme does not say where an event's name is; write it with event"},
		{"acme", "event body.kind; on push {; respond 204; }", ""},
	}
	for _, test := range tests {
		provider := test.provider
		if provider == "instaleap" {
			test.block = "secret x; " + test.block
		} else {
			test.block = "token x; " + test.block
		}
		got := warnings(t, provider, test.block, "")
		if test.want == "" && len(got) > 0 || test.want != "" && (len(got) != 1 || got[0] != test.want) {
			t.Errorf("%s %s\nwarns %q\nwant  %q", provider, test.block, got, test.want)
		}
	}
}
