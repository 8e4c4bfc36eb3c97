package simulate_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/caddyconfig"
	// plug in Caddy's standard modules and this one
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/caddy-webhooks/caddy-webhooks"
	"github.com/caddy-webhooks/caddy-webhooks/internal/simulate"
)

// Nothing leaves the process, wherever in a configuration the proxy stands.
func TestNothingIsSent(t *testing.T) {
	var hits atomic.Int64
	app := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits.Add(1) }))
	defer app.Close()
	upstream := strings.TrimPrefix(app.URL, "http://")
	config := `&(app) {
	reverse_proxy ` + upstream + `
}
http://localhost:8080 {
	handle_webhook /hook jelp {
		unverified
		otherwise {
			invoke app
		}
	}
	handle_errors {
		reverse_proxy ` + upstream + `
	}
}`
	adapted, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(config), nil)
	if err != nil {
		t.Fatal(err)
	}
	simulation, err := simulate.New(adapted)
	if err != nil {
		t.Fatal(err)
	}
	defer simulation.Close()
	request := httptest.NewRequest("POST", "/hook", strings.NewReader(`{"queueName":"x"}`))
	request.Host, request.RemoteAddr = "localhost:8080", ""
	trace, err := simulation.Run(request, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if trace.Sent == nil || trace.Sent.Upstream != upstream || trace.Outcome() != "accepted" {
		t.Errorf("the trace is %+v", trace)
	}
	if refused := httptest.NewRequest("GET", "/hook", nil); refused != nil {
		refused.Host, refused.RemoteAddr = "localhost:8080", ""
		if trace, err = simulation.Run(refused, time.Now()); err != nil || trace.Outcome() != "method" {
			t.Errorf("the trace is %+v, %v", trace, err)
		}
	}
	if n := hits.Load(); n != 0 {
		t.Errorf("%d requests reached the app", n)
	}
}
