package bolt_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/internal/faulttest"
	"github.com/caddy-webhooks/caddy-webhooks/replay"
	"github.com/caddy-webhooks/caddy-webhooks/replay/bolt"
	"github.com/caddy-webhooks/caddy-webhooks/replay/memory"
)

// faultVariable makes the test binary a process in which a system call fails
// while deliveries are remembered: "<path> <system call> <errno> <room>".
const faultVariable = "REPLAY_BOLT_FAULT"

func TestMain(m *testing.M) {
	faulttest.Processes{faultVariable: rememberUntilFault}.Main(m)
}

const refusals = 20 // that the process goes on for

// keyOf is the claim of a delivery with a number.
func keyOf(number uint32) replay.Claim {
	var key replay.Key
	binary.BigEndian.PutUint32(key[:], number)
	return replay.Claim{Key: key, Owner: "o", Lease: time.Minute, TTL: time.Hour}
}

// rememberUntilFault remembers deliveries, in memory whatever happens, and
// prints how many are written down and what the last error is.
func rememberUntilFault(fault string) error {
	var path string
	var call, errno, room uint32
	if _, err := fmt.Sscan(fault, &path, &call, &errno, &room); err != nil {
		return err
	}
	ctx := context.Background()
	s, err := bolt.Open(path, memory.New(100_000, time.Now, func() {}), time.Now)
	if err != nil {
		return err
	}
	written, refused := uint32(0), uint32(0)
	for number := uint32(0); refused < refusals; number++ {
		if number == 100 {
			if err := faulttest.Inject(call, syscall.Errno(errno), room); err != nil {
				return err
			}
		}
		claim := keyOf(number)
		if got, err := s.Reserve(ctx, claim); err != nil || got.State != replay.Reserved {
			return fmt.Errorf("%d: %+v, %w", number, got, err)
		}
		last := s.Done(ctx, claim, 202)
		switch {
		case last == nil && refused > 0:
			return fmt.Errorf("%d is written down after the fault", number)
		case last == nil:
			written++
		default:
			refused++
			err = last
		}
		if got, err := s.Reserve(ctx, claim); err != nil || got.State != replay.Done {
			return fmt.Errorf("%d is forgotten: %+v, %w", number, got, err)
		}
	}
	fmt.Println(written, err)
	return nil // without Close, as a process that is killed
}

// Whatever fails, deliveries are remembered in memory, who asks is told that
// they are not written down, and those that were are known afterwards.
func TestFaults(t *testing.T) {
	for name, test := range map[string]struct {
		call, room int
		errno      syscall.Errno
		want       string
	}{
		"data cannot be forced to disk": {syscall.SYS_FDATASYNC, 0, syscall.EIO, "nothing is written down until"},
		"the disk fails":                {syscall.SYS_PWRITE64, 0, syscall.EIO, "nothing is written down until"},
		"the disk is full":              {syscall.SYS_PWRITE64, 200 << 10, syscall.ENOSPC, "write "},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "replay.db")
			fault := fmt.Sprintf("%s %d %d %d", path, test.call, test.errno, test.room)
			output, err := faulttest.Command(faultVariable, fault).CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, output)
			}
			var written uint32
			if _, err := fmt.Sscan(string(output), &written); err != nil || written < 100 {
				t.Fatalf("the process says %s", output)
			}
			if _, said, _ := strings.Cut(string(output), " "); !strings.HasPrefix(said, test.want) {
				t.Errorf("the error is %s; want %s", said, test.want)
			}
			s, err := bolt.Open(path, memory.New(100_000, time.Now, func() {}), time.Now)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			for number := range written {
				if got, err := s.Reserve(t.Context(), keyOf(number)); err != nil || got.State != replay.Done {
					t.Errorf("%d was written down and is not known: %+v, %v", number, got, err)
				}
			}
		})
	}
}
