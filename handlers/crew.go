package handlers

import (
	"context"
	"sync"
)

// crew runs jobs on goroutines of their own. One that has run a job waits for
// the next: its stack has grown to what an exchange needs, and to grow another
// one takes longer than all else about it. The last to have come back is the
// first to go, for the sake of the processor's caches.
type crew struct {
	mu      sync.Mutex
	waiting []chan job
	over    bool // nobody is to wait any more
}

type job interface{ run() }

// maxIdle bounds how many goroutines of a crew wait.
const maxIdle = 64

// newCrew makes a crew whose members go home when the context ends.
func newCrew(ctx context.Context) *crew {
	c := new(crew)
	context.AfterFunc(ctx, c.dismiss)
	return c
}

// have has a member of the crew run a job, or a new one if none waits.
func (c *crew) have(j job) {
	c.mu.Lock()
	last := len(c.waiting) - 1
	if last < 0 {
		c.mu.Unlock()
		go c.work(j)
		return
	}
	next := c.waiting[last]
	c.waiting = c.waiting[:last]
	c.mu.Unlock()
	next <- j
}

func (c *crew) work(j job) {
	next := make(chan job, 1)
	for j != nil {
		j.run()
		if !c.wait(next) {
			return
		}
		j = <-next
	}
}

// wait reports whether a member is to wait for its next job, or nil.
func (c *crew) wait(next chan job) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over || len(c.waiting) == maxIdle {
		return false
	}
	c.waiting = append(c.waiting, next)
	return true
}

func (c *crew) dismiss() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
	for _, next := range c.waiting {
		close(next)
	}
	c.waiting = nil
}
