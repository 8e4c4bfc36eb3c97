package verify_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// recordedKinds are the configurations that credentials.json stands for, each
// with one kind of credentials.
func recordedKinds(t *testing.T, file string) map[string]*verify.Config {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var credentials struct {
		Secret      string   `json:"secret"`
		Token       string   `json:"token"`
		TokenHeader []string `json:"token_header"`
		Basic       string   `json:"basic"`
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&credentials); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	kinds := make(map[string]*verify.Config)
	if credentials.Secret != "" {
		kinds["secret"] = &verify.Config{Secrets: []string{credentials.Secret}}
	}
	if credentials.Token != "" {
		kinds["token"] = &verify.Config{Tokens: []string{credentials.Token}}
	}
	if len(credentials.TokenHeader) > 0 {
		config := new(verify.Config)
		for _, header := range credentials.TokenHeader {
			name, value, _ := strings.Cut(header, "=")
			config.TokenHeaders = append(config.TokenHeaders, verify.TokenHeader{Name: name, Values: []string{value}})
		}
		kinds["token_header"] = config
	}
	if user, password, ok := strings.Cut(credentials.Basic, ":"); ok {
		kinds["basic"] = &verify.Config{Basic: []verify.Account{{Username: user, Password: password}}}
	}
	for _, config := range kinds {
		config.Tolerance = verify.Off // the times are those of the documentation
	}
	return kinds
}

// recorded reads a whole request from a file.
func recorded(t *testing.T, file string) hook {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	reader := bufio.NewReader(bytes.NewReader(data))
	request, err := http.ReadRequest(reader)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(request.Body)
	if err != nil || int64(len(body)) != request.ContentLength {
		t.Fatalf("the body has %d bytes, not %d: %v", len(body), request.ContentLength, err)
	}
	if rest, _ := io.ReadAll(reader); len(rest) > 0 {
		t.Fatalf("%d bytes follow the body", len(rest))
	}
	return hook{
		method: request.Method,
		url:    "https://" + request.Host + request.URL.RequestURI(),
		header: request.Header,
		body:   string(body),
	}
}

// Which kind of credentials accepts a request follows from its file's name;
// testdata/README.md says how.
func TestRecordedRequests(t *testing.T) {
	byName := map[string][]string{
		"signed": {"secret"}, "unsigned": {"secret"}, "token": {"token", "token_header"},
		"header": {"token_header"}, "basic": {"basic"},
	}
	files, err := filepath.Glob("../testdata/*/requests/*.http")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recorded requests: %v", err)
	}
	accepted := make(map[string]bool) // provider and kind
	for _, file := range files {
		folder := filepath.Dir(file)
		provider := filepath.Base(filepath.Dir(folder))
		name := strings.TrimSuffix(filepath.Base(file), ".http")
		t.Run(provider+"/"+name, func(t *testing.T) {
			var by []string
			for kind, config := range recordedKinds(t, filepath.Join(folder, "credentials.json")) {
				_, refused := recorded(t, file).send(t, builtin(t, provider, config))
				if refused == "" {
					by = append(by, kind)
					accepted[provider+" "+kind] = true
				}
			}
			bad := strings.HasPrefix(name, "tampered") || strings.HasSuffix(name, "-wrong") || strings.HasSuffix(name, "-missing")
			switch {
			case bad && len(by) > 0:
				t.Errorf("accepted with %q; want none", by)
			case !bad && len(by) != 1:
				t.Errorf("accepted with %q; want exactly one kind", by)
			case !bad:
				first, _, _ := strings.Cut(name, "-")
				if kinds, known := byName[first]; known && !strings.Contains(strings.Join(kinds, " "), by[0]) {
					t.Errorf("accepted with %q; want one of %q", by, kinds)
				}
			}
		})
	}
	folders, _ := filepath.Glob("../testdata/*/requests")
	for _, folder := range folders {
		provider := filepath.Base(filepath.Dir(folder))
		for kind := range recordedKinds(t, filepath.Join(folder, "credentials.json")) {
			if !accepted[provider+" "+kind] {
				t.Errorf("%s has no request that is accepted with its %s", provider, kind)
			}
		}
	}
}

// What the samples are called, by the descriptions alone. Expressions are
// evaluated elsewhere.
func TestSampleIdentities(t *testing.T) {
	tests := []struct{ file, event, id string }{
		{"instaleap/sample.json", "ALLOCATED", "5bf7128e-c481-48fe-86fa-d0d52282dde8"},
		{"instaleap-chat/sample.json", "chat.message", ""},
		{"instaleap-chat-v1/sample.json", "chat.message", ""},
		{"detrack-v1/sample.json", "Delivered", ""},
		{"shippify/sample.json", "completed", "1704734828038"},
		{"shippify/custom.json", "completed", ""},
	}
	for _, test := range tests {
		body, err := os.ReadFile("../testdata/" + test.file)
		if err != nil {
			t.Fatal(err)
		}
		provider, _, _ := strings.Cut(test.file, "/")
		result, refused := hook{body: string(body)}.send(t, builtin(t, provider, &verify.Config{Unverified: true}))
		if refused != "" || result.Event != test.event || result.ID != test.id {
			t.Errorf("%s: %+v, %q; want event %q, id %q", test.file, result, refused, test.event, test.id)
		}
	}
}

// vector is a webhook that somebody else published or computed, with what a
// receiver must make of it.
type vector struct {
	Name     string            `json:"name"`
	Provider string            `json:"provider"`
	Source   string            `json:"source"`
	Note     string            `json:"note"`
	Derived  bool              `json:"derived"`  // changed from the published one
	Computed bool              `json:"computed"` // expected value computed by other code
	Method   string            `json:"method"`
	URL      string            `json:"url"`
	Headers  map[string]string `json:"headers"`
	Body     string            `json:"body"`
	Key      json.RawMessage   `json:"key"` // a text, or an object such as a JWK
	Now      json.RawMessage   `json:"now"` // seconds since 1970 or RFC 3339; absent: any time
	Valid    bool              `json:"valid"`
	Config   vectorConfig      `json:"config"`          // of a provider that is not built in
	Answer   *vectorAnswer     `json:"expect_response"` // to a handshake
}

// config is the configuration that knows the vector's key.
func (v *vector) config(t *testing.T) *verify.Config {
	t.Helper()
	key := string(v.Key)
	if key == "" {
		t.Fatal("it has no key")
	}
	var text string
	if json.Unmarshal(v.Key, &text) == nil {
		key = text
	}
	config := &verify.Config{Secrets: []string{key}}
	if v.Now == nil {
		config.Tolerance = verify.Off
	}
	return config
}

// received is the time at which the vector is to be checked.
func (v *vector) received(t *testing.T) time.Time {
	t.Helper()
	var seconds int64
	var at time.Time
	switch {
	case v.Now == nil:
		return now
	case json.Unmarshal(v.Now, &seconds) == nil:
		return time.Unix(seconds, 0)
	}
	if err := json.Unmarshal(v.Now, &at); err != nil {
		t.Fatal(err)
	}
	return at
}

// readVectors are the published webhooks.
func readVectors(t *testing.T) []*vector {
	t.Helper()
	file, err := os.Open("../testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var vectors []*vector
	dec := json.NewDecoder(file)
	dec.DisallowUnknownFields()
	if err := dec.Decode(&vectors); err != nil {
		t.Fatal(err)
	}
	return vectors
}

func TestVectors(t *testing.T) {
	vectors := readVectors(t)
	for _, vector := range vectors {
		t.Run(vector.Name, func(t *testing.T) {
			v := vector.verifier(t)
			h := hook{method: vector.Method, url: vector.URL, header: http.Header{}, body: vector.Body, received: vector.received(t)}
			for name, value := range vector.Headers {
				h.header.Set(name, value)
			}
			result, refused := h.send(t, v)
			if accepted := refused == ""; accepted != vector.Valid {
				t.Errorf("refused for %q; want accepted: %t", refused, vector.Valid)
			}
			vector.Answer.check(t, result)
			if vector.Valid && v.Provider().Coverage() == verify.SignedBody {
				h.body += " "
				if _, refused := h.send(t, v); refused == "" {
					t.Error("accepted with another body")
				}
			}
		})
	}
}
