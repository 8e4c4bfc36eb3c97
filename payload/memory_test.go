package payload_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
)

// ledger is a Memory of a size.
type ledger struct{ size, held, most int64 }

var errNoRoom = errors.New("no room")

func (l *ledger) Charge(bytes int64) error {
	if bytes > 0 && l.held+bytes > l.size {
		return errNoRoom
	}
	l.held += bytes
	l.most = max(l.most, l.held)
	return nil
}

// swollen are payloads of about 256 KiB that take many times as much in memory.
var swollen = map[string]string{
	"empty objects":  list(`{}`),
	"empty arrays":   list(`[]`),
	"small objects":  list(`{"a":1}`),
	"small arrays":   list(`[1]`),
	"nested arrays":  list(`[[[[]]],[{}]]`),
	"numbers":        list(`1`),
	"fractions":      list(`0.5`),
	"long numbers":   list(`1234567890123456789012`),
	"words":          list(`null`),
	"short texts":    list(`"a"`),
	"escaped texts":  list(`"\u00e9"`),
	"a long text":    `"` + strings.Repeat("x", 1<<18) + `"`,
	"deep":           strings.Repeat(`[`, 9_000) + strings.Repeat(`]`, 9_000),
	"deep objects":   strings.Repeat(`{"a":`, 9_000) + `1` + strings.Repeat(`}`, 9_000),
	"many names":     `{` + members(1<<14) + `"a":1}`,
	"mixed":          `{"items":` + list(`{"id":"x","tags":[],"price":1.5}`) + `}`,
	"eight members":  list(`{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1}`),
	"nine members":   list(`{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"i":1}`),
	"objects within": list(`{"a":{"a":{"a":{}}}}`),
}

func list(element string) string {
	return `[` + strings.Repeat(element+`,`, (1<<18)/(len(element)+1)) + element + `]`
}

func members(n int) string {
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, `"_%x":%d,`, i, i)
	}
	return text.String()
}

// heap is how much is in use.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc) //nolint:gosec // less than the machine has
}

// What is decoded counts for what it really takes, until it is dropped.
func TestDecodedValuesCount(t *testing.T) {
	forms := map[string]string{
		"form of values": strings.Repeat("a=b&", 9_000),
		"form":           "a=" + strings.Repeat("%7B", 1<<16),
	}
	for i := range 9_000 {
		forms["form of many names"] += fmt.Sprintf("%x&", i)
	}
	check := func(name, document, contentType string) {
		memory := &ledger{size: 1 << 40}
		body := payload.New([]byte(document), contentType, "")
		body.SetMemory(memory)
		before := heap()
		if _, err := body.Value(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		takes := heap() - before
		if memory.held < takes-takes/heapSlack-4096 || memory.held > 4*takes+1<<16 || memory.most < memory.held {
			t.Errorf("%s: %d are counted, %d at most, for %d of %d", name, memory.held, memory.most, takes, len(document))
		}
		counted := memory.held
		if _, _ = body.Value(); memory.held != counted {
			t.Errorf("%s: what is decoded already counts again", name)
		}
		for range 2 {
			if body.Drop(); memory.held != 0 {
				t.Errorf("%s: %d count after they were dropped", name, memory.held)
			}
		}
		if _, _ = body.Value(); memory.held != counted {
			t.Errorf("%s: decoded anew it counts %d, before %d", name, memory.held, counted)
		}
	}
	for name, document := range swollen {
		check(name, document, "application/json")
	}
	for name, form := range forms {
		check(name, form, "application/x-www-form-urlencoded")
	}
}

// Where there is no room, nothing is decoded beyond it, and nothing stays counted.
func TestDecodedValuesAreRefused(t *testing.T) {
	for name, document := range swollen {
		plenty := &ledger{size: 1 << 40}
		body := payload.New([]byte(document), "application/json", "")
		body.SetMemory(plenty)
		if _, err := body.Value(); err != nil {
			t.Fatal(err)
		}
		for _, size := range []int64{0, 100, plenty.held / 3, plenty.held - 1} {
			memory := &ledger{size: size}
			body := payload.New([]byte(document), "application/json", "")
			body.SetMemory(memory)
			if value, err := body.Value(); !errors.Is(err, errNoRoom) || value != nil || memory.held != 0 {
				t.Errorf("%s within %d: %T, %v, %d are still counted", name, size, value, err, memory.held)
			}
		}
	}
}

// A path that is looked up keeps nothing, and what is computed of one counts.
func TestPathsCount(t *testing.T) {
	memory := &ledger{size: 1 << 40}
	body := payload.New([]byte(swollen["mixed"]), "application/json", "")
	body.SetMemory(memory)
	finder := new(payload.Finder)
	if text, err := body.Lookup(finder, "items"); err != nil || len(text) < 1<<17 || memory.held != 0 || memory.most == 0 {
		t.Errorf("looked up: %d bytes, %v, %d are counted", len(text), err, memory.held)
	}
	chain := payload.NewChain([]payload.Step{{Name: "items"}})
	if _, err := body.Follow(finder, chain); err != nil || memory.held < 1<<18 {
		t.Errorf("followed: %v, %d are counted", err, memory.held)
	}
	body.Drop()
	if _, err := body.Follow(finder, chain); err != nil || memory.held < 1<<18 {
		t.Errorf("followed again: %v, %d are counted", err, memory.held)
	}
	if body.Drop(); memory.held != 0 {
		t.Errorf("%d are counted after they were dropped", memory.held)
	}
	memory.size = 1 << 10
	if _, err := body.Lookup(finder, "items"); !errors.Is(err, errNoRoom) {
		t.Errorf("looked up without room: %v", err)
	}
	if _, err := body.Follow(finder, chain); !errors.Is(err, errNoRoom) || memory.held != 0 {
		t.Errorf("followed without room: %v", err)
	}
}
