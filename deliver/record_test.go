package deliver_test

import (
	"bytes"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/deliver"
)

var stored = deliver.Record{
	Key: "c0ffee", ID: "id-1", Provider: "github", Event: "push",
	Received: time.Date(2026, 11, 25, 12, 0, 0, 5, time.UTC),
	Request:  []byte(`{"method":"POST"}`),
	Body:     []byte(`{"a":1}`),
}

func TestRecordComesBack(t *testing.T) {
	encoded, err := stored.Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := deliver.DecodeRecord(encoded)
	if err != nil || !reflect.DeepEqual(*got, stored) {
		t.Errorf("decoded %+v, %v; want %+v", got, err, stored)
	}
	head, size, err := deliver.DecodeHead(encoded)
	if err != nil || size != len(stored.Body) || head.ID != stored.ID || head.Body != nil {
		t.Errorf("the head is %+v with %d bytes, %v", head, size, err)
	}
	clear(encoded)
	if string(got.Body) != `{"a":1}` {
		t.Error("the decoded record shares memory with what it was decoded from")
	}
}

// Each bit that a disk may flip is noticed, and each byte that it may lose.
func TestRecordChecksum(t *testing.T) {
	encoded, err := stored.Encode()
	if err != nil {
		t.Fatal(err)
	}
	for i := range encoded {
		for bit := range 8 {
			flipped := bytes.Clone(encoded)
			flipped[i] ^= 1 << bit
			if _, err := deliver.DecodeRecord(flipped); !errors.Is(err, deliver.ErrChecksum) {
				t.Fatalf("bit %d of byte %d flipped: %v", bit, i, err)
			}
		}
		if _, err := deliver.DecodeRecord(encoded[:i]); !errors.Is(err, deliver.ErrChecksum) {
			t.Fatalf("cut to %d bytes: %v", i, err)
		}
	}
}

func FuzzDecodeRecord(f *testing.F) {
	encoded, err := stored.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(encoded)
	f.Fuzz(func(t *testing.T, encoded []byte) {
		_, size, headErr := deliver.DecodeHead(encoded)
		r, err := deliver.DecodeRecord(encoded)
		if err == nil && (headErr != nil || size != len(r.Body)) {
			t.Errorf("decodes as a whole, but its head: %d bytes of body, %v", size, headErr)
		}
	})
}

func TestFilter(t *testing.T) {
	at := stored.Received
	entry := deliver.Entry{
		Ref: "1", State: deliver.Dead, Destination: "app", ID: "id-1", Provider: "github", Event: "push", Stored: at,
	}
	for name, test := range map[string]struct {
		filter deliver.Filter
		want   bool
	}{
		"all":         {deliver.Filter{}, true},
		"equal":       {deliver.Filter{State: deliver.Dead, Ref: "1", Destination: "app", ID: "id-1", Provider: "github", Event: "push"}, true},
		"state":       {deliver.Filter{State: deliver.Waiting}, false},
		"ref":         {deliver.Filter{Ref: "2"}, false},
		"destination": {deliver.Filter{Destination: "other"}, false},
		"id":          {deliver.Filter{ID: "id-2"}, false},
		"provider":    {deliver.Filter{Provider: "stripe"}, false},
		"event":       {deliver.Filter{Event: "pull"}, false},
		"since":       {deliver.Filter{Since: at}, true},
		"since later": {deliver.Filter{Since: at.Add(1)}, false},
		"until":       {deliver.Filter{Until: at}, false},
		"until later": {deliver.Filter{Until: at.Add(1)}, true},
	} {
		if got := test.filter.Match(&entry); got != test.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
