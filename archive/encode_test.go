package archive_test

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/archive"
)

// texts are values of which each is written in another way.
var texts = []string{
	"", "plain text", `"quoted" \`, "<a href=&>", "größe 漢字 😀", "\x00\x1f\x7f\n\t", "\xff\xfe", "\u2028 \u2029 \ufffd",
}

// fill sets all fields of a value by a source of chance.
func fill(t *testing.T, to reflect.Value, random *rand.Rand) {
	t.Helper()
	switch value := to.Addr().Interface().(type) {
	case *time.Time:
		zones := []*time.Location{time.UTC, time.FixedZone("", 5*3600+1800), time.FixedZone("", -3600)}
		if *value = (time.Time{}); random.IntN(3) > 0 {
			*value = time.Unix(random.Int64N(4e9), random.Int64N(1e9)).In(zones[random.IntN(len(zones))])
		}
		return
	case *[]archive.Note:
		if *value = nil; random.IntN(3) == 0 {
			*value = []archive.Note{{At: time.Unix(1e9, 0).UTC(), Outcome: archive.Dead, Attempts: 3}}
		}
		return
	}
	switch to.Kind() {
	case reflect.Struct:
		for i := range to.NumField() {
			fill(t, to.Field(i), random)
		}
	case reflect.String:
		to.SetString(texts[random.IntN(len(texts))])
	case reflect.Bool:
		to.SetBool(random.IntN(2) == 0)
	case reflect.Int, reflect.Int64:
		to.SetInt([]int64{0, 1, -1, 200, 1 << 40}[random.IntN(5)])
	default:
		t.Fatalf("a field is of the kind %v, which this test does not know", to.Kind())
	}
}

// A summary is written as encoding/json writes it, whatever is in its fields. A field
// that is forgotten fails here.
func TestAppendJSON(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 5_000 {
		var s archive.Summary
		fill(t, reflect.ValueOf(&s).Elem(), random)
		want, err := json.Marshal(&s)
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.AppendJSON([]byte("before"))
		if err != nil || string(got) != "before"+string(want) {
			t.Fatalf("%+v is\n%s, want\n%s; %v", s, got, want, err)
		}
	}
	if _, err := (&archive.Summary{Received: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}).AppendJSON(nil); err == nil {
		t.Error("a year that RFC 3339 cannot say is no error")
	}
}
