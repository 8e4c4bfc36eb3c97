package route

import (
	"runtime"
	"syscall"
	"time"
)

// cpuTime measures what the processor did for a function, whatever else it did.
func cpuTime(do func()) time.Duration {
	const thisThread = 1
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before, after syscall.Rusage
	_ = syscall.Getrusage(thisThread, &before)
	do()
	_ = syscall.Getrusage(thisThread, &after)
	used := func(r syscall.Rusage) time.Duration { return time.Duration(r.Utime.Nano() + r.Stime.Nano()) }
	return used(after) - used(before)
}
