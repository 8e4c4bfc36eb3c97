package handlers

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/caddy-webhooks/caddy-webhooks/handlers/observe"
	"github.com/caddy-webhooks/caddy-webhooks/handlers/webhook"
	"github.com/caddy-webhooks/caddy-webhooks/route"
)

// Rewrite is a middleware that changes the payload, headers and URI of a
// verified webhook by expressions ([expr-lang](https://expr-lang.org)) over
// the event.
//
// All expressions see the event as it is before this handler, and nothing is
// changed unless all of them succeed: otherwise the request ends as a 500, and
// the upstream never gets a half-made payload.
type Rewrite struct {
	route.Rewrite

	rewriter *route.Rewriter
	logger   *zap.Logger
}

// CaddyModule returns the Caddy module information.
func (Rewrite) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.handlers.webhook_rewrite",
		New: func() caddy.Module { return new(Rewrite) },
	}
}

// Provision compiles the expressions.
func (rw *Rewrite) Provision(ctx caddy.Context) error {
	rw.logger = ctx.Logger()
	var err error
	if rw.rewriter, err = route.NewRewriter(&rw.Rewrite); err != nil {
		return fmt.Errorf("webhook_rewrite: %w", err)
	}
	return nil
}

func (rw *Rewrite) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	v, ok := webhook.VerifiedOf(r)
	if !ok {
		return caddyhttp.Error(http.StatusInternalServerError,
			errors.New("webhook_rewrite works only after webhook_auth or inside handle_webhook"))
	}
	event := v.Event
	outcome, err := rw.rewriter.Apply(event)
	if refused := v.Overloaded(r); refused != nil {
		return refused
	}
	if err == nil && outcome.URI != "" && setURI(r, outcome.URI) != nil {
		err = route.ErrURI // the other one quotes what was made of the payload
	}
	if err != nil {
		return rw.failed(r, event, err)
	}
	if event.Shown != nil {
		rw.show(event)
	}
	if outcome.Body != nil {
		event.SetOutcome(outcome)
		webhook.SetBody(r, new(webhook.Body).Hold(outcome.Body, v.BufferOf(outcome.Body), event.Body))
		removeStale(r.Header, event.StaleHeaders)
		r.Header.Set("Content-Type", outcome.ContentType)
	}
	if outcome.CloudEvent {
		for name := range r.Header {
			if strings.HasPrefix(name, "Ce-") {
				delete(r.Header, name)
			}
		}
	}
	for _, edit := range outcome.Headers {
		if edit.Value == nil {
			r.Header.Del(edit.Name)
		} else {
			r.Header.Set(edit.Name, *edit.Value)
		}
	}
	return next.ServeHTTP(w, r)
}

// failed tells why a webhook could not be rewritten, and is what the request
// ends with.
func (rw *Rewrite) failed(r *http.Request, event *route.Event, err error) error {
	event.Failure = route.Failure(err)
	fields := []zap.Field{
		webhook.EndpointOf(event).Field(), zap.String("event", event.Name), zap.String("id", event.ID),
		zap.String("reason", route.Reason(err)), zap.String("error", event.Failure),
	}
	if errors.Is(err, route.ErrAmbiguous) {
		rw.logger.Warn("a webhook is not rewritten and not forwarded", fields...)
		return webhook.Ambiguous(r)
	}
	rw.logger.Error("rewriting a webhook failed; it is not forwarded", fields...)
	if repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok {
		repl.Set(webhook.ErrorPlaceholder, observe.OutcomeRewriteFailed)
	}
	return caddyhttp.Error(http.StatusInternalServerError, errors.New("rewriting the webhook failed"))
}

// show rewrites what operators are shown of the event, which then holds nothing
// that was left out, however it is rewritten.
func (rw *Rewrite) show(event *route.Event) {
	outcome, err := rw.rewriter.Apply(event.Shown)
	switch {
	case err != nil:
		event.Shown = nil // it needs what was left out
	case outcome.Body != nil:
		event.Shown.SetBody(outcome.Body, outcome.ContentType)
	}
}

// digestHeaders hold hashes of a body.
var digestHeaders = []string{"Digest", "Content-Digest", "Repr-Digest", "Content-Md5"}

// removeStale removes headers that were made for the payload as it came.
func removeStale(header http.Header, signatures []string) {
	for _, name := range digestHeaders {
		header.Del(name)
	}
	webhook.RemoveSignatures(header, signatures)
}

// setURI changes path and query as Caddy's own rewrite handler does.
func setURI(r *http.Request, uri string) error {
	parsed, err := url.ParseRequestURI(uri)
	if err != nil {
		return err
	}
	r.URL.Path, r.URL.RawPath, r.URL.RawQuery = parsed.Path, parsed.RawPath, parsed.RawQuery
	r.RequestURI = uri
	return nil
}

// Interface guards
var (
	_ caddy.Provisioner           = (*Rewrite)(nil)
	_ caddyhttp.MiddlewareHandler = (*Rewrite)(nil)
)
