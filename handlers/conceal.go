package handlers

import (
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/caddy-webhooks/caddy-webhooks/handlers/webhook"
	"github.com/caddy-webhooks/caddy-webhooks/route"
)

// conceal answers to an error that Caddy's server would log beside all headers and
// the URL of the request, where these have a token that the log would show. The
// answer is the server's, and what went wrong is logged here, without the request.
// The server's error routes get every error: what they answer to it logs for
// debugging only. That they may fail is warned of at load.
func (a *Auth) conceal(w http.ResponseWriter, r *http.Request, event *route.Event, err error) error {
	if err == nil || !a.shown {
		return err
	}
	server, ok := r.Context().Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	if !ok || hasErrorRoutes(server) {
		return err
	}
	failure := caddyhttp.Error(http.StatusInternalServerError, err)
	if failure.StatusCode < http.StatusInternalServerError {
		return err // the server logs it for debugging only
	}
	if event != nil { // else it was told of why it is refused
		a.logger.Error("webhook failed",
			webhook.EndpointOf(event).Field(), zap.String("event", event.Name), zap.String("id", event.ID),
			zap.Int("status", failure.StatusCode), zap.String("error", hiding.now().text(failure.Err.Error())),
			zap.String("err_id", failure.ID), zap.String("err_trace", failure.Trace),
			zap.String("method", r.Method), zap.String("path", r.URL.Path), zap.String("client_ip", webhook.ClientIP(r)))
	}
	w.WriteHeader(failure.StatusCode)
	return nil
}
