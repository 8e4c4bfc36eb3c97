package command_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/caddy-webhooks/caddy-webhooks/command"
	"github.com/caddy-webhooks/caddy-webhooks/payload"
	"github.com/caddy-webhooks/caddy-webhooks/route"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// run runs "caddy webhooks" with arguments, as Caddy's main function would.
func run(args ...string) (output string, code int, err error) {
	return runWith(nil, args...)
}

// runWith also gives it a standard input.
func runWith(in io.Reader, args ...string) (output string, code int, err error) {
	root := &cobra.Command{Use: "webhooks", SilenceUsage: true}
	command.New(os.DirFS("..")).CobraFunc(root)
	var out bytes.Buffer
	root.SetOut(&out)
	root.SetErr(&out)
	root.SetIn(in)
	root.SetArgs(args)
	err = root.Execute()
	return out.String(), exitCode(err), err
}

// exitCode is what Caddy's main function makes of an error. Its type is not
// exported.
func exitCode(err error) int {
	if err == nil {
		return 0
	}
	if value := reflect.ValueOf(err); value.Kind() == reflect.Pointer && value.Elem().Kind() == reflect.Struct {
		if code := value.Elem().FieldByName("ExitCode"); code.IsValid() && code.CanInt() {
			return int(code.Int())
		}
	}
	return 1
}

// receiver is a server that verifies what it gets.
type receiver struct {
	*httptest.Server
	header http.Header // of the last request
	body   string
	method string
	host   string
	event  string
	id     string
	reason verify.Reason // empty: accepted
}

// receive starts a server for one provider.
func receive(t *testing.T, provider string, config *verify.Config) *receiver {
	t.Helper()
	spec, ok := verify.Builtin(provider)
	if !ok {
		t.Fatalf("there is no provider %s", provider)
	}
	return receiveAs(t, spec, config)
}

// receiveAs starts a server for a provider that is described.
func receiveAs(t *testing.T, spec *verify.Spec, config *verify.Config) *receiver {
	t.Helper()
	config.Tolerance = verify.Off // samples are old
	verifier, err := verify.New(spec, config)
	if err != nil {
		t.Fatal(err)
	}
	identity, err := route.NewIdentity(verifier.Provider())
	if err != nil {
		t.Fatal(err)
	}
	s := new(receiver)
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.header, s.body, s.method, s.host = r.Header, string(body), r.Method, r.Host
		s.event, s.id, s.reason = decide(verifier, identity, r, body)
		w.Header().Set("X-Answer", "yes")
		if s.reason != "" {
			w.WriteHeader(http.StatusUnauthorized)
		}
		_, _ = io.WriteString(w, "the answer's body")
	}))
	t.Cleanup(s.Close)
	return s
}

// decide verifies a request, and names its event and delivery.
func decide(v *verify.Verifier, identity *route.Identity, r *http.Request, body []byte) (event, id string, reason verify.Reason) {
	request := &verify.Request{
		Method:   r.Method,
		URL:      &url.URL{Scheme: "http", Host: r.Host, Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: r.URL.RawQuery},
		Header:   r.Header,
		Received: time.Now(),
	}
	err := v.Admit(request)
	if err == nil {
		request.Body = payload.New(body, r.Header.Get("Content-Type"), v.Provider().Spec.FormField)
		var result *verify.Result
		if result, err = v.Verify(request); err == nil {
			event, eventErr := route.NewEvent(v.Provider(), identity, request, result)
			if eventErr != nil {
				return "", "", verify.Malformed
			}
			return event.Name, event.ID, ""
		}
	}
	if refused, ok := err.(*verify.Error); ok { //nolint:errorlint // they are not wrapped
		return "", "", refused.Reason
	}
	return "", "", verify.Reason(err.Error())
}

// file writes a temporary file.
func file(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// expectNone reports any of the texts that the output repeats.
func expectNone(t *testing.T, output string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if strings.Contains(output, text) {
			t.Errorf("the output shows %q: %.300s", text, output)
		}
	}
}

// expectAll reports any of the texts that the output lacks.
func expectAll(t *testing.T, output string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(output, text) {
			t.Errorf("the output lacks %q: %.300s", text, output)
		}
	}
}
