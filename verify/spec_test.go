package verify_test

import (
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

func TestBuiltins(t *testing.T) {
	files, err := filepath.Glob("providers/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no providers: %v", err)
	}
	names := verify.BuiltinNames()
	if !slices.IsSorted(names) {
		t.Errorf("BuiltinNames() is not sorted: %q", names)
	}
	if len(names) != len(files) {
		t.Errorf("%d files are %d providers: do two have the same name?", len(files), len(names))
	}
	goodName := regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			spec, err := verify.ParseSpec(data)
			if err != nil {
				t.Fatal(err)
			}
			if spec.Name+".json" != filepath.Base(file) || !goodName.MatchString(spec.Name) {
				t.Errorf("the name is %q", spec.Name)
			}
			if _, ok := verify.Builtin(spec.Name); !ok {
				t.Error("Builtin does not know it")
			}
			if spec.Title == "" {
				t.Error("it has no title")
			}
			if docs, err := url.Parse(spec.Docs); err != nil || docs.Scheme != "https" || docs.Host == "" {
				t.Errorf("docs is %q", spec.Docs)
			}
			if len(spec.Credentials) == 0 {
				t.Error("it names no credentials")
			}
			for _, list := range [][]string{spec.Events, spec.Credentials, spec.Methods, spec.Sources, spec.Event, spec.ID} {
				if sorted := slices.Sorted(slices.Values(list)); len(slices.Compact(sorted)) != len(list) {
					t.Errorf("something stands twice in %q", list)
				}
			}
			if _, err := verify.Compile(spec); err != nil {
				t.Errorf("Compile: %v", err)
			}
			if config := (&verify.Config{Unverified: true}); config.Check(spec) != nil {
				t.Errorf("Check: %v", config.Check(spec))
			}
			if len(spec.Sources) > 0 {
				config := &verify.Config{Unverified: true, Sources: []string{verify.Published}}
				if err := config.Check(spec); err != nil {
					t.Errorf("its published addresses: %v", err)
				}
			}
		})
	}
}

// A description survives being written to JSON, which is how the Caddyfile
// adapter hands it on.
func TestSpecRoundTrip(t *testing.T) {
	for _, name := range verify.BuiltinNames() {
		spec, _ := verify.Builtin(name)
		written, err := json.Marshal(spec)
		if err != nil {
			t.Fatal(err)
		}
		read, err := verify.ParseSpec(written)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		again, err := json.Marshal(read)
		if err != nil || string(again) != string(written) {
			t.Errorf("%s became %s (%v); it was %s", name, again, err, written)
		}
	}
}

func TestUnknownProvider(t *testing.T) {
	err := verify.UnknownProvider("instalap", []string{"own-shop"})
	if !strings.Contains(err.Error(), "instalap") || !strings.Contains(err.Error(), "did you mean instaleap?") {
		t.Errorf("%v", err)
	}
	if err := verify.UnknownProvider("own-shp", []string{"own-shop"}); !strings.Contains(err.Error(), "did you mean own-shop?") {
		t.Errorf("%v", err)
	}
	if spec, ok := verify.Builtin("instalap"); ok {
		t.Errorf("Builtin found %+v", spec)
	}
}

func TestParseSpecRefuses(t *testing.T) {
	for _, text := range []string{
		``, `[]`, `"x"`, `{`, `{"name":1}`,
		`{"nam":"x"}`,
		`{"signature":{"form":["header.X"]}}`,
		`{"signature":{"list":{"sep":","}}}`,
		`{"timestamp":{"units":"s"}}`,
		`{"content":[{"text":"a","absnt":"drop"}]}`,
		`{"content":7}`,
		`{"timestamp":{"tolerance":"5"}}`,
	} {
		if spec, err := verify.ParseSpec([]byte(text)); err == nil {
			t.Errorf("%s became %+v", text, spec)
		}
	}
}

func TestCompileRefuses(t *testing.T) {
	const signature = `"signature":{"from":["header.X"]}`
	tests := []struct{ name, spec, want string }{
		{"unknown scheme", `{"scheme":"hmacs"}`, "scheme"},
		{"scheme in upper case", `{"scheme":"HMAC"}`, "scheme"},
		{"no content", `{"scheme":"hmac",` + signature + `}`, "content is not set"},
		{"empty list of content", `{"scheme":"hmac","content":[],` + signature + `}`, "content is not set"},
		{"empty content", `{"scheme":"hmac","content":"",` + signature + `}`, "content"},
		{"null for content", `{"scheme":"hmac","content":null,` + signature + `}`, "content"},
		{"content that is the same for all", `{"scheme":"hmac","content":["a","b"],` + signature + `}`, "content"},
		{"signed timestamp that is nowhere", `{"scheme":"hmac","content":"{timestamp}.{body}",` + signature + `}`, "timestamp"},
		{"signed id that is nowhere", `{"scheme":"hmac","content":"{id}.{body}",` + signature + `}`, "id"},
		{"no signature", `{"scheme":"hmac","content":"{body}"}`, "from is not set"},
		{"signature without a place", `{"scheme":"hmac","content":"{body}","signature":{"prefix":"x"}}`, "from is not set"},
		{"signature in an unknown place", `{"scheme":"hmac","content":"{body}","signature":{"from":["cookie.x"]}}`, "unknown field"},
		{"unknown encoding", `{"scheme":"hmac","content":"{body}","signature":{"from":["header.X"],"encoding":"base32"}}`, "encoding"},
		{"list without a separator", `{"scheme":"hmac","content":"{body}","signature":{"from":["header.X"],"list":{"assign":"="}}}`, "separator"},
		{"timestamp tag without a list", `{"scheme":"hmac","content":"{body}",` + signature + `,"timestamp":{"tag":"t"}}`, "tag needs"},
		{"timestamp tag without tags", `{"scheme":"hmac","content":"{body}","signature":{"from":["header.X"],"list":{"separator":","}},"timestamp":{"tag":"t"}}`, "tag needs"},
		{"unknown hash", `{"scheme":"hmac","hash":"md5","content":"{body}",` + signature + `}`, "hash"},
		{"unknown key", `{"scheme":"hmac","key":"rot13","content":"{body}",` + signature + `}`, "key"},
		{"digest without the key", `{"scheme":"digest","content":"{body}",` + signature + `}`, "{key}"},
		{"unknown unit", `{"timestamp":{"unit":"h"}}`, "unit"},
		{"tolerance without a timestamp", `{"timestamp":{"tolerance":"5m"}}`, "tolerance"},
		{"unknown word for absent", `{"content":[{"text":"{id}","absent":"skip"}]}`, "absent"},
		{"unknown field", `{"content":"{cookie.x}"}`, "unknown field"},
		{"field without a name", `{"content":"{header.}"}`, "unknown field"},
		{"field without braces", `{"content":"{}"}`, "unknown field"},
		{"path with an empty part", `{"content":"{body.a..b}"}`, "empty part"},
		{"open brace", `{"content":"a{body"}`, "closing brace"},
		{"empty event", `{"event":[""]}`, "event"},
		{"event with an unknown field", `{"event":["{cookie.x}"]}`, "event"},
		{"id that is itself", `{"id":["{id}"]}`, "id"},
		{"timestamp that is itself", `{"timestamp":{"from":["timestamp"]}}`, "timestamp"},
		{"empty expression", `{"event":["body.x","="]}`, "event"},
		{"two expressions", `{"id":["=a","=b"]}`, "id"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			spec, err := verify.ParseSpec([]byte(test.spec))
			if err != nil {
				t.Fatal(err)
			}
			if _, err = verify.Compile(spec); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("Compile: %v; want %q", err, test.want)
			}
		})
	}
}

// A provider's other name means the same description, and is not listed.
func TestOtherNames(t *testing.T) {
	spec, ok := verify.Builtin("instaleap-chat-v3")
	if !ok || spec.Name != "instaleap-chat" {
		t.Errorf("instaleap-chat-v3 is %+v", spec)
	}
	if slices.Contains(verify.BuiltinNames(), "instaleap-chat-v3") {
		t.Error("instaleap-chat-v3 is listed")
	}
}
