package handlers

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/caddy-webhooks/caddy-webhooks/handlers/observe"
	"github.com/caddy-webhooks/caddy-webhooks/handlers/webhook"
	"github.com/caddy-webhooks/caddy-webhooks/payload"
	"github.com/caddy-webhooks/caddy-webhooks/token"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// Token is a handler at which providers fetch the tokens that they then send
// with their webhooks; the credential `issued` of webhook_auth takes them. It
// is an OAuth 2.0 token endpoint for the grant `client_credentials`
// ([RFC 6749](https://www.rfc-editor.org/rfc/rfc6749#section-4.4)), and also
// answers to the simpler requests that providers make.
//
// A request is a POST of at most 16 KiB. Id and secret are in the header
// Authorization (HTTP Basic authentication), in headers that `headers` names,
// or in the body: as JSON, `multipart/form-data` or
// `application/x-www-form-urlencoded`. The answer is JSON with the token,
// `token_type` and `expires_in`.
//
// Tokens are JSON Web Tokens, signed by EdDSA, or by HS256 where `keys` has a
// shared secret. Nothing is stored of them, so any instance that has the keys
// can verify them. What a token is for is a provider, at all of its endpoints, or
// one endpoint by its name.
//
// Wrong credentials are answered with 401. An address that has failed for a client
// ten times, and then once a minute, gets 429 with `Retry-After` whatever it sends
// for that client, so that nobody finds a secret by guessing. Other addresses and
// other clients are never held up.
type Token struct {
	token.Config

	issuer   *issuer
	clients  *atomic.Pointer[token.Clients]
	metrics  *observe.Metrics
	refusals *observe.Refusals
	logger   *zap.Logger
}

// failures are the wrong credentials of late. They outlive a configuration, so
// that nobody starts anew when one is loaded.
var failures = token.NewLimiter()

// The outcomes of a request for a token, beside the codes of RFC 6749 and the
// reasons of verify.
const (
	tokenIssued      = "issued"
	tokenLimited     = "limited"
	tokenUnavailable = "unavailable"
)

// CaddyModule returns the Caddy module information.
func (Token) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.handlers.webhook_token",
		New: func() caddy.Module { return new(Token) },
	}
}

// Provision fills in clients and keys. Keys that are kept in the storage are
// not touched before the first request.
func (t *Token) Provision(ctx caddy.Context) error {
	t.logger = ctx.Logger()
	app, err := ctx.App(webhook.AppName)
	if err != nil {
		return err
	}
	if t.metrics, err = observe.RegisterMetrics(ctx); err != nil {
		return err
	}
	if err := t.provision(app.(*App)); err != nil {
		return fmt.Errorf("webhook_token: %w", err)
	}
	app.(*App).hideCredentials(ctx, zap.String("issuer", t.Issuer), ofToken(t), ofToken(t))
	return nil
}

func (t *Token) provision(app *App) error {
	t.SetDefaults()
	expanded := t.Config
	if err := app.checkWritten("key", t.Keys); err != nil {
		return err
	}
	for i, client := range t.Clients {
		if err := app.checkWritten(fmt.Sprintf("client %d, secret", i+1), []string{client.Secret}); err != nil {
			return err
		}
	}
	if err := t.expand(&expanded, t.logger); err != nil {
		return err
	}
	var err error
	t.clients = new(atomic.Pointer[token.Clients])
	t.clients.Store(token.NewClients(expanded.Clients))
	if t.issuer, err = app.issuers.issuing(&expanded); err != nil {
		return err
	}
	t.refusals = &observe.Refusals{
		Logger: t.logger, Level: zap.WarnLevel, Whose: zap.String("issuer", t.Issuer),
		Message: "token refused", Rest: "more requests for tokens were refused than are logged",
	}
	app.watch.AddRefusals(t.refusals)
	t.renew(app, expanded)
	return nil
}

// expand replaces the placeholders of secrets and keys in a copy of the configuration.
func (t *Token) expand(expanded *token.Config, logger *zap.Logger) (err error) {
	expand := trimmer{logger}.expand
	expanded.Clients = slices.Clone(t.Clients)
	for i := range expanded.Clients {
		client := &expanded.Clients[i]
		pair, err := expand(fmt.Sprintf("client %d, value", i+1), []string{client.ID, client.Secret})
		if err != nil {
			return err
		}
		client.ID, client.Secret = pair[0], pair[1]
	}
	if expanded.Keys, err = expand("key", t.Keys); err != nil {
		return err
	}
	if err := expanded.Check(); err != nil {
		return err
	}
	return expanded.CheckSecrets()
}

// renew takes up secrets and keys that change in their files.
func (t *Token) renew(app *App, current token.Config) {
	renew(&app.watch, t.Config, &renewal[token.Config]{
		handler: "webhook_token", whose: zap.String("issuer", t.Issuer), logger: t.logger, current: current,
		read: func() (token.Config, error) {
			expanded := t.Config
			return expanded, t.expand(&expanded, nil)
		},
		use: func(fresh token.Config) error {
			if given, ok := t.issuer.keys.(*givenKeys); ok {
				if err := given.parse(fresh.Keys, true); err != nil {
					return err
				}
			}
			t.clients.Store(token.NewClients(fresh.Clients))
			return nil
		},
	})
}

func (t *Token) ServeHTTP(w http.ResponseWriter, r *http.Request, _ caddyhttp.Handler) error {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return t.refuse(w, r, refusedToken{
			status: http.StatusMethodNotAllowed, outcome: string(verify.BadMethod),
			code: token.InvalidRequest, detail: "only POST is allowed",
		})
	}
	body := &webhook.Buffer{Budget: math.MaxInt64} // token.MaxBody is little
	defer func() { body.End(r.Context()) }()
	err := webhook.ReadBody(w, r, body, token.MaxBody, time.Duration(defaultReadBody), nil)
	if unread, ok := errors.AsType[*verify.Error](err); ok {
		return t.refuse(w, r, refusedToken{
			status: webhook.Statuses[unread.Reason], outcome: string(unread.Reason),
			code: token.InvalidRequest, detail: unread.Detail,
		})
	}
	if err != nil {
		return err
	}
	candidates, err := t.Read(r.Header, body.Data)
	if malformed, ok := errors.AsType[*token.RequestError](err); ok {
		return t.refuse(w, r, refusedToken{
			status: malformed.Status, outcome: malformed.Code, code: malformed.Code, detail: malformed.Detail,
		})
	}
	if err != nil {
		return err
	}
	address, _ := netip.ParseAddr(webhook.ClientIP(r)) // the zero Addr is one, too
	client, right, wait := failures.Guess(t.Issuer, t.clients.Load(), candidates, address, webhook.Now())
	switch {
	case wait > 0:
		return t.holdBack(w, r, wait)
	case !right:
		return t.refuseClient(w, r, candidates, client)
	}
	return t.issue(w, r, client)
}

// issue answers with a token.
func (t *Token) issue(w http.ResponseWriter, r *http.Request, client *token.Client) error {
	answer, err := t.Issue(context.WithoutCancel(r.Context()), t.issuer.keys, client, webhook.Now())
	if err != nil {
		t.logger.Error("no token can be issued", zap.String("issuer", t.Issuer), zap.Error(err))
		return t.answerError(w, r, refusedToken{
			status: http.StatusServiceUnavailable, outcome: tokenUnavailable, code: "temporarily_unavailable",
		})
	}
	t.count(r, tokenIssued)
	t.logger.Info("token issued",
		zap.String("issuer", t.Issuer),
		zap.String("client", client.ID),
		zap.Strings("for", answer.Claims.Audience),
		zap.String("token_id", answer.Claims.ID),
		zap.Time("expires", answer.Claims.Expires),
		zap.String("client_ip", webhook.ClientIP(r)),
	)
	return writeJSON(w, t.Status, answer.Body)
}

// refusedToken is why there is no token.
type refusedToken struct {
	status  int
	outcome string // for metrics and logs
	code    string // for the client
	detail  string // for the operator
}

// holdBack answers to a client that has failed too often at an address.
func (t *Token) holdBack(w http.ResponseWriter, r *http.Request, wait time.Duration) error {
	w.Header().Set("Retry-After", strconv.Itoa(int((wait + time.Second - 1).Seconds())))
	return t.refuse(w, r, refusedToken{
		status: http.StatusTooManyRequests, outcome: tokenLimited, code: "slow_down",
		detail: "this address has failed too often for the client; what it sends now is not looked at",
	})
}

// refuseClient answers to credentials that are wrong, or missing. The client
// is the one whose id was sent, or nil.
func (t *Token) refuseClient(w http.ResponseWriter, r *http.Request, sent []token.Credentials, client *token.Client) error {
	refusal := refusedToken{status: http.StatusUnauthorized, outcome: token.InvalidClient, code: token.InvalidClient}
	switch {
	case len(sent) == 0:
		refusal.detail = "there are no credentials"
	case client == nil:
		refusal.detail = "there is no client with this id"
	default:
		refusal.detail = "the secret of the client " + client.ID + " is wrong"
	}
	w.Header().Set("WWW-Authenticate", `Basic realm="webhooks", charset="UTF-8"`)
	return t.refuse(w, r, refusal)
}

// refuse tells the operator why there is no token, unless a flood of requests is
// refused, and the client no more than RFC 6749 demands.
func (t *Token) refuse(w http.ResponseWriter, r *http.Request, refusal refusedToken) error {
	webhook.Drain(w, r, time.Duration(defaultReadBody))
	t.refusals.Log(r, refusal.outcome, refusal.detail)
	return t.answerError(w, r, refusal)
}

// answerError writes the answer of RFC 6749 section 5.2.
func (t *Token) answerError(w http.ResponseWriter, r *http.Request, refusal refusedToken) error {
	t.count(r, refusal.outcome)
	body, err := payload.Encode(map[string]string{"error": refusal.code})
	if err != nil {
		return err
	}
	return writeJSON(w, refusal.status, body)
}

// writeJSON writes an answer that nobody may keep.
func writeJSON(w http.ResponseWriter, status int, body []byte) error {
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Cache-Control", "no-store")
	header.Set("Pragma", "no-cache")
	header.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, err := w.Write(body) //nolint:gosec // JSON made here, and declared as such
	return err
}

// count records how a request ended.
func (t *Token) count(r *http.Request, outcome string) {
	t.metrics.Tokens.WithLabelValues(t.Issuer, outcome).Inc()
	if extra, ok := r.Context().Value(caddyhttp.ExtraLogFieldsCtxKey).(*caddyhttp.ExtraLogFields); ok {
		extra.Set(zap.String("webhook_outcome", outcome))
	}
}

// Interface guards
var (
	_ caddy.Provisioner           = (*Token)(nil)
	_ caddyhttp.MiddlewareHandler = (*Token)(nil)
)
