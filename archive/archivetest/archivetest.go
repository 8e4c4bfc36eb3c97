// Package archivetest holds engines of archives to what package archive says.
package archivetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/archive"
)

// Run tests an engine. Each call of open gets a place of its own, and opens what is there.
func Run(t *testing.T, open func(t *testing.T, place string) archive.Archive) {
	for name, test := range map[string]func(*testing.T, *trial){
		"a record is as it was":        returnsWhole,
		"the last come first":          listsInOrder,
		"a list goes on":               pages,
		"selectors":                    selects,
		"the request is looked at":     examines,
		"what became of it":            notes,
		"refused ones are there":       keepsRefused,
		"purged ones are gone":         purges,
		"it is there after a restart":  reopens,
		"what is closed answers so":    closes,
		"a query can be broken off":    cancels,
		"what is not there is unknown": misses,
	} {
		t.Run(name, func(t *testing.T) {
			place := t.TempDir()
			tr := &trial{T: t, open: func() archive.Archive { return open(t, place) }}
			tr.Archive = tr.open()
			test(t, tr)
			if !tr.closed {
				tr.close()
			}
		})
	}
}

// trial is an archive that is being tested.
type trial struct {
	*testing.T
	archive.Archive
	open   func() archive.Archive
	closed bool
}

func (tr *trial) close() {
	tr.Helper()
	tr.closed = true
	if err := tr.Close(); err != nil {
		tr.Errorf("closing: %v", err)
	}
}

// start is when the first record was received.
var start = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

// Made returns a record with a number: of the id evt_1, received a second after start.
func Made(number int) *archive.Record {
	body := fmt.Sprintf(`{"number":%d,"email":"%d@example.com"}`, number, number)
	return &archive.Record{
		Summary: archive.Summary{
			Ref: archive.NewRef(), Received: start.Add(time.Duration(number) * time.Second),
			Provider: "stripe", Endpoint: "/stripe", Event: "invoice.paid", ID: fmt.Sprintf("evt_%d", number),
			Outcome: "accepted", Status: 200, Duration: time.Millisecond, Scheme: "https", Host: "hooks.example.com",
			Method: "POST", URI: "/stripe", Proto: "HTTP/1.1", Size: len(body),
		},
		Head: fmt.Appendf(nil, "POST /stripe HTTP/1.1\r\nHost: hooks.example.com\r\nContent-Length: %d\r\n\r\n", len(body)),
		Body: []byte(body),
	}
}

// fill appends records with the numbers from 1 on.
func (tr *trial) fill(count int) []*archive.Record {
	var all []*archive.Record
	for number := 1; number <= count; number++ {
		record := Made(number)
		all = append(all, record)
		tr.Append(record)
	}
	return all
}

// ids lists what a filter selects, of as many pages as it takes.
func (tr *trial) ids(filter archive.Filter) string {
	tr.Helper()
	if filter.Limit == 0 {
		filter.Limit = 100
	}
	var ids []string
	for {
		page, err := tr.Query(tr.Context(), &filter)
		if err != nil {
			tr.Fatalf("%+v: %v", filter, err)
		}
		if len(page.Records) > filter.Limit {
			tr.Fatalf("a page has %d records, the limit is %d", len(page.Records), filter.Limit)
		}
		for _, record := range page.Records {
			ids = append(ids, strings.TrimPrefix(record.ID, "evt_"))
		}
		if filter.Before = page.Next; page.Next == "" {
			return strings.Join(ids, " ")
		}
		if len(page.Records) == 0 {
			tr.Fatalf("an empty page is not the last one")
		}
	}
}

func (tr *trial) wantIDs(filter archive.Filter, want string) {
	tr.Helper()
	if got := tr.ids(filter); got != want {
		tr.Errorf("it selects %q, want %q", got, want)
	}
}

func returnsWhole(t *testing.T, tr *trial) {
	want := Made(1)
	want.Tenant, want.Detail, want.Route, want.FormField, want.Redacted = "acme", "d", "on 1", "payload", true
	want.Body = []byte("\r\n\r\n\x00\xff not text")
	tr.Append(want)
	got, err := tr.Get(t.Context(), want.Ref)
	if err != nil {
		t.Fatal(err)
	}
	if string(got.Request()) != string(want.Head)+string(want.Body) || string(got.Body) != string(want.Body) {
		t.Errorf("the request is %q", got.Request())
	}
	if got, want := fmt.Sprintf("%+v", got.Summary), fmt.Sprintf("%+v", want.Summary); got != want {
		t.Errorf("the summary is\n%s, want\n%s", got, want)
	}
}

func listsInOrder(_ *testing.T, tr *trial) {
	tr.fill(5)
	tr.wantIDs(archive.Filter{}, "5 4 3 2 1")
}

func pages(t *testing.T, tr *trial) {
	tr.fill(7)
	tr.wantIDs(archive.Filter{Limit: 3}, "7 6 5 4 3 2 1")
	tr.wantIDs(archive.Filter{Limit: 7}, "7 6 5 4 3 2 1")
	page, err := tr.Query(t.Context(), &archive.Filter{Limit: 2})
	if err != nil {
		t.Fatal(err)
	}
	tr.Append(Made(8)) // does not come on a later page
	tr.wantIDs(archive.Filter{Limit: 2, Before: page.Next}, "5 4 3 2 1")
	if _, err := tr.Query(t.Context(), &archive.Filter{Limit: 2, Before: "nonsense"}); !errors.Is(err, archive.ErrCursor) {
		t.Errorf("a cursor that is none: %v", err)
	}
}

func selects(_ *testing.T, tr *trial) {
	other := Made(6)
	other.Tenant, other.Endpoint, other.Provider, other.Outcome, other.Event = "acme", "/other", "github", "unrouted", "push"
	tr.fill(5)
	tr.Append(other)
	for _, c := range []struct {
		filter archive.Filter
		want   string
	}{
		{archive.Filter{ID: "evt_3"}, "3"},
		{archive.Filter{ID: "evt_33"}, ""},
		{archive.Filter{Tenant: "acme"}, "6"},
		{archive.Filter{Endpoint: "/other"}, "6"},
		{archive.Filter{Provider: "stripe"}, "5 4 3 2 1"},
		{archive.Filter{Outcome: "unrouted"}, "6"},
		{archive.Filter{Since: start.Add(4 * time.Second)}, "6 5 4"},
		{archive.Filter{Until: start.Add(4 * time.Second)}, "3 2 1"},
		{archive.Filter{Since: start.Add(2 * time.Second), Until: start.Add(4 * time.Second), ID: "evt_2"}, "2"},
		{archive.Filter{Match: func(s *archive.Summary) bool { return s.Event == "push" }}, "6"},
	} {
		tr.wantIDs(c.filter, c.want)
	}
}

func examines(t *testing.T, tr *trial) {
	tr.fill(4)
	third := func(r *archive.Record) bool { return strings.Contains(string(r.Body), `"number":3`) }
	tr.wantIDs(archive.Filter{Examine: third}, "3")
	page, err := tr.Query(t.Context(), &archive.Filter{Examine: third, Requests: true, Limit: 1})
	if err != nil || len(page.Records) != 1 || !strings.Contains(string(page.Records[0].Body), "3@example.com") {
		t.Errorf("the request is %v, %v", page, err)
	}
	page, err = tr.Query(t.Context(), &archive.Filter{Limit: 1})
	if err != nil || page.Records[0].Body != nil || page.Records[0].Head != nil {
		t.Errorf("there is a request that nobody wants: %v, %v", page, err)
	}
}

func notes(t *testing.T, tr *trial) {
	all := tr.fill(3)
	tr.Note(&archive.Note{Ref: all[0].Ref, At: start, Outcome: archive.Dead, Destination: "orders", Attempts: 8, Status: 500})
	tr.fill(1) // between them
	tr.Note(&archive.Note{Ref: all[0].Ref, At: start.Add(time.Hour), Outcome: archive.Delivered, Destination: "orders", Attempts: 9, Status: 200})
	tr.Note(&archive.Note{Ref: all[1].Ref, At: start, Outcome: archive.Delivered})
	tr.wantIDs(archive.Filter{Outcome: archive.Dead}, "1")
	tr.wantIDs(archive.Filter{Outcome: archive.Delivered}, "2 1")
	tr.wantIDs(archive.Filter{Outcome: archive.Delivered, Limit: 1}, "2 1")
	record, err := tr.Get(t.Context(), all[0].Ref)
	if err != nil || len(record.Later) != 2 || record.Later[0].Outcome != archive.Dead || record.Later[1].Attempts != 9 ||
		!record.Later[1].At.Equal(start.Add(time.Hour)) || record.Later[0].Ref != "" {
		t.Errorf("what became of it is %+v, %v", record, err)
	}
}

func keepsRefused(_ *testing.T, tr *trial) {
	refused := Made(2)
	refused.Refused, refused.Outcome = true, "bad_signature"
	tr.Append(Made(1))
	tr.Append(refused)
	tr.Append(Made(3))
	tr.wantIDs(archive.Filter{}, "3 2 1")
	tr.wantIDs(archive.Filter{Limit: 1}, "3 2 1")
	tr.wantIDs(archive.Filter{Outcome: "bad_signature"}, "2")
	tr.Note(&archive.Note{Ref: refused.Ref, At: start, Outcome: archive.Resent, Status: 200})
	tr.wantIDs(archive.Filter{Outcome: archive.Resent}, "2")
	if got, err := tr.Get(tr.Context(), refused.Ref); err != nil || !got.Refused || len(got.Later) != 1 {
		tr.Errorf("it is %+v, %v", got, err)
	}
}

func purges(t *testing.T, tr *trial) {
	all := tr.fill(5)
	refused := Made(2)
	refused.Refused = true
	tr.Append(refused)
	tr.Note(&archive.Note{Ref: all[1].Ref, At: start, Outcome: archive.Delivered})
	count, err := tr.Purge(t.Context(), &archive.Filter{Limit: 1, Examine: func(r *archive.Record) bool {
		return slices.Contains([]string{"evt_2", "evt_4"}, r.ID)
	}})
	if err != nil || count != 3 {
		t.Errorf("%d are purged, %v; want 3", count, err)
	}
	tr.wantIDs(archive.Filter{}, "5 3 1")
	if _, err := tr.Get(t.Context(), all[1].Ref); !errors.Is(err, archive.ErrNotFound) {
		t.Errorf("a purged one: %v", err)
	}
	if count, err := tr.Purge(t.Context(), &archive.Filter{ID: "evt_4"}); count != 0 || err != nil {
		t.Errorf("purged again: %d, %v", count, err)
	}
	tr.Append(Made(6))
	tr.wantIDs(archive.Filter{}, "6 5 3 1")
	if count, err := tr.Purge(t.Context(), &archive.Filter{}); count != 4 || err != nil {
		t.Errorf("all are purged: %d, %v", count, err)
	}
	tr.wantIDs(archive.Filter{}, "")
}

func reopens(_ *testing.T, tr *trial) {
	all := tr.fill(3)
	tr.Note(&archive.Note{Ref: all[0].Ref, At: start, Outcome: archive.Delivered})
	tr.close()
	tr.Archive = tr.open()
	defer tr.close()
	tr.Append(Made(4))
	tr.Note(&archive.Note{Ref: all[2].Ref, At: start, Outcome: archive.Dead})
	tr.wantIDs(archive.Filter{Limit: 2}, "4 3 2 1")
	tr.wantIDs(archive.Filter{Outcome: archive.Delivered}, "1")
	tr.wantIDs(archive.Filter{Outcome: archive.Dead}, "3")
}

func closes(t *testing.T, tr *trial) {
	tr.close()
	tr.Append(Made(1))
	tr.Note(&archive.Note{Ref: archive.NewRef(), Outcome: archive.Dead})
	if _, err := tr.Query(t.Context(), &archive.Filter{Limit: 1}); !errors.Is(err, archive.ErrClosed) {
		t.Errorf("a query: %v", err)
	}
	if _, err := tr.Get(t.Context(), archive.NewRef()); !errors.Is(err, archive.ErrClosed) {
		t.Errorf("a look-up: %v", err)
	}
	if _, err := tr.Purge(t.Context(), &archive.Filter{}); !errors.Is(err, archive.ErrClosed) {
		t.Errorf("a purge: %v", err)
	}
}

func cancels(t *testing.T, tr *trial) {
	tr.fill(3)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := tr.Query(ctx, &archive.Filter{Limit: 1}); !errors.Is(err, context.Canceled) {
		t.Errorf("a query: %v", err)
	}
}

func misses(t *testing.T, tr *trial) {
	tr.fill(1)
	for _, ref := range []string{archive.NewRef(), "", "../x", "evt_1"} {
		if _, err := tr.Get(t.Context(), ref); !errors.Is(err, archive.ErrNotFound) {
			t.Errorf("%q: %v", ref, err)
		}
	}
}
