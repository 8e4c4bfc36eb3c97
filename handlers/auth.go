package handlers

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/caddy-webhooks/caddy-webhooks/handlers/history"
	"github.com/caddy-webhooks/caddy-webhooks/handlers/observe"
	"github.com/caddy-webhooks/caddy-webhooks/handlers/tenants"
	"github.com/caddy-webhooks/caddy-webhooks/handlers/webhook"
	"github.com/caddy-webhooks/caddy-webhooks/replay"
	"github.com/caddy-webhooks/caddy-webhooks/route"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// Auth is a middleware that lets only those requests pass that are webhooks
// of a provider, proven by a signature, a token or Basic credentials.
//
// The body is read once and bounded, and goes on byte for byte. The event is
// then known to the matchers `webhook_event` and `webhook_expr`, to the handler
// `webhook_rewrite`, and to these placeholders:
//
// Placeholder | Description
// ------------|-------------
// `{http.webhook.provider}` | The provider's name
// `{http.webhook.endpoint}` | The endpoint's name
// `{http.webhook.tenant}` | The id of the tenant whose webhook it is, where `tenant` says how tenants are told apart
// `{http.webhook.tenant.<var>}` | What is known of the tenant under a name
// `{http.webhook.event}` | The event's name
// `{http.webhook.id}` | The delivery's id
// `{http.webhook.timestamp}` | When the provider says it happened (RFC 3339), else when it arrived
// `{http.webhook.signed}` | What the provider's signature covers: `body`, `fields` or `none`
// `{http.webhook.body.<path>}` | A value of the payload, by a dotted path
// `{http.webhook.error}` | Why a request was refused, as one word; `unreadable` if it was accepted though its event or id could not be read; else empty
//
// The upstream gets the headers `Webhook-Provider`, `Webhook-Event` and
// `Webhook-Delivery-Id`; all others that begin with `Webhook-` are removed, save
// those that the provider's own scheme reads. A refused request goes to the
// error routes with status 400, 401, 403, 405, 408, 409, 413, 415, or 503 where the
// keys of a token cannot be fetched, deliveries or tenants not be looked up, or there is no
// memory for the body. An event that passes but that no other handler answers is
// not acknowledged: it ends as a 503.
//
// With `observe` what would be refused is handed on instead, marked as unverified.
type Auth struct {
	verify.Endpoint

	// The longest time that reading a body may take. Default: 10s.
	ReadBody caddy.Duration `json:"read_body,omitempty"`

	verifier  *verify.Verifier // made of the credentials as they were when the configuration was loaded
	current   *atomic.Pointer[verify.Verifier]
	identity  *route.Identity
	budget    int64           // bytes that all requests may hold
	ownHeader map[string]bool // Webhook-* headers that the provider's scheme reads
	challenge []string        // values of WWW-Authenticate on a 401
	keySetURL string          // the key set of keySets that is in use; empty: none
	withhold  verify.Statuses // of the app's answers, what the sender does not get
	replay    *replayGate     // nil where deliveries are not remembered
	near      *nearMiss       // nil unless refusals are diagnosed
	secrets   []string        // see route.Event.Credentials
	unknown   string          // a random text, which is no secret of anybody
	pending   *atomic.Bool    // the operator waits for the secret that a handshake brings
	shown     bool            // a log would show a token of a request
	observer  *observe.Observer
	history   *history.Recorder // nil where nothing is archived
	receiver  *receiver         // of tokens that webhook_token issues; nil if none are taken
	gate      *tenants.Gate     // nil where all webhooks are verified alike
	logger    *zap.Logger

	errorUnseen func() bool // see App.errorUnseen
}

// defaultReadBody is how long reading a body may take where nothing is said.
const defaultReadBody = caddy.Duration(10 * time.Second)

// CaddyModule returns the Caddy module information.
func (Auth) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.handlers.webhook_auth",
		New: func() caddy.Module { return new(Auth) },
	}
}

// Provision finds the provider, fills in the credentials and compiles both.
func (a *Auth) Provision(ctx caddy.Context) error {
	a.logger = ctx.Logger()
	module, err := ctx.App(webhook.AppName)
	if err != nil {
		return err
	}
	app := module.(*App)
	if a.observer, err = observe.NewObserver(ctx, &a.Endpoint); err != nil {
		return err
	}
	app.watch.Add(a.observer)
	spec, err := app.spec(a.Provider)
	if err != nil {
		return err
	}
	if err := a.provision(ctx, app, spec); err != nil {
		return fmt.Errorf("webhook_auth for %s: %w", a.Provider, err)
	}
	return nil
}

// provision makes all that a request is held against, and what tells of it.
func (a *Auth) provision(ctx caddy.Context, app *App, spec *verify.Spec) error {
	if err := app.claimName(a); err != nil {
		return err
	}
	a.budget, a.errorUnseen = app.budget(), app.errorUnseen(ctx)
	a.provisionLimits()
	config, err := a.provisionVerifier(app, spec)
	if err != nil {
		return err
	}
	if err := a.Endpoint.Validate(spec); err != nil {
		return err
	}
	a.renew(app, spec, config)
	a.observer.ExpectKeys(&a.Config)
	if err := a.provisionTenants(app, spec, config); err != nil {
		return err
	}
	a.shown = app.hideCredentials(ctx, a.observer.Endpoint.Field(), a.verifier.Credentials(), a.verifier.Tokens())
	a.secrets = credentialPlaces(a.verifier.Provider().Spec, config)
	a.challenge = challenges(spec, config)
	if a.gate == nil {
		a.warn(ctx, app, spec, config)
	}
	a.near = a.newNearMiss(app, spec, config)
	if a.observer.Inspector, err = observe.NewInspector(a.EndpointName(), app.inspection(a.Inspect), a.verifier); err != nil {
		return err
	}
	if err := a.provisionHistory(app); err != nil {
		return err
	}
	if a.replay, err = app.replayGate(a); err != nil {
		return err
	}
	if a.withhold = a.MapStatus; a.verifier.Provider().Spec.Synchronous {
		a.withhold = passAll
		app.noteSynchronous(a.observer.Endpoint)
	}
	return a.beginObserving(app)
}

// provisionVerifier makes the verifier, of the credentials as they are now, which it
// returns with the configuration: those of nobody where there are tenants.
func (a *Auth) provisionVerifier(app *App, spec *verify.Spec) (*verify.Config, error) {
	if err := a.CheckWritten(app.isProvider); err != nil {
		return nil, err
	}
	config, err := expandCredentials(a.Config, a.logger)
	if err != nil {
		return nil, err
	}
	if a.Tenant != nil {
		if config, err = config.Nobody(spec); err != nil {
			return nil, err
		}
	}
	a.unknown, a.pending = rand.Text(), new(atomic.Bool)
	a.pending.Store(awaitSecret(spec, &config, a.unknown))
	if a.receiver, err = app.issuers.receiving(a.observer.Endpoint, config.Issued); err != nil {
		return nil, err
	}
	options, err := a.tokenOptions(spec, &config)
	if err != nil {
		return nil, err
	}
	if a.verifier, err = verify.New(spec, &config, append(options, verify.WithIssued(a.receiver.decide))...); err != nil {
		return nil, err
	}
	a.current = new(atomic.Pointer[verify.Verifier])
	a.current.Store(a.verifier)
	if a.identity, err = route.NewIdentity(a.verifier.Provider()); err != nil {
		return nil, err
	}
	a.identity.Endpoint = a.EndpointName()
	a.ownHeader = make(map[string]bool)
	for _, name := range a.verifier.Provider().HeaderNames() {
		a.ownHeader[name] = true
	}
	return &config, nil
}

// provisionLimits sets the limits of a body that are not said.
func (a *Auth) provisionLimits() {
	if a.MaxSize == 0 {
		a.MaxSize = verify.DefaultMaxSize
	}
	if most := webhook.Largest(a.budget); a.MaxSize > most {
		a.logger.Warn("max_size allows webhooks for which max_buffered never has room; raise max_buffered, or lower max_size",
			a.observer.Endpoint.Field(), zap.Int64("max_size", a.MaxSize), zap.Int64("largest", most))
	}
	if a.ReadBody == 0 {
		a.ReadBody = defaultReadBody
	}
}

// Verifier returns what decides about the requests of this handler.
func (a *Auth) Verifier() *verify.Verifier { return a.current.Load() }

// Validate checks the limits.
func (a *Auth) Validate() error {
	if a.MaxSize < 0 || a.ReadBody < 0 {
		return errors.New("max_size and read_body cannot be negative")
	}
	if a.MaxSize > 1<<40 {
		return errors.New("max_size cannot be more than 1 TiB")
	}
	return nil
}

func (a *Auth) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) (err error) {
	repl := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	v := &webhook.Verified{Buffer: webhook.Buffer{Budget: a.budget}}
	defer func() {
		err = a.conceal(w, r, v.Event, err)
		v.Buffer.End(r.Context())
	}()
	if again := history.ResendOf(r); again != nil {
		return a.resend(w, r, repl, v, again, next)
	}
	event, claim, answer, err := a.authenticate(w, r, repl, v)
	if err != nil && a.Observe {
		event, err = a.observe(w, r, v, err)
	}
	if err != nil {
		err = a.refuse(w, r, repl, &v.Buffer, err)
		v.Buffer.Drop()
		return err
	}
	if answer != nil {
		repl.Set(webhook.ErrorPlaceholder, "")
		return a.answerHandshake(w, r, answer)
	}
	a.admit(r, repl, v, event)
	if event.Refusal == nil {
		a.observer.Verified(event)
	} else {
		a.observer.WouldRefuse(r, event)
	}
	a.observer.Monitor(r, event)
	a.observer.Doubt(r, event)
	if claim != nil {
		return a.forwardOnce(w, r, repl, v, claim, next)
	}
	return a.forward(w, r, repl, event, next)
}

// admit makes a verified event known to the handlers after this one.
func (a *Auth) admit(r *http.Request, repl *caddy.Replacer, v *webhook.Verified, event *route.Event) {
	webhook.RemoveSpoofable(r, a.ownHeader)
	webhook.AddEventHeaders(r, event)
	v.Event = event
	caddyhttp.SetVar(r.Context(), webhook.EventVar, v)
	repl.Delete(webhook.ErrorPlaceholder) // it may be that of a handler before this one
	if event.Refusal == nil && event.Unreadable != nil {
		repl.Set(webhook.ErrorPlaceholder, string(verify.Unreadable))
	}
	repl.Map(func(key string) (any, bool) { return webhook.EventPlaceholder(v, key) })
}

// authenticate verifies a request and puts its body in place for others. A
// handshake has an answer instead of an event. A claim is made where
// deliveries are remembered.
func (a *Auth) authenticate(
	w http.ResponseWriter, r *http.Request, repl *caddy.Replacer, v *webhook.Verified,
) (*route.Event, *replay.Claim, *verify.Answer, error) {
	body, request := &v.Buffer, webhook.NewRequest(r)
	a.observer.Arrived(r, request)
	from, err := a.visitor(r, repl)
	if err != nil {
		return nil, nil, nil, err
	}
	var verifying observe.Stopwatch
	defer func() { a.observer.Metrics.Verification.Observe(verifying.Sum.Seconds()) }()
	verifying.Start()
	err = from.Verifier.Admit(request)
	verifying.Stop()
	if err != nil {
		blamed := a.blame(&from, err)
		a.readRefused(w, r, request, body, blamed)
		a.diagnose(w, r, request, body, &from, err)
		return nil, nil, nil, blamed
	}
	var arrived func([]byte)
	if hash := hashLarge(from.Verifier, r, request); hash != nil {
		arrived = func(part []byte) {
			verifying.Start()
			_, _ = hash.Write(part) // a hash takes everything
			verifying.Stop()
		}
	}
	err = webhook.ReadBody(w, r, body, a.MaxSize, time.Duration(a.ReadBody), arrived)
	if err != nil {
		return nil, nil, nil, err
	}
	a.observer.Metrics.Payload.Observe(float64(len(body.Data)))
	spec := a.verifier.Provider().Spec
	request.SetBody(body.Data, spec.FormField)
	request.Body.SetMemory(body)
	verifying.Start()
	result, err := from.Verifier.Verify(request)
	verifying.Stop()
	if refusal := body.Refusal(); refusal != nil {
		return nil, nil, nil, refusal
	}
	if blamed := a.blame(&from, err); blamed != nil {
		a.diagnose(w, r, request, body, &from, err)
		return nil, nil, nil, blamed
	}
	if result.Handshake != nil {
		return nil, nil, result.Handshake, nil
	}
	event, err := route.NewEvent(a.verifier.Provider(), a.identity, request, result)
	if refusal := body.Refusal(); refusal != nil {
		return nil, nil, nil, refusal
	}
	if err != nil {
		return nil, nil, nil, &verify.Error{Reason: verify.Malformed, Detail: err.Error()}
	}
	a.attribute(event, &from)
	var claim *replay.Claim
	if a.replay != nil {
		if claim, err = a.replay.claim(from.Verifier, request, event); err != nil {
			return nil, nil, nil, err
		}
	}
	event.Credentials, event.RequireSigned, event.Ref = a.secrets, a.RequireSigned, history.RefOf(r)
	webhook.SetBody(r, v.Body.Hold(body.Data, body.Shared(), event.Body))
	return event, claim, nil, nil
}

// hashLarge returns what gets a body that arrives in many pieces, so that it is hashed
// while the next one is on its way. A small one takes less time as a whole.
func hashLarge(verifier *verify.Verifier, r *http.Request, request *verify.Request) io.Writer {
	if r.ContentLength >= 0 && r.ContentLength <= webhook.SmallBody {
		return nil
	}
	return verifier.Hash(request)
}

// Interface guards
var (
	_ caddy.Provisioner           = (*Auth)(nil)
	_ caddy.CleanerUpper          = (*Auth)(nil)
	_ caddy.Validator             = (*Auth)(nil)
	_ caddyhttp.MiddlewareHandler = (*Auth)(nil)
)
