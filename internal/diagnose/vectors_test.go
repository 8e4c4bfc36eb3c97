package diagnose_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/internal/diagnose"
)

// vector is a request that somebody else published, with its key.
type vector struct {
	Name     string            `json:"name"`
	Provider string            `json:"provider"`
	Method   string            `json:"method"`
	URL      string            `json:"url"`
	Headers  map[string]string `json:"headers"`
	Body     string            `json:"body"`
	Key      json.RawMessage   `json:"key"`
	Now      json.RawMessage   `json:"now"`
	Valid    bool              `json:"valid"`
}

func vectors(t testing.TB) []vector {
	t.Helper()
	data, err := os.ReadFile("../../testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var list []vector
	if err := json.Unmarshal(data, &list); err != nil {
		t.Fatal(err)
	}
	return list
}

func (v *vector) input(t testing.TB) (*diagnose.Request, *diagnose.Input) {
	t.Helper()
	target, err := url.Parse(v.URL)
	if err != nil {
		t.Fatal(err)
	}
	target.Scheme = "" // as in a captured request
	r := &diagnose.Request{Method: v.Method, URL: target, Header: http.Header{}, Body: []byte(v.Body), Received: time.Now()}
	for name, value := range v.Headers {
		r.Header.Set(name, value)
	}
	key := string(v.Key)
	_ = json.Unmarshal(v.Key, &key) // a JWK stays as it is
	return r, &diagnose.Input{Secrets: []string{key}}
}

// at is the time at which the vector is to be checked.
func (v *vector) at() time.Time {
	if seconds, err := strconv.ParseInt(string(v.Now), 10, 64); err == nil {
		return time.Unix(seconds, 0)
	}
	var at time.Time
	if json.Unmarshal(v.Now, &at) != nil {
		return time.Now()
	}
	return at
}

// notBuiltin are the providers of vectors that stand for schemes of anybody.
var notBuiltin = []string{"generic-hmac", "token", "basic", "jwt"}

// foundAllTheSame are vectors that a receiver must refuse, though their codes
// are right: what is wrong is their time, or where the code stands.
var foundAllTheSame = map[string]string{
	"slack/docs-example-stale":  "slack",
	"jwt/rfc7515-hs256-expired": "custom",
	"stripe/only-v0":            "stripe-own",
	"x/convoy-no-prefix":        "twitter",
}

// notFound are vectors that nothing accounts for.
var notFound = []string{"github/docs-example-body-changed", "twitch/other-id", "gitlab/token-wrong", "stripe/empty-header"}

func TestVectors(t *testing.T) {
	for _, v := range vectors(t) {
		if _, wanted := foundAllTheSame[v.Name]; !v.Valid && !wanted && !slices.Contains(notFound, v.Name) {
			continue // to search in vain takes seconds
		}
		t.Run(v.Name, func(t *testing.T) {
			r, in := v.input(t)
			d, err := diagnose.Find(r, in)
			if err != nil {
				t.Fatal(err)
			}
			f := d.Finding
			switch {
			case f == nil && v.Valid:
				t.Errorf("not found: %q", d.Notes())
			case f != nil && !v.Valid && foundAllTheSame[v.Name] != f.Provider:
				t.Errorf("found %s %q\n%s", f.Provider, d.Notes(), d.Caddyfile())
			case f == nil || !v.Valid:
			case !slices.Contains(notBuiltin, v.Provider) && f.Provider != v.Provider:
				t.Errorf("found %s, also %q; want %s", f.Provider, f.Also, v.Provider)
			default:
				if outcome := prove(t, d, in.Secrets[0], r, v.at()); outcome != "accepted" && outcome != "handshake" {
					t.Errorf("the proposed configuration refuses it: %s", outcome)
				}
			}
		})
	}
}
