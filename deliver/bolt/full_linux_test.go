package bolt_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/deliver"
	"github.com/caddy-webhooks/caddy-webhooks/deliver/bolt"
	"github.com/caddy-webhooks/caddy-webhooks/internal/faulttest"
)

// fullVariable makes the test binary a process whose disk has little room for
// the store at this path.
const fullVariable = "DELIVER_BOLT_FULL"

// Of the process with a full disk.
const (
	room     = 4 << 20 // bytes of the file
	moreFull = 20      // tried when the disk is full
	later    = 50      // stored when there is room again
)

// fillAndDrain appends records until the disk is full, delivers all of them, and
// appends some more. It prints the ids of those, and how many there were before.
func fillAndDrain(path string) error {
	store, err := bolt.Open(path, 0, deliver.Observer{})
	if err != nil {
		return err
	}
	if err := faulttest.Inject(syscall.SYS_PWRITE64, syscall.ENOSPC, room); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	sizes := rand.New(rand.NewPCG(1, 2))
	add := func(id string) error {
		body := make([]byte, sizes.IntN(12_000))
		return store.Append(ctx, &deliver.Record{ID: id, Body: body}, []deliver.Target{{Destination: "app"}})
	}
	acknowledged := make(map[string]bool)
	for i, refused := 0, 0; refused < moreFull; i++ {
		id := fmt.Sprint("before-", i)
		switch err := add(id); {
		case err == nil:
			acknowledged[id] = true
		case errors.Is(err, deliver.ErrFull):
			refused++
		default:
			return err
		}
	}
	fmt.Println("before", len(acknowledged))
	for len(acknowledged) > 0 {
		deliveries, err := store.Claim(ctx, "app", 16)
		if err != nil {
			return err
		}
		settled := make(chan error, len(deliveries))
		for _, d := range deliveries {
			if !acknowledged[d.Record.ID] {
				return fmt.Errorf("%s was not acknowledged, or is delivered twice", d.Record.ID)
			}
			settle := func() error { return store.Done(ctx, d) }
			if d.Attempts == 0 {
				settle = func() error {
					return store.Retry(ctx, d, time.Now(), deliver.Failure{Status: 503, Reason: "503 Service Unavailable"})
				}
			} else {
				delete(acknowledged, d.Record.ID)
			}
			go func() { settled <- settle() }()
		}
		for range deliveries {
			if err := <-settled; err != nil {
				return fmt.Errorf("with %d left: %w", len(acknowledged), err)
			}
		}
	}
	for i := range later {
		id := fmt.Sprint("later-", i)
		if err := add(id); err != nil {
			return err
		}
		fmt.Println("later", id)
	}
	return nil // without Close, as a process that is killed
}

// When the disk is full nothing is acknowledged, what was acknowledged is
// delivered nevertheless, and that makes room: nothing has to be restarted.
func TestFullDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	output, err := faulttest.Command(fullVariable, path).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	before, ids := 0, make(map[string]bool)
	for line := range strings.Lines(string(output)) {
		if _, err := fmt.Sscanf(line, "before %d", &before); err == nil {
			continue
		}
		ids[strings.TrimSpace(strings.TrimPrefix(line, "later "))] = true
	}
	if before < room/20_000 || before > room/6_000 || len(ids) != later { // of 6 KB on average
		t.Errorf("%d before the disk is full, %d later", before, len(ids))
	}
	checkAll(t, path, ids)
}

// killedVariable makes the test binary a process that is killed while it has
// claimed what is in the store at this path.
const killedVariable = "DELIVER_BOLT_KILLED"

// claimAndWait claims three deliveries, has one of them done and one put off,
// says so and waits to be killed.
func claimAndWait(path string) error {
	store, err := bolt.Open(path, 0, deliver.Observer{})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for _, id := range []string{"done", "later", "cut-short"} {
		if err := store.Append(ctx, &deliver.Record{ID: id}, []deliver.Target{{Destination: "app"}}); err != nil {
			return err
		}
	}
	deliveries, err := store.Claim(ctx, "app", 3)
	if err != nil || len(deliveries) != 3 {
		return fmt.Errorf("%d are claimed, %w", len(deliveries), err)
	}
	if err := errors.Join(store.Done(ctx, deliveries[0]), store.Retry(ctx, deliveries[1], time.Now().Add(time.Hour), deliver.Failure{})); err != nil {
		return err
	}
	fmt.Println("claimed")
	<-ctx.Done()
	return ctx.Err()
}

// An attempt that kill -9 has cut short is due within 5 s of the next start, and
// nothing else is.
func TestKilled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	child := faulttest.Command(killedVariable, path)
	output, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	var said string
	_, err = fmt.Fscanln(output, &said)
	_ = child.Process.Kill()
	_ = child.Wait()
	if err != nil || said != "claimed" {
		t.Fatalf("the process says %q, %v", said, err)
	}
	store, err := bolt.Open(path, 0, deliver.Observer{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	deliveries, err := store.Claim(ctx, "app", 3)
	if err != nil || len(deliveries) != 1 || deliveries[0].Record.ID != "cut-short" || deliveries[0].Attempts != 0 {
		t.Fatalf("within 5 s %d are due, %v", len(deliveries), err)
	}
}
