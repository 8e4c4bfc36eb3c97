package bolt

import (
	"context"
	"errors"
	"slices"

	"github.com/caddy-webhooks/caddy-webhooks/deliver"
)

// Requeue implements deliver.Store.
func (s *Store) Requeue(ctx context.Context, filter deliver.Filter) (int, error) {
	filter.State = deliver.Dead
	return s.each(ctx, filter, nil, func(b *batch, at slot, _ deliver.State) error { return b.requeue(at, s.now()) })
}

// Remove implements deliver.Store.
func (s *Store) Remove(ctx context.Context, filter deliver.Filter) (int, error) {
	return s.each(ctx, filter, nil, func(b *batch, at slot, state deliver.State) error { return b.remove(at, state) })
}

// RetryNow implements deliver.Controls.
func (s *Store) RetryNow(ctx context.Context, filter deliver.Filter) (int, error) {
	filter.State = deliver.Waiting
	return s.each(ctx, filter, nil, func(b *batch, at slot, _ deliver.State) error {
		if s.isLeased(at) {
			return deliver.ErrNotFound
		}
		now := s.now()
		return b.change(at, func(j *job) { j.due, j.set = now, now })
	})
}

// Move implements deliver.Controls.
func (s *Store) Move(ctx context.Context, from, to string) (int, error) {
	if from == to {
		return 0, nil
	}
	return s.each(ctx, deliver.Filter{Destination: from}, []string{to}, func(b *batch, at slot, state deliver.State) error {
		if state == deliver.Waiting && s.isLeased(at) {
			return deliver.ErrNotFound
		}
		return b.move(at, state, to)
	})
}

// move gives a delivery to another destination.
func (b *batch) move(at slot, state deliver.State, to string) error {
	j, err := b.job(bucketOf(state), at)
	if err != nil {
		return err
	}
	q, key := b.queue(to), b.key(at.sequence)
	there := slot{q.number, at.sequence}
	_, waits := b.waits(to, key)
	if waits || b.tx.Bucket(waitingBucket).Get(there.key()) != nil || b.tx.Bucket(deadBucket).Get(there.key()) != nil {
		return b.remove(at, state)
	}
	if state == deliver.Dead {
		b.queue(b.name(at.destination)).dead--
		b.delete(deadBucket, at.key())
		q.dead++
		b.put(deadBucket, there.key(), j.encode())
	} else {
		b.unwait(at, j)
		b.wait(there, q, j, key)
	}
	return b.err
}

// SetPaused implements deliver.Controls. What is paused is so at once, and what is
// resumed when that is on disk.
func (s *Store) SetPaused(ctx context.Context, destination string, paused bool) error {
	before := s.setPaused(destination, paused || s.Paused(destination))
	err := s.do(ctx, &operation{}, func(b *batch) error {
		b.queue(destination).paused = paused
		return b.err
	})
	if err != nil {
		s.setPaused(destination, before)
		return err
	}
	s.setPaused(destination, paused)
	s.wake(destination)
	return nil
}

// setPaused returns whether it was so before.
func (s *Store) setPaused(destination string, paused bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.paused[destination]
	if paused {
		s.paused[destination] = true
	} else {
		delete(s.paused, destination)
	}
	return before
}

// Paused implements deliver.Controls.
func (s *Store) Paused(destination string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.paused[destination]
}

func (s *Store) isLeased(at slot) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.leases[at] != nil
}

// each changes all deliveries that a filter chooses, some at a time, and
// returns how many it has changed. More is due afterwards at their destinations, and
// at those that are named.
func (s *Store) each(ctx context.Context, filter deliver.Filter, wake []string, change func(*batch, slot, deliver.State) error) (int, error) {
	var total int
	var after slot
	for {
		entries, last, err := s.scan(&filter, after)
		if err != nil {
			return total, err
		}
		for some := range slices.Chunk(entries, maxBatch) {
			changed, err := s.changeSome(ctx, some, wake, change)
			total += changed
			if err != nil {
				return total, err
			}
		}
		if last == (slot{}) {
			return total, nil
		}
		after = last
	}
}

// changeSome changes listed deliveries in one transaction. What has changed
// since it was listed is left alone.
func (s *Store) changeSome(
	ctx context.Context, entries []deliver.Entry, wake []string, change func(*batch, slot, deliver.State) error,
) (int, error) {
	changed := 0
	wake = slices.Clone(wake)
	for i := range entries {
		if !slices.Contains(wake, entries[i].Destination) {
			wake = append(wake, entries[i].Destination)
		}
	}
	err := s.do(ctx, &operation{destinations: wake}, func(b *batch) error {
		changed = 0 // it may be the second time
		for i := range entries {
			at, err := parseRef(entries[i].Ref)
			if err != nil {
				return err
			}
			switch err := change(b, at, entries[i].State); {
			case err == nil:
				changed++
			case !errors.Is(err, deliver.ErrNotFound):
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return changed, nil
}
