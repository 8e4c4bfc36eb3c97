//go:build !linux

package route

import "time"

// cpuTime measures how long a function takes.
func cpuTime(do func()) time.Duration {
	start := time.Now()
	do()
	return time.Since(start)
}
