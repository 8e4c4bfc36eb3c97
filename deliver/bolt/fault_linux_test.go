package bolt_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/deliver"
	"github.com/caddy-webhooks/caddy-webhooks/deliver/bolt"
	"github.com/caddy-webhooks/caddy-webhooks/internal/faulttest"
)

// faultVariable makes the test binary a process in which a system call begins
// to fail while a store is being written: "<path> <system call> <errno>".
const faultVariable = "DELIVER_BOLT_FAULT"

func TestMain(m *testing.M) {
	faulttest.Processes{
		faultVariable: writeUntilFault, fullVariable: fillAndDrain, killedVariable: claimAndWait,
	}.Main(m)
}

// Writers and records of a process with a fault.
const (
	faultWriters = 8
	beforeFault  = 200 // acknowledged before the fault
	afterFault   = 40  // tried by each writer after it
)

// writeUntilFault appends records and prints the ids of those that were
// acknowledged, and when the fault began.
func writeUntilFault(fault string) error {
	var path string
	var call, errno uint32
	if _, err := fmt.Sscan(fault, &path, &call, &errno); err != nil {
		return err
	}
	store, err := bolt.Open(path, 0, deliver.Observer{})
	if err != nil {
		return err
	}
	var mu sync.Mutex
	acknowledged, faulty := 0, false
	appendOne := func(id string) {
		err := store.Append(context.Background(), &deliver.Record{ID: id, Body: make([]byte, 6000)},
			[]deliver.Target{{Destination: "app"}})
		mu.Lock()
		defer mu.Unlock()
		switch {
		case err == nil:
			acknowledged++
			fmt.Println("acknowledged", id, faulty)
		case errors.Is(err, deliver.ErrFull):
			fmt.Println("full", id)
		default:
			fmt.Println("refused", id)
		}
	}
	var group sync.WaitGroup
	begin := make(chan struct{})
	for writer := range faultWriters {
		group.Go(func() {
			for i := range beforeFault / faultWriters {
				appendOne(fmt.Sprintf("%d-before-%d", writer, i))
			}
			<-begin
			for i := range afterFault {
				appendOne(fmt.Sprintf("%d-after-%d", writer, i))
			}
		})
	}
	for {
		mu.Lock()
		ready := acknowledged == beforeFault
		mu.Unlock()
		if ready {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if err := faulttest.Inject(call, syscall.Errno(errno), 0); err != nil {
		return err
	}
	mu.Lock()
	faulty = true
	mu.Unlock()
	close(begin)
	group.Wait()
	return nil // without Close, as a process that is killed
}

// Nothing is acknowledged that is not on disk, whatever fails, and what was
// acknowledged before is there afterwards.
func TestFaults(t *testing.T) {
	for name, test := range map[string]struct {
		call  int
		errno syscall.Errno
		word  string // what the writers are told
	}{
		"data cannot be forced to disk": {syscall.SYS_FDATASYNC, syscall.EIO, "refused"},
		"the disk is full":              {syscall.SYS_PWRITE64, syscall.ENOSPC, "full"},
		"the disk fails":                {syscall.SYS_PWRITE64, syscall.EIO, "refused"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "store.db")
			output, err := faulttest.Command(faultVariable, fmt.Sprintf("%s %d %d", path, test.call, test.errno)).CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, output)
			}
			acknowledged, told := make(map[string]bool), 0
			for line := range strings.Lines(string(output)) {
				fields := strings.Fields(line)
				switch fields[0] {
				case "acknowledged":
					acknowledged[fields[1]] = true
					if fields[2] == "true" {
						t.Errorf("%s was acknowledged while nothing could be written", fields[1])
					}
				case test.word:
					told++
				default:
					t.Fatalf("the process says %s", line)
				}
			}
			if len(acknowledged) != beforeFault || told != faultWriters*afterFault {
				t.Errorf("%d acknowledged, %d %s; want %d and %d", len(acknowledged), told, test.word, beforeFault, faultWriters*afterFault)
			}
			checkAll(t, path, acknowledged)
		})
	}
}

// checkAll makes sure that records are in a store.
func checkAll(t *testing.T, path string, ids map[string]bool) {
	t.Helper()
	store, err := bolt.Open(path, 0, deliver.Observer{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	entries, err := store.List(t.Context(), deliver.Filter{}, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string]bool)
	for i := range entries {
		found[entries[i].ID] = true
	}
	for id := range ids {
		if !found[id] {
			t.Errorf("%s was acknowledged and is lost", id)
		}
	}
}

// The file is one process's: a second one is refused, and told so.
func TestSecondProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	store, err := bolt.Open(path, 0, deliver.Observer{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	output, err := faulttest.Command(faultVariable, path+" 0 0").CombinedOutput()
	line, _, _ := bufio.ScanLines(output, true)
	if err == nil || !strings.Contains(string(output[:line]), "is open in another process") {
		t.Errorf("a second process: %v, %s", err, output)
	}
}
