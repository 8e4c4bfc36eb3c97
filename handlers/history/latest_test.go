package history

import (
	"strconv"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/archive"
)

// Who listens gets what came after a number, and is told how much is not at hand any more.
func TestLatest(t *testing.T) {
	var l ring
	for i := range maxLatest + 10 {
		l.add(&archive.Summary{ID: strconv.Itoa(i + 1)})
	}
	for after, want := range map[uint64]struct {
		events int
		missed uint64
	}{
		0: {maxLatest, 10}, 10: {maxLatest, 0}, maxLatest: {10, 0}, maxLatest + 10: {0, 0},
		maxLatest + 99: {0, 0}, // it is a number of another process
	} {
		found := l.after(after)
		if len(found.Events) != want.events || found.Missed != want.missed || found.Last != maxLatest+10 {
			t.Errorf("after %d: %d events, %d missed, last %d", after, len(found.Events), found.Missed, found.Last)
		}
		if want.events > 0 && found.Events[want.events-1].ID != strconv.Itoa(maxLatest+10) {
			t.Errorf("after %d the last one is %s", after, found.Events[want.events-1].ID)
		}
	}
}

// What is erased is not told to those who listen.
func TestLatestForgets(t *testing.T) {
	var l ring
	l.add(&archive.Summary{ID: "1"})
	l.add(&archive.Summary{ID: "2"})
	l.forget(&archive.Filter{ID: "1"})
	if found := l.after(0); len(found.Events) != 1 || found.Events[0].ID != "2" {
		t.Errorf("there is %+v", found.Events)
	}
}
