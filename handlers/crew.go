package handlers

import "sync/atomic"

// crew runs functions on goroutines of their own. One that has run a function
// waits for the next: its stack has grown to what a reverse proxy needs, and
// to grow another one takes longer than all else about a first attempt.
type crew struct {
	next    chan func()     // to one that waits
	waiting atomic.Int32    // how many do
	done    <-chan struct{} // closed when nobody is to wait any more
}

// maxIdle bounds how many goroutines of a crew wait.
const maxIdle = 64

func newCrew(done <-chan struct{}) *crew { return &crew{next: make(chan func()), done: done} }

// run has a member of the crew run a function, or a new one if none waits.
func (c *crew) run(f func()) {
	select {
	case c.next <- f:
	default:
		go c.work(f)
	}
}

func (c *crew) work(f func()) {
	for f != nil {
		f()
		f = c.wait()
	}
}

// wait returns the next function, or nil if there is to be none.
func (c *crew) wait() (f func()) {
	if c.waiting.Add(1) <= maxIdle {
		select {
		case f = <-c.next:
		case <-c.done:
		}
	}
	c.waiting.Add(-1)
	return f
}
