package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// vector is a webhook that somebody else published, as testdata/vectors.json
// has it.
type vector struct {
	Name, Provider, Method, URL, Body string
	Headers                           map[string]string
	Key, Now                          json.RawMessage
	Valid                             bool
	Config                            struct {
		Header, Prefix, Hash, Encoding, Issuer string
		Algorithms                             []string
	}
	Answer *struct {
		Status int
		Body   string
	} `json:"expect_response"`
}

// onlyLate are vectors that are invalid at their time for being old, and for
// nothing else.
var onlyLate = map[string]bool{"slack/docs-example-stale": true, "jwt/rfc7515-hs256-expired": true}

func readVectors(t *testing.T) []vector {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "vectors.json"))
	if err != nil {
		t.Fatal(err)
	}
	var vectors []vector
	if err := json.Unmarshal(data, &vectors); err != nil {
		t.Fatal(err)
	}
	return vectors
}

// definition is the provider of a vector where it is not built in.
func (v *vector) definition(name string) string {
	var lines []string
	scheme := v.Provider
	switch v.Provider {
	case "generic-hmac":
		scheme = "hmac"
		lines = []string{"hash " + v.Config.Hash, "signature header." + v.Config.Header + " {", "encoding " + v.Config.Encoding, "}", "content {body}"}
	case "token":
		lines = []string{"token header." + v.Config.Header + " {", "}"}
		if v.Config.Prefix != "" {
			lines[0] += "\nprefix " + strconv.Quote(v.Config.Prefix)
		}
	case "basic":
	case "jwt":
		lines = []string{"jwt {", "algorithms " + strings.Join(v.Config.Algorithms, " "), "issuer " + v.Config.Issuer, "}"}
	default:
		return ""
	}
	return fmt.Sprintf("provider %s %s {\n%s\n}\n", name, scheme, strings.Join(lines, "\n"))
}

// credential is the line of the block that gives the key. One that is an
// object stands in a file, because braces are placeholders in a Caddyfile.
func (v *vector) credential(t *testing.T, file string) string {
	t.Helper()
	var key string
	if json.Unmarshal(v.Key, &key) != nil {
		if err := os.WriteFile(file, v.Key, 0o600); err != nil {
			t.Fatal(err)
		}
		key = "{file." + file + "}"
	}
	if user, password, ok := strings.Cut(key, ":"); ok && v.Provider == "basic" {
		return "basic " + strconv.Quote(user) + " " + strconv.Quote(password)
	}
	return "secret " + strconv.Quote(key)
}

// vectorSite has two endpoints for each vector: /off-<n> without a clock window
// and /own-<n> with the provider's own.
func vectorSite(t *testing.T, up *webhooktest.Upstream, vectors []vector) string {
	t.Helper()
	folder := t.TempDir()
	var providers, endpoints strings.Builder
	for i := range vectors {
		v := &vectors[i]
		name := v.Provider
		if definition := v.definition("own-" + strconv.Itoa(i)); definition != "" {
			name = "own-" + strconv.Itoa(i)
			providers.WriteString(definition)
		}
		known, _, _ := strings.Cut(v.URL, "?")
		for path, window := range map[string]string{"/off-": "tolerance off", "/own-": ""} {
			fmt.Fprintf(&endpoints, "handle_webhook %s%d %s {\n%s\npublic_url %s\nmethods GET POST PUT\n%s\notherwise {\nreverse_proxy %s\n}\n}\n",
				path, i, name, v.credential(t, filepath.Join(folder, strconv.Itoa(i))), known, window, up.Addr())
		}
	}
	return "{\nwebhooks {\n" + providers.String() + "}\n}\n" + site(endpoints.String())
}

func (v *vector) send(t *testing.T, srv *webhooktest.Server, path string) webhooktest.Response {
	t.Helper()
	target, err := url.Parse(v.URL)
	if err != nil {
		t.Fatal(err)
	}
	if target.RawQuery != "" {
		path += "?" + target.RawQuery
	}
	lines := []string{"X-Tell: yes"}
	for name, value := range v.Headers {
		lines = append(lines, name+": "+value)
	}
	return srv.Do(srv.NewRequest(v.Method, path, strings.NewReader(v.Body), lines...))
}

// reason is what a vector is refused for by the clock of today; empty where it
// is accepted, a question mark where it only has to be a lack of credentials.
func (v *vector) reason(ownWindow bool) string {
	spec, builtin := verify.Builtin(v.Provider)
	window := builtin && spec.Timestamp != nil && spec.Timestamp.Tolerance > 0
	switch {
	case !v.Valid && !onlyLate[v.Name]:
		return "?"
	case v.Provider == "jwt", ownWindow && window:
		return "stale"
	default:
		return ""
	}
}

// Published webhooks pass through a running Caddy, those that are wrong do
// not. Whatever their time was, it is over, so that they are stale wherever the
// clock counts; at their own time they are checked without a server.
func TestVectorsThroughCaddy(t *testing.T) {
	vectors := readVectors(t)
	up := webhooktest.NewUpstream(t)
	srv := webhooktest.Start(t, vectorSite(t, up, vectors))
	for i := range vectors {
		v := &vectors[i]
		for path, ownWindow := range map[string]bool{"/off-": false, "/own-": true} {
			t.Run(v.Name+path, func(t *testing.T) {
				answer := v.send(t, srv, path+strconv.Itoa(i))
				switch reason := v.reason(ownWindow); {
				case reason == "?":
					if answer.Status != 401 || answer.Body != "<bad_signature>" && answer.Body != "<missing_signature>" && answer.Body != "<bad_token>" {
						t.Errorf("answer is %d %q, want 401 for the credentials", answer.Status, answer.Body)
					}
				case reason != "":
					checkReason(t, answer, 401, reason)
				case v.Answer != nil:
					checkAnswer(t, answer, v.Answer.Status, v.Answer.Body)
					if got := answer.Header.Get("Content-Type"); got != "text/plain; charset=utf-8" || answer.Header.Get("X-Content-Type-Options") != "nosniff" {
						t.Errorf("the answer is sent as %q with %v", got, answer.Header)
					}
				default:
					checkStatus(t, answer, 200)
					if got := up.Only(); string(got.Body) != v.Body || got.Method != v.Method {
						t.Errorf("the upstream got %s with %q, want %s with %q", got.Method, got.Body, v.Method, v.Body)
					}
				}
				up.None()
			})
		}
	}
}

// What is right for one path, query or body is wrong for another, where the
// signature says so.
func TestVectorsChanged(t *testing.T) {
	vectors := readVectors(t)
	up := webhooktest.NewUpstream(t)
	srv := webhooktest.Start(t, vectorSite(t, up, vectors))
	for i, v := range vectors {
		spec, builtin := verify.Builtin(v.Provider)
		if !v.Valid || v.Answer != nil || !builtin {
			continue
		}
		provider, err := verify.Compile(spec)
		if err != nil {
			t.Fatal(err)
		}
		path := "/off-" + strconv.Itoa(i)
		t.Run(v.Name, func(t *testing.T) {
			if provider.Coverage() == verify.SignedBody {
				changed := v
				changed.Body += " "
				checkReason(t, changed.send(t, srv, path), 401, "bad_signature")
			}
			if provider.Signs("query.a") {
				changed := v
				changed.URL += map[bool]string{true: "&a=b", false: "?a=b"}[strings.Contains(v.URL, "?")]
				checkReason(t, changed.send(t, srv, path), 401, "bad_signature")
			}
			up.None()
		})
	}
}

// A JSON Web Key looks like a placeholder. Written as it is, it works or is
// refused, and does not end up in an error either way.
func TestKeyInBraces(t *testing.T) {
	const key = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"
	config := "{\nwebhooks {\nprovider own jwt {\njwt {\nalgorithms HS256\n}\n}\n}\n}\n" +
		"http://:0 {\nhandle_webhook own `{\"kty\":\"oct\",\"k\":\"" + key + "\"}` {\notherwise {\nrespond 204\n}\n}\n}\n"
	if err := webhooktest.Validate(t, config); err != nil && strings.Contains(err.Error(), key) {
		t.Errorf("the error shows the key: %v", err)
	}
}
