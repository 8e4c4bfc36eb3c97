package simulate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-webhooks/caddy-webhooks/handlers"
	"github.com/caddy-webhooks/caddy-webhooks/handlers/webhook"
	"github.com/caddy-webhooks/caddy-webhooks/route"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// Simulation is a configuration through which requests can be sent. It is not
// safe for concurrent use.
type Simulation struct {
	app     *caddyhttp.App
	auths   []*handlers.Auth // in the order of their probes
	blocks  map[int][]Block  // of handle_webhook, by the probe of its webhook_auth
	storage string
}

// Block is an on or otherwise block of handle_webhook.
type Block struct {
	Name       string         // on 1, on 2, otherwise
	Events     route.Patterns // empty: any
	Categories []string       // instead of names
	When       string         // empty: always
}

// Trace is what happened to one request.
type Trace struct {
	Server  string         // the name of the HTTP server
	Reached bool           // the request came to a webhook_auth
	Auth    *handlers.Auth // that one; nil if none was reached
	Blocks  []Block        // the blocks that follow it, if it is a handle_webhook
	Event   *route.Event   // the verified event, as it was at the end; nil if refused
	Reason  string         // why it was refused; empty if it was not
	Branch  string         // the on block that took it, or otherwise; empty if none did
	Sent    *Sent          // what would have gone upstream; nil if nothing
	Status  int            // what the sender would see, if an app answers 200
	Body    []byte         // the answer's body
	Err     string         // the error that ended the request

	auth int
}

// Sent is a request that would have gone upstream.
type Sent struct {
	Upstream string
	Method   string
	URI      string
	Header   http.Header
	Body     []byte
}

// Accepted reports whether the webhook was accepted and handed on, or was a
// handshake, which was answered.
func (t *Trace) Accepted() bool {
	switch t.Outcome() {
	case "accepted", "handshake":
		return true
	case string(verify.Unreadable):
		return t.Err == ""
	default:
		return false
	}
}

// Why is what there is to say of the outcome beside its word: which line of a
// rewrite failed, and what could not be read of a webhook that was accepted. It
// holds no payload.
func (t *Trace) Why() string {
	var why []string
	if t.Event == nil {
		return ""
	}
	if t.Event.Failure != "" {
		why = append(why, "the rewrite fails: "+t.Event.Failure)
	}
	if t.Event.Unreadable != nil {
		why = append(why, "the event's name or the delivery's id cannot be read: "+t.Event.Unreadable.Error())
	}
	if t.Event.NoTime != nil {
		why = append(why, "the stated time is not used: "+t.Event.NoTime.Error())
	}
	return strings.Join(why, "; ")
}

// Outcome is how the request ended, in one word: accepted, unreadable (accepted,
// but its event or id could not be read), handshake, unverified (no webhook_auth
// was reached), unrouted, rewrite_failed, or the reason of a refusal.
func (t *Trace) Outcome() string {
	switch {
	case t.Reason != "":
		return t.Reason // of a refusal, or what is wrong with what was accepted
	case !t.Reached:
		return "unverified"
	case t.Err == "unrouted" || strings.HasSuffix(t.Err, "unrouted"):
		return "unrouted"
	case t.Event == nil && t.Err == "":
		return "handshake"
	case t.Err != "":
		return "failed"
	default:
		return "accepted"
	}
}

// New provisions an adapted configuration for simulations. Close frees it.
func New(adapted []byte) (*Simulation, error) {
	register()
	storage, err := os.MkdirTemp("", "caddy-webhooks")
	if err != nil {
		return nil, err
	}
	s := &Simulation{storage: storage}
	if err := s.provision(adapted); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (s *Simulation) provision(adapted []byte) error {
	prepared, blocks, err := prepare(adapted, s.storage)
	if err != nil {
		return err
	}
	s.blocks = blocks
	var config caddy.Config
	if err := json.Unmarshal(prepared, &config); err != nil {
		return err
	}
	ctx, err := caddy.ProvisionContext(&config)
	if err != nil {
		return err
	}
	app, err := ctx.App("http")
	if err != nil {
		return err
	}
	s.app = app.(*caddyhttp.App)
	for _, name := range slices.Sorted(maps.Keys(s.app.Servers)) {
		s.collect(s.app.Servers[name].Routes)
		for _, named := range s.app.Servers[name].NamedRoutes {
			s.collect(caddyhttp.RouteList{*named})
		}
	}
	return nil
}

// collect finds the webhook_auth handlers by the numbers of their probes.
func (s *Simulation) collect(routes caddyhttp.RouteList) {
	for _, r := range routes {
		number := -1
		for _, handler := range r.Handlers {
			switch h := handler.(type) {
			case *probe:
				number = h.Auth
			case *handlers.Auth:
				for len(s.auths) <= number {
					s.auths = append(s.auths, nil)
				}
				if number >= 0 {
					s.auths[number] = h
				}
			case *caddyhttp.Subroute:
				s.collect(h.Routes)
			case *handlers.Routes:
				for i := range h.Routes {
					s.collect(caddyhttp.RouteList{h.Routes[i].Route})
				}
			}
		}
	}
}

// Close removes what the simulation has put on disk, and gives Caddy back the
// log that a simulation silences.
func (s *Simulation) Close() {
	_ = os.RemoveAll(s.storage)
	_, _ = caddy.ProvisionContext(&caddy.Config{Admin: &caddy.AdminConfig{Disabled: true}})
}

// Auths returns all webhook_auth handlers of the configuration.
func (s *Simulation) Auths() []*handlers.Auth { return s.auths }

// Run sends a request that arrives at a time.
func (s *Simulation) Run(r *http.Request, at time.Time) (*Trace, error) {
	name, server := s.server(r.Host)
	if server == nil {
		return nil, errors.New("no HTTP server listens there")
	}
	current = &Trace{Server: name, auth: -1}
	webhook.SetClock(func() time.Time { return at })
	defer webhook.SetClock(time.Now)
	if r.RemoteAddr == "" {
		r.RemoteAddr = "127.0.0.1:50000"
	}
	ctx := context.WithValue(r.Context(), http.LocalAddrContextKey, net.Addr(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 443}))
	answer := httptest.NewRecorder()
	server.ServeHTTP(answer, r.WithContext(ctx))
	trace := current
	trace.Status, trace.Body = answer.Code, answer.Body.Bytes()
	if trace.auth >= 0 && trace.auth < len(s.auths) {
		trace.Auth, trace.Blocks = s.auths[trace.auth], s.blocks[trace.auth]
	}
	return trace, nil
}

// server returns the server that listens at a host's port: the given one, else
// that of HTTPS, else that of HTTP, else the first.
func (s *Simulation) server(host string) (string, *caddyhttp.Server) {
	_, port, err := net.SplitHostPort(host)
	wanted := []string{port}
	if err != nil {
		wanted = []string{"443", "80", ""}
	}
	for _, port := range wanted {
		for _, name := range slices.Sorted(maps.Keys(s.app.Servers)) {
			for _, listen := range s.app.Servers[name].Listen {
				if port == "" || strings.HasSuffix(listen, ":"+port) {
					return name, s.app.Servers[name]
				}
			}
		}
	}
	return "", nil
}

// Host returns a host at which the configuration takes requests, with its
// port, for requests that name none.
func (s *Simulation) Host() string {
	_, server := s.server("")
	if server == nil {
		return "localhost"
	}
	port := ""
	if len(server.Listen) > 0 {
		if _, listen, err := net.SplitHostPort(server.Listen[0]); err == nil && listen != "443" && listen != "80" {
			port = ":" + listen
		}
	}
	for _, r := range server.Routes {
		for _, matchers := range r.MatcherSetsRaw {
			var hosts []string
			if json.Unmarshal(matchers["host"], &hosts) == nil && len(hosts) > 0 {
				return hosts[0] + port
			}
		}
	}
	return "localhost" + port
}

// String describes what would have gone upstream in a line.
func (s *Sent) String() string { return fmt.Sprintf("%s %s to %s", s.Method, s.URI, s.Upstream) }
