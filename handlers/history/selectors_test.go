package history

import (
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

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
