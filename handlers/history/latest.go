package history

import (
	"crypto/rand"
	"sync"

	"github.com/caddy-webhooks/caddy-webhooks/archive"
)

// maxLatest is how many of the latest webhooks whoever listens can catch up with.
const maxLatest = 1000

// latest are the webhooks that were handed over last, for those who listen. They live as
// long as the process.
var latest = ring{instance: rand.Text()}

// ring keeps the latest summaries. They are numbered from 1.
type ring struct {
	instance string // numbers count anew with another one

	mu        sync.Mutex
	last      uint64 // the number of the last one
	summaries []*archive.Summary
}

func (l *ring) add(s *archive.Summary) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last++
	if len(l.summaries) < maxLatest {
		l.summaries = append(l.summaries, s)
		return
	}
	l.summaries[(l.last-1)%maxLatest] = s
}

// Latest are webhooks that came after a number.
type Latest struct {
	// Instance is another one when Caddy was started anew: then numbers count from 1.
	Instance string `json:"instance"`

	// Last is the number to ask with next.
	Last uint64 `json:"last"`

	// Missed is how many came since and are not at hand any more.
	Missed uint64 `json:"missed,omitempty"`

	// Events are the webhooks, the earliest first.
	Events []*archive.Summary `json:"events"`
}

// after returns what came after a number.
func (l *ring) after(number uint64) *Latest {
	l.mu.Lock()
	defer l.mu.Unlock()
	found := &Latest{Instance: l.instance, Last: l.last, Events: []*archive.Summary{}}
	number = min(number, l.last)
	if kept := uint64(len(l.summaries)); l.last-number > kept {
		found.Missed = l.last - number - kept
		number = l.last - kept
	}
	for ; number < l.last; number++ {
		if s := l.summaries[number%maxLatest]; s != nil { // else it was purged
			found.Events = append(found.Events, s)
		}
	}
	return found
}

// forget leaves out what a filter selects by its summary; what depends on the payload is
// left out, too: nobody knows it here.
func (l *ring) forget(filter *archive.Filter) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, s := range l.summaries {
		if s != nil && filter.Selects(s) {
			l.summaries[i] = nil
		}
	}
}
