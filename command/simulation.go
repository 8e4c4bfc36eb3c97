package command

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2/caddyconfig"

	"github.com/caddy-webhooks/caddy-webhooks/internal/simulate"
	"github.com/caddy-webhooks/caddy-webhooks/payload"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// senderPort is the port that simulated requests come from.
const senderPort = "50000"

// openConfig provisions a configuration file for simulations.
func openConfig(file string) (*simulate.Simulation, error) {
	adapted, err := adapt(file, "")
	if err != nil {
		return nil, err
	}
	return simulate.New(adapted)
}

// adapt reads a configuration file as JSON, with the adapter that is named. If none
// is, a file that ends in .json is taken as it is, and others as Caddyfiles.
func adapt(file, name string) ([]byte, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	if name == "" && filepath.Ext(file) == ".json" {
		return content, nil
	}
	name = cmp.Or(name, "caddyfile")
	adapter := caddyconfig.GetAdapter(name)
	if adapter == nil {
		return nil, fmt.Errorf("this build of Caddy has no adapter %s", name)
	}
	adapted, _, err := adapter.Adapt(content, map[string]any{"filename": file})
	return adapted, err
}

// play sends the request of a test case.
func play(s *simulate.Simulation, h *hook, samples fs.FS) (*simulate.Trace, *http.Request, []byte, error) {
	at := h.at
	if at.IsZero() {
		at = time.Now()
	}
	body := h.body
	if h.sample != nil {
		var err error
		if body, err = h.useSample(s, samples, at); err != nil {
			return nil, nil, nil, err
		}
	}
	request := h.request(s, body)
	trace, err := s.Run(request, at)
	return trace, request, body, err
}

// request makes the HTTP request of a test case.
func (h *hook) request(s *simulate.Simulation, body []byte) *http.Request {
	request := httptest.NewRequest(h.method, h.target, bytes.NewReader(body))
	request.Header = h.header.Clone()
	request.Host = h.header.Get("Host")
	request.Header.Del("Host")
	if request.Host == "" {
		request.Host = s.Host()
		if u, err := url.Parse(h.target); err == nil && u.Host != "" {
			request.Host = u.Host
		}
	}
	request.RemoteAddr = ""
	if h.from != "" {
		request.RemoteAddr = net.JoinHostPort(h.from, senderPort)
	}
	return request
}

// useSample completes the head of the test case for a sample, and returns the
// body. The sample is signed with the credentials of the webhook_auth that the
// request comes to.
func (h *hook) useSample(s *simulate.Simulation, samples fs.FS, at time.Time) ([]byte, error) {
	trace, err := s.Run(h.request(s, nil), at)
	if err != nil {
		return nil, err
	}
	if trace.Auth == nil {
		return nil, fmt.Errorf("%s %s comes to no webhook_auth, so the sample cannot be signed", h.method, h.target)
	}
	spec := trace.Auth.Verifier().Provider().Spec
	if h.sample.provider != spec.Name && h.sample.provider != spec.Origin() {
		return nil, fmt.Errorf("the sample is one of %s, but %s expects %s", h.sample.provider, h.target, spec.Name)
	}
	chosen, err := (&choice{samples, h.sample.event, h.sample.file}).sample(spec)
	if errors.Is(err, errNoSample) {
		return nil, fmt.Errorf("%w; name one beside the case: sample %s file payload.json", err, spec.Name)
	}
	if err != nil {
		return nil, err
	}
	for name, values := range chosen.header {
		if h.header.Get(name) == "" {
			h.header[name] = values
		}
	}
	if h.sample.unsigned {
		return chosen.body, nil
	}
	return h.sign(s, trace, chosen, at)
}

// sign signs a sample, and spoils it if it is to be tampered with.
func (h *hook) sign(s *simulate.Simulation, trace *simulate.Trace, chosen *sample, at time.Time) ([]byte, error) {
	outgoing := h.request(s, nil)
	target := *outgoing.URL
	target.Scheme, target.Host = "http", outgoing.Host
	spec := trace.Auth.Verifier().Provider().Spec
	request := &verify.Request{
		Method: h.method, URL: &target, Header: h.header, Received: at,
		Body: payload.New(chosen.body, h.header.Get("Content-Type"), spec.FormField),
	}
	if err := trace.Auth.Sign(request, h.claims); err != nil {
		return nil, err
	}
	if h.sample.tampered {
		return tamper(spec, &trace.Auth.Config, request, request.Body.Bytes())
	}
	return request.Body.Bytes(), nil
}

// describeSent names where a request would have gone.
func describeSent(trace *simulate.Trace) string {
	if trace.Sent == nil {
		return "none"
	}
	return strings.TrimPrefix(trace.Sent.Upstream, "tcp/")
}
