package route_test

import (
	"net/http"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/route"
)

// Rules know the tenant and what is known of it, also after the event was stored.
func TestTenant(t *testing.T) {
	e := newEvent(t, `{"total": 5}`)
	e.Tenant, e.Vars = "acme", map[string]string{"plan": "gold"}
	snapshot := e.Snapshot()
	for name, event := range map[string]*route.Event{
		"as it came": e, "stored": snapshot.Event(http.Header{"Content-Type": {"application/json"}}, []byte(`{"total": 5}`)),
	} {
		for rule, want := range map[string]bool{
			`tenant == "acme"`:                          true,
			`tenant == "globex"`:                        false,
			`vars("plan") == "gold" && body.total == 5`: true,
			`vars("none") == ""`:                        true,
			`any([1], vars("plan") == "gold")`:          true,
			`body == nil || vars("plan") != "gold"`:     false,
		} {
			compiled, err := route.CompileRule(rule)
			if err != nil {
				t.Fatalf("%s: %v", rule, err)
			}
			if got, err := compiled.Match(event); err != nil || got != want {
				t.Errorf("%s: %s: %v, %v; want %v", name, rule, got, err, want)
			}
		}
	}
}
