package payload_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
)

// Long arrays, of which the rest is counted before it is decoded, are what they are.
func TestLongArrays(t *testing.T) {
	for _, n := range []int{1, 1023, 1024, 1025, 3000} {
		for _, element := range []string{`{}`, `"a,]"`, `[1,[2]]`, `{"a":[1,2],"b":"x"}`, `null`} {
			long := strings.TrimSuffix(strings.Repeat(element+" , ", n), " , ")
			nested := fmt.Sprintf(`[%s,[%s,{"in":[%s]}],%s]`, long, long, long, long)
			for _, document := range []string{"[" + long + "]", nested, `{"a":[` + long + `],"b":` + nested + `}`} {
				var want any
				if err := json.Unmarshal([]byte(strings.NewReplacer("1", `"1"`, "2", `"2"`).Replace(document)), &want); err != nil {
					t.Fatal(err)
				}
				got, err := payload.Decode([]byte(strings.NewReplacer("1", `"1"`, "2", `"2"`).Replace(document)))
				if err != nil || !reflect.DeepEqual(got, want) {
					t.Errorf("%d of %s: %v", n, element, err)
				}
				for _, end := range []string{"", ",", ",]", "]]", "]}"} {
					if _, err := payload.Decode([]byte(document[:len(document)-1] + end)); err == nil {
						t.Errorf("%d of %s that end in %q are valid", n, element, end)
					}
				}
			}
		}
	}
}

// Lists in lists, each long enough to be counted, are read ahead no more than twice.
func TestLongArraysInEachOther(t *testing.T) {
	document := []byte(strings.Repeat("["+strings.Repeat("0,", 1100), 400) + "0" + strings.Repeat("]", 400))
	if _, err := payload.Decode(document); err != nil {
		t.Error(err)
	}
}

func BenchmarkDecodeLong(b *testing.B) {
	for _, element := range []string{"{}", "1", `{"a":1}`} {
		document := []byte(list(element))
		b.Run(element, func(b *testing.B) {
			b.SetBytes(int64(len(document)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := payload.Decode(document); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
