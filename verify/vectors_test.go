package verify_test

import (
	"strings"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// vectorConfig describes a provider that is not built in.
type vectorConfig struct {
	Header     string   `json:"header"`
	Prefix     string   `json:"prefix"`
	Hash       string   `json:"hash"`
	Encoding   string   `json:"encoding"`
	Algorithms []string `json:"algorithms"`
	Issuer     string   `json:"issuer"`
}

// vectorAnswer is what a handshake must be answered with, as text.
type vectorAnswer struct {
	Status int    `json:"status"`
	Body   string `json:"body"`
}

func (a *vectorAnswer) check(t *testing.T, result *verify.Result) {
	t.Helper()
	switch {
	case a == nil && result != nil && result.Handshake != nil:
		t.Errorf("it is answered with %+v; want an event", result.Handshake)
	case a == nil:
	case result == nil || result.Handshake == nil:
		t.Errorf("it is not answered; want %+v", a)
	case result.Handshake.Status != a.Status || string(result.Handshake.Body) != a.Body || result.Handshake.ContentType != plainText:
		t.Errorf("it is answered with %+v; want %+v as text", result.Handshake, a)
	}
}

// spec is the description that a vector stands for.
func (v *vector) spec(t *testing.T) *verify.Spec {
	t.Helper()
	c := v.Config
	switch v.Provider {
	case "generic-hmac":
		return &verify.Spec{
			Name: v.Provider, Scheme: "hmac", Hash: c.Hash, Content: verify.Content{{Text: "{body}"}},
			Signature: &verify.Signature{From: []string{"header." + c.Header}, Prefix: c.Prefix, Encoding: c.Encoding},
		}
	case "token":
		return &verify.Spec{Name: v.Provider, Scheme: "token", Token: &verify.Token{From: "header." + c.Header, Prefix: c.Prefix}}
	case "basic":
		return &verify.Spec{Name: v.Provider, Scheme: "basic"}
	case "jwt":
		return &verify.Spec{Name: v.Provider, Scheme: "jwt", JWT: &verify.JWT{Algorithms: c.Algorithms, Issuer: c.Issuer}}
	}
	spec, ok := verify.Builtin(v.Provider)
	if !ok {
		t.Fatalf("there is no provider %s", v.Provider)
	}
	return spec
}

func (v *vector) verifier(t *testing.T) *verify.Verifier {
	t.Helper()
	spec, config := v.spec(t), v.config(t)
	switch {
	case v.Provider == "basic":
		user, password, _ := strings.Cut(config.Secrets[0], ":")
		config = &verify.Config{Basic: []verify.Account{{Username: user, Password: password}}}
	case spec.Scheme == "token", spec.Scheme == "jwt", v.Provider == "generic-hmac":
		config.Tolerance = 0 // they state no time of their own
	}
	verifier, err := verify.New(spec, config)
	if err != nil {
		t.Fatal(err)
	}
	return verifier
}
