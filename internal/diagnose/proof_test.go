package diagnose_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/caddyconfig"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/caddy-webhooks/caddy-webhooks" // its directives
	"github.com/caddy-webhooks/caddy-webhooks/internal/diagnose"
	"github.com/caddy-webhooks/caddy-webhooks/internal/simulate"
)

// prove runs a request through the configuration that a diagnosis proposes,
// and returns how it ends.
func prove(t testing.TB, d *diagnose.Diagnosis, secret string, r *diagnose.Request, at time.Time) string {
	t.Helper()
	text := d.Caddyfile()
	if strings.Contains(text, secret) && len(secret) > 6 {
		t.Errorf("the configuration shows the secret:\n%s", text)
	}
	site := strings.Index(text, "handle_webhook")
	text = text[:site] + "http://" + r.URL.Host + " {\n" + text[site:] + "}\n"
	adapted, warnings, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(text), nil)
	if err != nil {
		t.Fatalf("it cannot be adapted: %v\n%s", err, text)
	}
	for _, warning := range warnings {
		if !strings.Contains(warning.Message, "not formatted") {
			t.Errorf("warning: %s\n%s", warning.Message, text)
		}
	}
	name := strings.ToUpper(strings.ReplaceAll(d.Finding.Provider, "-", "_"))
	user, password, _ := strings.Cut(secret, ":")
	for variable, value := range map[string]string{"_SECRET": secret, "_USER": user, "_PASSWORD": password} {
		if value != "" {
			t.Setenv(name+variable, value)
		}
	}
	s, err := simulate.New(adapted)
	if err != nil {
		t.Fatalf("it cannot be provisioned: %v\n%s", err, text)
	}
	defer s.Close()
	request := httptest.NewRequest(r.Method, r.URL.RequestURI(), bytes.NewReader(r.Body))
	request.Host = r.URL.Host
	request.Header = make(http.Header)
	for header, values := range r.Header {
		request.Header[header] = values
	}
	trace, err := s.Run(request, at)
	if err != nil {
		t.Fatal(err)
	}
	switch {
	case !trace.Accepted():
		t.Logf("%s", text)
	case trace.Outcome() == "unreadable":
		return "accepted" // the payloads of some vectors are no JSON
	}
	return trace.Outcome()
}
