package delivery

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/caddy-webhooks/caddy-webhooks/deliver"
	"github.com/caddy-webhooks/caddy-webhooks/handlers/observe"
	"github.com/caddy-webhooks/caddy-webhooks/handlers/webhook"
	"github.com/caddy-webhooks/caddy-webhooks/route"
)

// step is what a destination's handlers do.
type step func(w http.ResponseWriter, r *http.Request) error

func (s step) ServeHTTP(w http.ResponseWriter, r *http.Request, _ caddyhttp.Handler) error {
	return s(w, r)
}

// destinationOf returns a destination with a budget for bodies of 1 MiB.
func destinationOf(do step) *Destination {
	d := &Deliver{delivery: &Manager{budget: 1 << 20}, server: new(caddyhttp.Server), logger: zap.NewNop()}
	ctx, end := caddy.NewContext(caddy.Context{Context: context.Background()})
	defer end()
	d.metrics, _ = observe.RegisterMetrics(ctx) // a registry of its own
	d.fillDefaults()
	return &Destination{of: d, fullName: "app", handlers: webhook.Chain{do}}
}

// sent returns the request of a sender, with a body of a size.
func sent(t *testing.T, size int) (*http.Request, *savedRequest) {
	t.Helper()
	v := new(webhook.Verified)
	if err := v.Buffer.Fill(strings.NewReader(strings.Repeat("x", size)), -1, 1<<20, nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { v.Buffer.End(context.Background()) })
	r := httptest.NewRequest("POST", "/hook", nil)
	r = caddyhttp.PrepareRequest(r, caddy.NewReplacer(), httptest.NewRecorder(), new(caddyhttp.Server))
	v.Event = (&route.Snapshot{Provider: "p", ID: "1", URL: new(route.SnapshotURL)}).Event(r.Header, v.Buffer.Data)
	webhook.SetBody(r, v.Body.Hold(v.Buffer.Data, v.Buffer.Shared(), v.Event.Body))
	caddyhttp.SetVar(r.Context(), webhook.EventVar, v)
	return r, save(r, v.Event, nil)
}

// begun begins a first attempt for a sender.
func begun(t *testing.T, to *Destination, size int) (*attempt, *http.Request, *httptest.ResponseRecorder) {
	t.Helper()
	r, saved := sent(t, size)
	w := httptest.NewRecorder()
	a := &attempt{sender: w, senderRepl: r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)}
	to.begin(a, saved)
	return a, r, w
}

// What is decided while the sender waits is decided for good, and the sender has
// the answer when decided is closed.
func TestAttemptInTime(t *testing.T) {
	failure := errors.New("no")
	for name, test := range map[string]struct {
		do      step
		verdict deliver.Verdict
		status  int // that the sender gets
	}{
		"delivered":        {func(w http.ResponseWriter, _ *http.Request) error { w.WriteHeader(201); return nil }, deliver.Delivered, 201},
		"refused":          {func(w http.ResponseWriter, _ *http.Request) error { w.WriteHeader(422); return nil }, deliver.Refused, 422},
		"failed":           {func(w http.ResponseWriter, _ *http.Request) error { w.WriteHeader(500); return nil }, deliver.Failed, 0},
		"temporary":        {func(w http.ResponseWriter, _ *http.Request) error { w.WriteHeader(429); return nil }, deliver.Failed, 0},
		"not answered":     {func(http.ResponseWriter, *http.Request) error { return nil }, deliver.Failed, 0},
		"refused by error": {func(http.ResponseWriter, *http.Request) error { return caddyhttp.Error(403, failure) }, deliver.Refused, 0},
		"an error":         {func(http.ResponseWriter, *http.Request) error { return failure }, deliver.Failed, 0},
		"a panic":          {func(http.ResponseWriter, *http.Request) error { panic("on purpose") }, deliver.Failed, 0},
	} {
		a, r, w := begun(t, destinationOf(test.do), 10)
		<-a.decided
		a.giveUp()
		if a.detach(r); a.late() || a.outcome.Verdict != test.verdict {
			t.Errorf("%s: late is %t, the outcome %+v", name, a.late(), a.outcome)
		}
		if status := w.Code; test.status != 0 && status != test.status || test.status == 0 && w.Flushed {
			t.Errorf("%s: the sender gets %d", name, status)
		}
	}
}

// A sender that has stopped waiting gets nothing of what comes later, which is the
// outcome nevertheless. What is kept meanwhile is let go of.
func TestAttemptTooLate(t *testing.T) {
	for status, verdict := range map[int]deliver.Verdict{200: deliver.Delivered, 422: deliver.Refused, 500: deliver.Failed} {
		release, gone := make(chan struct{}), make(chan struct{})
		to := destinationOf(func(w http.ResponseWriter, r *http.Request) error {
			<-release
			body, _ := io.ReadAll(r.Body)
			w.Header().Set("X-Length", http.StatusText(len(body)))
			w.WriteHeader(status)
			<-gone
			return nil
		})
		a, r, w := begun(t, to, 100_000)
		a.giveUp()
		a.detach(r)
		if !a.late() || outliving.Load() != 100_000 || to.left.Load() != 1 {
			t.Errorf("late is %t, %d bytes are kept, %d attempts left", a.late(), outliving.Load(), to.left.Load())
		}
		close(release)
		if outcome := a.awaitLate(t.Context()); outcome.Verdict != verdict {
			t.Errorf("%d: %+v", status, outcome)
		}
		close(gone)
		for !ended(a) {
			time.Sleep(time.Millisecond)
		}
		if outliving.Load() != 0 || to.left.Load() != 0 || len(w.Header()) != 0 {
			t.Errorf("%d bytes are kept, %d attempts left, the sender gets %v", outliving.Load(), to.left.Load(), w.Header())
		}
	}
}

func ended(a *attempt) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.over
}

// What the proxy makes of an attempt that was cut short is no answer of the app.
func TestAttemptIsCutShort(t *testing.T) {
	canceled := func(_ http.ResponseWriter, r *http.Request) error {
		<-r.Context().Done()
		return caddyhttp.Error(499, r.Context().Err())
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	a, _, _ := begun(t, destinationOf(canceled), 10)
	a.giveUp()
	if outcome := a.awaitLate(stopped); outcome.Verdict != deliver.Failed {
		t.Errorf("the end of the process: %+v", outcome)
	}
	to := destinationOf(canceled)
	a, r, _ := begun(t, to, 300_000) // more than a quarter of the budget
	a.giveUp()
	a.detach(r)
	if outcome := a.awaitLate(t.Context()); outcome.Verdict != deliver.Failed {
		t.Errorf("no room to go on: %+v", outcome)
	}
	for !ended(a) {
		time.Sleep(time.Millisecond)
	}
	if to.hangs() {
		t.Error("the destination hangs, and nothing is left of it")
	}
}

// An answer that breaks off breaks off at the sender.
func TestAttemptBreaksOff(t *testing.T) {
	a, _, _ := begun(t, destinationOf(func(w http.ResponseWriter, _ *http.Request) error {
		_, _ = io.WriteString(w, "half")
		panic(http.ErrAbortHandler)
	}), 10)
	<-a.decided
	defer func() {
		if p := recover(); p != http.ErrAbortHandler || a.outcome.Verdict != deliver.Delivered { //nolint:errorlint // as net/http compares it
			t.Errorf("it ends with %v, %+v", p, a.outcome)
		}
	}()
	_ = a.result()
}

// What is stored of a large body is a copy: its memory goes to another request.
func TestRecordSharesNoMemoryThatIsUsedAgain(t *testing.T) {
	r, saved := sent(t, 100_000)
	record, err := saved.record("d")
	if v, _ := webhook.VerifiedOf(r); err != nil || &record.Body[0] == &v.Buffer.Data[0] {
		t.Errorf("what outlives the request shares its memory: %v", err)
	}
}
