package history

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-webhooks/caddy-webhooks/archive"
	"github.com/caddy-webhooks/caddy-webhooks/handlers/webhook"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// HeaderResend tells an app that an operator has a webhook handed over again.
const HeaderResend = webhook.HeaderPrefix + "Resend"

// Resend is an event of the archive that goes through its endpoint again. It is in the
// context of the request, where no sender can put it.
type Resend struct {
	record     *archive.Record
	verifyOnly bool

	reached bool          // the endpoint has taken the request
	refusal *verify.Error // why it was refused once more
}

type resendKey struct{}

// ResendOf returns what is handed over again; nil for a request that has come.
func ResendOf(r *http.Request) *Resend {
	again, _ := r.Context().Value(resendKey{}).(*Resend)
	return again
}

// At reports whether an endpoint is the one where the event has come, and notes that it was
// reached.
func (a *Resend) At(endpoint webhook.Endpoint) bool {
	a.reached = a.reached || endpoint == webhook.Endpoint{Provider: a.record.Provider, Name: a.record.Endpoint}
	return a.reached
}

// Refused reports whether the event was refused when it came, so that it is to be verified.
func (a *Resend) Refused() bool { return a.record.Refused }

// VerifyOnly reports whether it goes no further.
func (a *Resend) VerifyOnly() bool { return a.verifyOnly }

// Summary is what is known of the event.
func (a *Resend) Summary() *archive.Summary { return &a.record.Summary }

// Refuse says that the event was refused once more.
func (a *Resend) Refuse(refusal *verify.Error) { a.refusal = refusal }

// Resent is what came of handing an event over again, or of verifying it.
type Resent struct {
	// Ref is the event's.
	Ref string `json:"ref"`

	// Outcome is resent, verified, or the reason of a refusal.
	Outcome string `json:"outcome"`

	// Detail is why exactly it was refused.
	Detail string `json:"detail,omitempty"`

	// Status is that of the answer; 0 if it was refused, or nobody has answered.
	Status int `json:"status,omitempty"`

	// Body is the beginning of the answer's body.
	Body string `json:"body,omitempty"`

	// Duration is how long the answer took, in nanoseconds.
	Duration time.Duration `json:"duration,omitempty"`

	// Redacted is whether the app has got the payload without what the archive has left
	// out of it.
	Redacted bool `json:"redacted,omitempty"`
}

// OutcomeVerified is the outcome of an event that would be accepted.
const OutcomeVerified = "verified"

func verifyEvent(m *Manager, r *http.Request) (any, error) { return m.again(r, true) }

func resendEvent(m *Manager, r *http.Request) (any, error) { return m.again(r, false) }

// again has the event that a query names go through its endpoint.
func (m *Manager) again(r *http.Request, verifyOnly bool) (*Resent, error) {
	values, err := selectorsOf(r)
	if err != nil {
		return nil, err
	}
	if len(values) != 1 || len(values["ref"]) != 1 {
		return nil, fmt.Errorf("%w: give the ref of one event, and nothing else", errQuery)
	}
	open, err := m.open()
	if err != nil {
		return nil, err
	}
	record, err := open.Get(r.Context(), values.Get("ref"))
	if err != nil {
		return nil, err
	}
	if record.Omitted != "" {
		return nil, fmt.Errorf("%w: the payload of this event is not kept: %s", errQuery, record.Omitted)
	}
	resent, err := m.run(r.Context(), &Resend{record: record, verifyOnly: verifyOnly})
	if err == nil && resent.Outcome == archive.Resent {
		open.Note(&archive.Note{Ref: record.Ref, At: time.Now().UTC(), Outcome: archive.Resent, Status: resent.Status})
	}
	return resent, err
}

// resendTimeout is how long handing an event over may take.
const resendTimeout = 2 * time.Minute

// run hands a request to the server where it has come, as if it came again.
func (m *Manager) run(ctx context.Context, again *Resend) (*Resent, error) {
	server, err := m.server(again.record.Server)
	if err != nil {
		return nil, err
	}
	request, err := requestOf(again.record)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), resendTimeout)
	defer cancel()
	ctx = context.WithValue(ctx, resendKey{}, again)
	ctx = context.WithValue(ctx, http.LocalAddrContextKey, net.Addr(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}))
	request = request.WithContext(ctx)
	request.RequestURI, request.ContentLength = again.record.URI, int64(len(again.record.Body))
	request.URL.Scheme, request.URL.Host = "", ""
	request.RemoteAddr = net.JoinHostPort(again.record.ClientIP, "0")
	if again.record.Scheme == "https" {
		host, _, _ := strings.Cut(again.record.Host, ":")
		request.TLS = &tls.ConnectionState{HandshakeComplete: true, ServerName: host}
	}
	began, answer := time.Now(), newAnswer()
	serve(server, answer, request)
	resent := &Resent{Ref: again.record.Ref, Outcome: archive.Resent, Duration: time.Since(began), Redacted: again.record.Redacted}
	switch {
	case !again.reached:
		return nil, fmt.Errorf("%w: the URL of this event does not lead to the endpoint %s any more; the server answers %d",
			errQuery, again.record.Endpoint, answer.status)
	case again.refusal != nil:
		resent.Outcome, resent.Detail, resent.Duration = string(again.refusal.Reason), again.refusal.Detail, 0
	case again.verifyOnly:
		resent.Outcome = OutcomeVerified
	default:
		resent.Status, resent.Body = answer.status, answer.body.String()
	}
	return resent, nil
}

// server returns a server of the configuration.
func (m *Manager) server(name string) (*caddyhttp.Server, error) {
	app, err := m.ctx.AppIfConfigured("http")
	if err != nil {
		return nil, err
	}
	server := app.(*caddyhttp.App).Servers[name]
	if server == nil {
		return nil, fmt.Errorf("%w: the configuration has no server %q any more, where this event has come", errQuery, name)
	}
	return server, nil
}

// serve has a server handle a request. A proxy panics to break an answer off.
func serve(server http.Handler, w *answer, r *http.Request) {
	defer func() {
		if cause := recover(); cause != nil {
			if err, ok := cause.(error); !ok || !errors.Is(err, http.ErrAbortHandler) {
				panic(cause)
			}
			w.status = 0
		}
	}()
	server.ServeHTTP(w, r)
	w.WriteHeader(http.StatusOK)
}

// maxAnswer is how much of an answer's body is shown, in bytes.
const maxAnswer = 4 << 10

// answer is what a server writes to.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func newAnswer() *answer { return &answer{header: make(http.Header)} }

// Header implements http.ResponseWriter.
func (a *answer) Header() http.Header { return a.header }

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(status int) {
	if a.status == 0 && status >= 200 {
		a.status = status
	}
}

// Write implements http.ResponseWriter.
func (a *answer) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	_, _ = io.CopyN(&a.body, bytes.NewReader(p), int64(max(0, maxAnswer-a.body.Len()))) // it ends early if p does
	return len(p), nil
}
