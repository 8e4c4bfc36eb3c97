package bolt

import (
	"context"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/deliver"
)

// When a delivery is due is kept as a time of the clock. A clock that was ahead, and
// was then set right, would have it wait as long as it was ahead. So the store knows
// the latest time that it has seen, also before it was opened: if it is earlier by
// now, then whatever was decided at times that are yet to come is decided anew, with
// the same delay from now on.

// clockSlack is how far a clock may go back before anything is done about it: small
// corrections are frequent and harm nobody.
const clockSlack = 10 * time.Second

// Now implements deliver.Controls.
func (s *Store) Now() time.Time { return s.now() }

// look notes the time, and returns the latest that was seen, in nanoseconds.
func (s *Store) look() int64 {
	now := s.now().UnixNano()
	for {
		seen := s.seen.Load()
		if seen >= now || s.seen.CompareAndSwap(seen, now) {
			return max(seen, now)
		}
	}
}

// correct sees to what waits if the clock was set back.
func (s *Store) correct(ctx context.Context) error {
	now, seen := s.now(), s.look()
	if seen-now.UnixNano() <= int64(clockSlack) || !s.seen.CompareAndSwap(seen, now.UnixNano()) {
		return nil // or somebody else does it
	}
	_, err := s.each(ctx, deliver.Filter{State: deliver.Waiting}, nil, func(b *batch, at slot, _ deliver.State) error {
		return b.change(at, func(j *job) {
			if ahead := j.set.Sub(now); ahead > 0 {
				j.set, j.due = now, j.due.Add(-ahead)
			}
		})
	})
	if err != nil {
		s.seen.CompareAndSwap(now.UnixNano(), seen) // try again
	}
	return err
}
