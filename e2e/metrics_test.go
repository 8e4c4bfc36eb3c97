package e2e_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

// measured is a site with metrics that takes webhooks of an own provider, so
// that no other test has counted anything of it.
func measured(provider, rest string) string {
	return `{
	metrics
	webhooks {
		provider ` + provider + ` token {
			event body.kind
		}
	}
}
` + site(`metrics /metrics
	handle_webhook /hook `+provider+` {
		token `+testToken+`
		max_size 1KiB
		on a.* when body.n > 1 {
			respond 202
		}
		on a.b {
			respond 201
		}
		otherwise {
			`+rest+`
		}
	}`)
}

var measurements int

// fresh returns a provider's name that this process has not counted by yet.
func fresh(name string) string {
	measurements++
	return name + "-" + strconv.Itoa(measurements)
}

// sendKind sends a webhook to a measured site.
func sendKind(srv *webhooktest.Server, body string) webhooktest.Response {
	return srv.Post("/hook", body, "Authorization: Bearer "+testToken)
}

// metric returns the value of a line of the metrics; it is NaN-like -1 where
// there is none.
func metric(t *testing.T, srv *webhooktest.Server, line string) float64 {
	t.Helper()
	for found := range strings.Lines(get(t, srv.URL("/metrics"))) {
		if value, ok := strings.CutPrefix(found, line+" "); ok {
			number, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			if err != nil {
				t.Fatalf("%s: %v", found, err)
			}
			return number
		}
	}
	return -1
}

// Everything that happens to a request is counted, once, and goes on being
// counted after a reload. Nothing of the payload becomes a label.
func TestMetricsOfOneProvider(t *testing.T) {
	name := fresh("measured")
	config := measured(name, "respond 204")
	srv := webhooktest.Start(t, config)
	if text := get(t, srv.URL("/metrics")); !strings.Contains(text, `caddy_webhook_build_info{caddy="`) || !strings.Contains(text, `version="devel"} 1`) {
		t.Error("the metrics do not say what runs")
	}
	requests := func(outcome string) string {
		return `caddy_webhook_requests_total{endpoint="/hook",outcome="` + outcome + `",provider="` + name + `"}`
	}
	routed := `caddy_webhook_routed_total{endpoint="/hook",provider="` + name + `",route="`
	if got := metric(t, srv, requests("bad_token")); got != 0 {
		t.Errorf("before the first refusal the counter is %v, want 0", got)
	}
	want := map[string]float64{
		requests("accepted"):      4,
		requests("bad_token"):     1,
		requests("missing_token"): 1,
		requests("too_large"):     1,
		requests("unrouted"):      0,
		routed + `on 1"}`:         1,
		routed + `on 2"}`:         2,
		routed + `otherwise"}`:    1,
		`caddy_webhook_rule_errors_total{endpoint="/hook",provider="` + name + `",reason="error"}`: 1,
		`caddy_webhook_verify_duration_seconds_count{endpoint="/hook",provider="` + name + `"}`:    7,
		`caddy_webhook_handle_duration_seconds_count{endpoint="/hook",provider="` + name + `"}`:    4,
		`caddy_webhook_payload_bytes_count{endpoint="/hook",provider="` + name + `"}`:              4,
		`caddy_webhook_payload_bytes_sum{endpoint="/hook",provider="` + name + `"}`:                float64(len(`{"kind":"a.b","n":2}{"kind":"a.b"}{"kind":"a.b","n":1}{"n":0}`)),
	}
	for round := range 2 {
		sendKind(srv, `{"kind":"a.b","n":2}`)
		sendKind(srv, `{"kind":"a.b"}`) // the rule fails
		sendKind(srv, `{"kind":"a.b","n":1}`)
		sendKind(srv, `{"n":0}`)
		sendKind(srv, strings.Repeat("x", 2000))
		srv.Post("/hook", "{}", "Authorization: Bearer other")
		srv.Post("/hook", "{}")
		for line, value := range want {
			if got := metric(t, srv, line); got != value*float64(round+1) {
				t.Errorf("round %d: %s is %v, want %v", round+1, line, got, value*float64(round+1))
			}
		}
		if got := metric(t, srv, `caddy_webhook_last_verified_timestamp_seconds{endpoint="/hook",provider="`+name+`"}`); got < 1e9 {
			t.Errorf("round %d: verified last at %v", round+1, got)
		}
		srv.Reload(config + "# changed\n")
	}
	if page := get(t, srv.URL("/metrics")); strings.Contains(page, "a.b") {
		t.Error("an event's name is in the metrics")
	}
}

// What the app answers is counted by class, from 0, and of webhook_deliver each attempt.
func TestAppResponses(t *testing.T) {
	name := fresh("answered")
	app := webhooktest.NewUpstream(t)
	answers(app, 200, 404, 503, 500, 200)
	srv := webhooktest.Start(t, strings.Replace(measured(name, `route {
		@gone expression {http.webhook.event} == "gone"
		@later expression {http.webhook.event} == "later"
		webhook_proxy @gone 127.0.0.1:1
		webhook_deliver @later {
			retry 1ms
			reverse_proxy `+app.Addr()+`
		}
		webhook_proxy `+app.Addr()+`
	}`), "webhooks {", "webhooks {\n\t\tstore "+filepath.Join(t.TempDir(), "deliveries.db"), 1))
	class := func(class string) float64 {
		return metric(t, srv, `caddy_webhook_app_responses_total{class="`+class+`",endpoint="/hook",provider="`+name+`"}`)
	}
	check := func(want ...float64) {
		t.Helper()
		got := []float64{class("2xx"), class("3xx"), class("4xx"), class("5xx"), class("none")}
		if !slices.Equal(got, want) {
			t.Errorf("2xx, 3xx, 4xx, 5xx and none are %v, want %v", got, want)
		}
	}
	check(0, 0, 0, 0, 0)
	sendKind(srv, `{"kind":"paid"}`)
	check(1, 0, 0, 0, 0)
	sendKind(srv, `{"kind":"paid"}`) // withheld from the sender, who gets a 502
	sendKind(srv, `{"kind":"paid"}`)
	check(1, 0, 1, 1, 0)
	sendKind(srv, `{"kind":"gone"}`)
	check(1, 0, 1, 1, 1)
	checkStatus(t, sendKind(srv, `{"kind":"later"}`), 202)
	eventually(t, "the second attempt is counted", func() bool { return class("2xx") == 2 })
	check(2, 0, 1, 2, 1)
	srv.Post("/hook", "{}", "Authorization: Bearer other")
	check(2, 0, 1, 2, 1)
}

// A webhook that nobody answers is unrouted, not accepted, too.
func TestUnroutedIsCountedOnce(t *testing.T) {
	name := fresh("unanswered")
	srv := webhooktest.Start(t, measured(name, "vars a b"))
	if got := sendKind(srv, `{}`); got.Status != 503 {
		t.Fatalf("status %d, want 503", got.Status)
	}
	for outcome, want := range map[string]float64{"accepted": 0, "unrouted": 1} {
		if got := metric(t, srv, `caddy_webhook_requests_total{endpoint="/hook",outcome="`+outcome+`",provider="`+name+`"}`); got != want {
			t.Errorf("%s is %v, want %v", outcome, got, want)
		}
	}
}

var (
	metricName = regexp.MustCompile(`caddy_webhook_[a-z_]+`)
	labelName  = regexp.MustCompile(`\b([a-z_]+)(?:=~?|!=|!~)"`)
	grouping   = regexp.MustCompile(`by \(([^)]*)\)`)
)

// The dashboard reads metrics that exist, by labels that they have.
func TestDashboard(t *testing.T) {
	content, err := os.ReadFile("monitoring/grafana/dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Title  string
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(content, &dashboard); err != nil {
		t.Fatal(err)
	}
	srv := webhooktest.Start(t, strings.NewReplacer(
		"webhooks {", "webhooks {\n\t\ttenants shown file "+t.TempDir()+"\n\t\tstore "+filepath.Join(t.TempDir(), "deliveries.db"),
		"max_size", "observe\n\t\texpect_every 10m\n\t\tmax_size",
		"metrics /metrics", "metrics /metrics\n\twebhook_token /token {\n\t\tclient shown 0123456789abcdef for shown\n\t}",
	).Replace(measured("shown", "webhook_deliver {\n mode queue\n respond 400\n }")))
	srv.Post("/token", "")
	checkStatus(t, srv.Post("/hook", `{"kind":"other"}`, "Authorization: Bearer "+testToken), 202)
	eventually(t, "there is a dead letter", func() bool {
		return strings.Contains(get(t, srv.URL("/metrics")), `caddy_webhook_delivery_dead_letters_total{destination="default"} 1`)
	})
	names, labels := make(map[string]bool), map[string]bool{"le": true}
	for line := range strings.Lines(get(t, srv.URL("/metrics"))) {
		if name := metricName.FindString(line); name != "" && !strings.HasPrefix(line, "#") {
			names[name] = true
			for _, label := range labelName.FindAllStringSubmatch(line, -1) {
				labels[label[1]] = true
			}
		}
	}
	used := make(map[string]bool)
	for _, panel := range dashboard.Panels {
		for _, target := range panel.Targets {
			found := metricName.FindAllString(target.Expr, -1)
			if len(found) == 0 {
				t.Errorf("panel %q reads none of our metrics: %s", panel.Title, target.Expr)
			}
			for _, name := range found {
				used[name] = true
				if !names[name] {
					t.Errorf("panel %q reads %s, which does not exist", panel.Title, name)
				}
			}
			read := labelName.FindAllStringSubmatch(target.Expr, -1)
			for _, group := range grouping.FindAllStringSubmatch(target.Expr, -1) {
				for label := range strings.SplitSeq(group[1], ",") {
					read = append(read, []string{"", strings.TrimSpace(label)})
				}
			}
			for _, label := range read {
				if !labels[label[1]] {
					t.Errorf("panel %q reads the label %s, which none has", panel.Title, label[1])
				}
			}
		}
	}
	for name := range names {
		family := strings.TrimSuffix(strings.TrimSuffix(name, "_sum"), "_count")
		shown := func(other string) bool { return strings.HasPrefix(other, family) }
		if !slices.ContainsFunc(slices.Collect(maps.Keys(used)), shown) && !strings.HasSuffix(name, "_bucket") {
			t.Errorf("no panel shows %s", name)
		}
	}
}
