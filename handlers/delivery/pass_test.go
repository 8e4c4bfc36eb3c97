package delivery

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-webhooks/caddy-webhooks/deliver"
)

// A first attempt takes room at its destination until the app has answered, whatever
// the app answers, and tells the breaker how it ended.
func TestFirstAttemptEndsItsPass(t *testing.T) {
	for name, test := range map[string]struct {
		do   step
		down bool
	}{
		"delivered": {func(w http.ResponseWriter, _ *http.Request) error { w.WriteHeader(200); return nil }, false},
		"refused":   {func(w http.ResponseWriter, _ *http.Request) error { w.WriteHeader(422); return nil }, false},
		"failed":    {func(w http.ResponseWriter, _ *http.Request) error { w.WriteHeader(500); return nil }, true},
		"a panic":   {func(http.ResponseWriter, *http.Request) error { panic("on purpose") }, true},
	} {
		gate := deliver.NewGate(deliver.Limits{Concurrency: 1, BreakAfter: 1, BreakPause: time.Hour})
		pass, may := gate.First()
		if _, another := gate.First(); !may || another {
			t.Fatalf("%s: the first may begin: %t, another one: %t", name, may, another)
		}
		r, saved := sent(t, 10)
		a := &attempt{
			sender: httptest.NewRecorder(), pass: pass,
			senderRepl: r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer),
		}
		destinationOf(test.do).begin(a, saved)
		<-a.decided
		if gate.Down() != test.down {
			t.Errorf("%s: the destination is down: %t", name, gate.Down())
		}
		gate.Reset()
		if _, may := gate.First(); !may {
			t.Errorf("%s: there is no room after it", name)
		}
	}
}

// Attempts that are left behind are counted as often as they are let go of, also those
// that are too many.
func TestLeftBehindIsCountedOnce(t *testing.T) {
	release := make(chan struct{})
	to := destinationOf(func(http.ResponseWriter, *http.Request) error { <-release; return nil })
	attempts := make([]*attempt, maxLeft+3)
	for i := range attempts {
		a, r, _ := begun(t, to, 100)
		a.giveUp()
		a.detach(r)
		attempts[i] = a
	}
	if got, want := outliving.Load(), int64(100*len(attempts)); got != want {
		t.Errorf("%d bytes are counted, want %d", got, want)
	}
	close(release)
	for _, a := range attempts {
		for !ended(a) {
			time.Sleep(time.Millisecond)
		}
	}
	if outliving.Load() != 0 || to.left.Load() != 0 {
		t.Errorf("%d bytes are counted, and %d attempts", outliving.Load(), to.left.Load())
	}
}

// A lane whose webhook could not be stored is left when the attempt in it has ended.
func TestLaneIsLeftAtTheEnd(t *testing.T) {
	release, left := make(chan struct{}), make(chan struct{})
	to := destinationOf(func(http.ResponseWriter, *http.Request) error { <-release; return nil })
	attempts := make([]attempt, 1)
	_, saved := sent(t, 10)
	to.begin(&attempts[0], saved)
	attempts[0].giveUp()
	e := entered{leave: []func(){func() { close(left) }}}
	e.leaveWith(attempts)
	e.left()
	select {
	case <-left:
		t.Error("the lane is left while the attempt is under way")
	default:
	}
	close(release)
	<-left
}
