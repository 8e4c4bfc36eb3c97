package handlers_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-webhooks/caddy-webhooks/handlers"
	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

// note is an events handler that notes the events it gets.
type note struct{}

var noted struct {
	sync.Mutex
	events []string
}

func init() { caddy.RegisterModule(note{}) }

func (note) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "events.handlers.note", New: func() caddy.Module { return new(note) }}
}

func (*note) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next()
	return nil
}

func (*note) Handle(_ context.Context, event caddy.Event) error {
	noted.Lock()
	defer noted.Unlock()
	noted.events = append(noted.events, fmt.Sprint(event.Name(), event.Data))
	return nil
}

// silentRuns counts how often TestSilentSource runs in this process.
var silentRuns int

// A source that falls silent is told of by an event, a metric and the log, once
// for each silence and also across a reload.
func TestSilentSource(t *testing.T) {
	silentRuns++ // what was heard of a provider outlives its configuration
	provider := fmt.Sprint("quiet-", silentRuns)
	noted.Lock()
	noted.events = nil
	noted.Unlock()
	config := `{
	metrics
	events {
		on webhook_silent note
	}
	webhooks {
		provider ` + provider + ` token
	}
}
http://:0 {
	metrics /metrics
	handle_webhook /hook ` + provider + ` {
		token secret
		expect_every 10m
		otherwise {
			respond 204
		}
	}
}
`
	srv := webhooktest.Start(t, config)
	gauge := func() string {
		t.Helper()
		page := srv.Do(srv.NewRequest("GET", "/metrics", strings.NewReader(""))).Body
		_, value, _ := strings.Cut(page, `caddy_webhook_silent{endpoint="/hook",provider="`+provider+`"} `)
		value, _, _ = strings.Cut(value, "\n")
		return value
	}
	check := func(events int, silent string) {
		t.Helper()
		noted.Lock()
		defer noted.Unlock()
		if len(noted.events) != events || gauge() != silent {
			t.Errorf("there are the events %q and the gauge is %s; want %d and %s", noted.events, gauge(), events, silent)
		}
	}
	start := time.Now()
	handlers.Look(start.Add(5 * time.Minute))
	check(0, "0")
	handlers.Look(start.Add(11 * time.Minute))
	handlers.Look(start.Add(30 * time.Minute))
	check(1, "1")
	srv.Reload(config + "# changed\n")
	handlers.Look(start.Add(31 * time.Minute))
	check(1, "1")
	if answer := srv.Post("/hook", "{}", "Authorization: Bearer secret"); answer.Status != 204 {
		t.Fatalf("status %d", answer.Status)
	}
	check(1, "0")
	handlers.Look(start.Add(32 * time.Minute))
	check(2, "1")
	if want := "webhook_silentmap[endpoint:/hook expect_every:10m0s last:never provider:" + provider + "]"; noted.events[0] != want {
		t.Errorf("the event is %s, want %s", noted.events[0], want)
	}
	srv.Log.Wait(t, webhooktest.Message("no webhook was verified for too long"))
	srv.Log.Wait(t, webhooktest.Message("webhooks arrive again after a silence"))
}
