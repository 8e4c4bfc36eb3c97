package history

import (
	"errors"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/archive"
)

// Each selector chooses by what it names, and one that cannot be understood is an error:
// a typing mistake must not choose more than was meant.
func TestFilterOf(t *testing.T) {
	record := &archive.Record{
		Summary: archive.Summary{
			Ref: "01-ref", ID: "evt_1", Provider: "stripe", Endpoint: "/stripe", Tenant: "acme", Event: "invoice.paid",
			Outcome: "accepted", Status: 202, Received: time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC),
			Later: []archive.Note{{Outcome: archive.Dead, Status: 503}},
		},
		Head: []byte("POST /stripe HTTP/1.1\r\nHost: example.com\r\nContent-Type: application/json\r\nContent-Length: 14\r\n\r\n"),
		Body: []byte(`{"total":4200}`),
	}
	for query, want := range map[string]bool{
		"":                           true,
		"ref=01-ref":                 true,
		"ref=02-ref&ref=01-ref":      true,
		"ref=02-ref":                 false,
		"id=evt_1":                   true,
		"id=evt_2":                   false,
		"provider=github":            false,
		"endpoint=/stripe":           true,
		"tenant=globex":              false,
		"event=invoice.*":            true,
		"event=charge.*":             false,
		"outcome=accepted":           true,
		"outcome=dead":               true,
		"outcome=resent":             false,
		"status=202":                 true,
		"status=2xx":                 true,
		"status=503":                 true,
		"status=5xx":                 true,
		"status=500":                 false,
		"status=4xx":                 false,
		"refused=false":              true,
		"refused=true":               false,
		"since=2026-01-31T12:00:00Z": true,
		"until=2026-01-31T12:00:00Z": false,
		"where=body.total > 100":     true,
		"where=body.total > 9000":    false,
		"where=body.absent.name > 1": false,
		"text=4200":                  true,
		"text=evt_1":                 true,
		"text=nothing":               false,
	} {
		values, err := url.ParseQuery(strings.ReplaceAll(query, " ", "+"))
		if err != nil {
			t.Fatal(err)
		}
		filter, err := filterOf(values)
		if err != nil {
			t.Errorf("%s: %v", query, err)
			continue
		}
		if got := filter.Selects(&record.Summary) && (filter.Examine == nil || filter.Examine(record)); got != want {
			t.Errorf("%s chooses it: %t, want %t", query, got, want)
		}
	}
	for _, query := range []string{
		"id=", "id=a&id=b", "outcome=acepted", "status=600", "status=6xx", "status=5", "status=5x", "status=xx", "refused=perhaps",
		"since=yesterday", "until=1", "where=body.", "limit=0", "limit=1001", "limit=all", "evnt=push",
	} {
		values, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := filterOf(values); !errors.Is(err, errQuery) {
			t.Errorf("%s: %v, want a wrong query", query, err)
		}
	}
}

// A change says what it changes.
func TestChangeSelectsSomething(t *testing.T) {
	for query, ok := range map[string]bool{
		"": false, "all=true": true, "all=false": false, "all=true&id=1": false, "id=1": true, "id=1&limit=5": false, "id=1&before=1": false,
	} {
		values, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := changeFilter(values); (err == nil) != ok {
			t.Errorf("%q: %v", query, err)
		}
	}
}

// Selectors in a body are those of the query; an empty list does not choose everything.
func TestSelectorsInTheBody(t *testing.T) {
	for body, want := range map[string]string{
		`{"id":"1"}`: "id=1", `{"ref":["1","2"]}`: "ref=1&ref=2", ``: "", `{"ref":[]}`: "error", `{"id":1}`: "error", `[]`: "error",
	} {
		values, err := selectorsOf(httptest.NewRequest("POST", "/webhooks/events/search", strings.NewReader(body)))
		if got := values.Encode(); (want == "error") != (err != nil) || err == nil && got != want {
			t.Errorf("%s: %s, %v", body, got, err)
		}
	}
}
