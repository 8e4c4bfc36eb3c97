package nats

import (
	"context"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// SetClock sets the clock of a store.
func (s *ReplayStore) SetClock(now func() time.Time) { s.now = now }

// Crash ends a store as a process that is killed does: what it has leased stays
// leased until the servers give it up.
func (s *Store) Crash() {
	s.end()
	s.beating.Wait()
	s.conn.Close()
}

// Current reports whether all servers have all of what waits.
func (s *Store) Current(ctx context.Context) bool {
	about, err := s.waiting.Info(ctx)
	if err != nil || about.Cluster == nil || about.Cluster.Leader == "" || len(about.Cluster.Replicas) != 2 {
		return false
	}
	return !slices.ContainsFunc(about.Cluster.Replicas, func(peer *jetstream.PeerInfo) bool { return peer.Offline || !peer.Current })
}

// Leader returns the name of the server that leads what waits; it is empty while
// there is none.
func (s *Store) Leader(ctx context.Context) string {
	about, err := s.waiting.Info(ctx)
	if err != nil || about.Cluster == nil {
		return ""
	}
	return about.Cluster.Leader
}

// SetBuryWait sets after how long a dead letter is tried again.
func (s *Store) SetBuryWait(wait time.Duration) { s.buryWait = wait }
