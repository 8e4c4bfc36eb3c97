package faulttest

import (
	"fmt"
	"runtime"
	"syscall"
	"unsafe"
)

// Inject makes a system call fail in the whole process from now on, by a filter
// in the kernel. Calls whose third and fourth argument are room together, or less,
// are let through, unless room is 0: with pwrite64 and ENOSPC that is a disk which
// has room for so many bytes of a file.
func Inject(call uint32, errno syscall.Errno, room uint32) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	const (
		setNoNewPrivileges = 38
		setModeFilter      = 1
		allThreads         = 1
		returnErrno        = 0x00050000
		returnAllow        = 0x7fff0000
		numberOffset       = 0
		thirdOffset        = 16 + 2*8 // their low halves, on little-endian machines
		fourthOffset       = 16 + 3*8
	)
	seccomp, ok := map[string]uintptr{"amd64": 317, "arm64": 277}[runtime.GOARCH]
	if !ok {
		return fmt.Errorf("the number of seccomp on %s is not known", runtime.GOARCH)
	}
	beyond := syscall.SockFilter{Code: syscall.BPF_JMP | syscall.BPF_JGT | syscall.BPF_K, K: room, Jf: 1}
	if room == 0 {
		beyond.Code = syscall.BPF_JMP | syscall.BPF_JGE | syscall.BPF_K
	}
	filter := []syscall.SockFilter{
		{Code: syscall.BPF_LD | syscall.BPF_W | syscall.BPF_ABS, K: numberOffset},
		{Code: syscall.BPF_JMP | syscall.BPF_JEQ | syscall.BPF_K, K: call, Jf: 6},
		{Code: syscall.BPF_LD | syscall.BPF_W | syscall.BPF_ABS, K: thirdOffset},
		{Code: syscall.BPF_MISC | syscall.BPF_TAX},
		{Code: syscall.BPF_LD | syscall.BPF_W | syscall.BPF_ABS, K: fourthOffset},
		{Code: syscall.BPF_ALU | syscall.BPF_ADD | syscall.BPF_X},
		beyond,
		{Code: syscall.BPF_RET | syscall.BPF_K, K: returnErrno | uint32(errno)}, //nolint:gosec // it is small
		{Code: syscall.BPF_RET | syscall.BPF_K, K: returnAllow},
	}
	program := syscall.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]} //nolint:gosec // it is short
	if _, _, errno := syscall.RawSyscall6(syscall.SYS_PRCTL, setNoNewPrivileges, 1, 0, 0, 0, 0); errno != 0 {
		return errno
	}
	_, _, failed := syscall.RawSyscall(seccomp, setModeFilter, allThreads, uintptr(unsafe.Pointer(&program))) //nolint:gosec // as the kernel wants it
	if failed != 0 {
		return failed
	}
	return nil
}
