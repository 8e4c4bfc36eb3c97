package handlers

import (
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/caddy-webhooks/caddy-webhooks/handlers/webhook"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// Sign is a middleware that signs verified webhooks by
// [Standard Webhooks](https://www.standardwebhooks.com), so that an app has to
// know one scheme only, whichever provider sent them.
//
// It sets the headers `webhook-id`, `webhook-timestamp` and
// `webhook-signature`. The signature covers the body as it goes upstream; a
// rewrite has to come before. The id is the provider's delivery id, or a hash
// of the event where there is none or where it has other characters than
// letters, digits, hyphens and underscores, so that a retry has the same one.
//
// What passes unverified, because its endpoint has `observe`, is not signed: it
// goes upstream without these headers.
type Sign struct {
	// Keys in the form whsec_<base64> (symmetric, 24 to 64 bytes) or
	// whsk_<base64> (Ed25519). Each adds a signature. Placeholders such as
	// {env.NAME} and {file./path} are replaced when the configuration loads, and
	// again when the file changes.
	Secrets []string `json:"secrets,omitempty"`

	signer *atomic.Pointer[verify.Signer]
	now    func() time.Time
}

// CaddyModule returns the Caddy module information.
func (Sign) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.handlers.webhook_sign",
		New: func() caddy.Module { return new(Sign) },
	}
}

// Provision fills in the secrets.
func (s *Sign) Provision(ctx caddy.Context) error {
	if err := new(App).checkWritten("secret", s.Secrets); err != nil {
		return fmt.Errorf("webhook_sign: %w", err)
	}
	config, err := expandCredentials(verify.Config{Secrets: s.Secrets}, ctx.Logger())
	if err != nil {
		return fmt.Errorf("webhook_sign: %w", err)
	}
	signer, err := verify.NewSigner(config.Secrets)
	if err != nil {
		return fmt.Errorf("webhook_sign: %w", err)
	}
	s.signer = new(atomic.Pointer[verify.Signer])
	s.signer.Store(signer)
	s.renew(ctx, config.Secrets)
	s.now = time.Now
	return nil
}

// renew takes up secrets that change in their files.
func (s *Sign) renew(ctx caddy.Context, secrets []string) {
	app, err := ctx.App(webhook.AppName)
	if err != nil {
		return // nor can anything have been verified that would be signed
	}
	renew(&app.(*App).watch, s.Secrets, &renewal[[]string]{
		handler: "webhook_sign", whose: zap.Skip(), logger: ctx.Logger(), current: secrets,
		read: func() ([]string, error) {
			config, err := expandCredentials(verify.Config{Secrets: s.Secrets}, nil)
			return config.Secrets, err
		},
		use: func(secrets []string) error {
			signer, err := verify.NewSigner(secrets)
			if err == nil {
				s.signer.Store(signer)
			}
			return err
		},
	})
}

func (s *Sign) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	v, ok := webhook.VerifiedOf(r)
	if !ok {
		return caddyhttp.Error(http.StatusInternalServerError,
			errors.New("webhook_sign works only after webhook_auth or inside handle_webhook"))
	}
	if v.Event.Refusal != nil {
		// The endpoint only observes. The app shall not take for genuine what nobody has verified.
		for _, name := range []string{verify.StandardID, verify.StandardTimestamp, verify.StandardSignature} {
			r.Header.Del(name)
		}
		return next.ServeHTTP(w, r)
	}
	// Not the event's payload: another handler may have changed the body.
	if err := webhook.BufferBody(r, v); err != nil {
		return err
	}
	var body []byte
	if held := webhook.BodyOf(r); held != nil {
		body = held.Content
	}
	signer := s.signer.Load()
	if signer.Copies() {
		if err := v.Buffer.Charge(int64(len(body))); err != nil {
			return webhook.Refuse(r, verify.Overloaded)
		}
	}
	id := v.Event.StandardID()
	timestamp, signature := signer.Sign(id, s.now(), body)
	r.Header.Set(verify.StandardID, id)
	r.Header.Set(verify.StandardTimestamp, timestamp)
	r.Header.Set(verify.StandardSignature, signature)
	return next.ServeHTTP(w, r)
}

// Interface guards
var (
	_ caddy.Provisioner           = (*Sign)(nil)
	_ caddyhttp.MiddlewareHandler = (*Sign)(nil)
)
