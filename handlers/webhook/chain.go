package webhook

import (
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// Chain is a list of handlers of which each calls the one after it. Unlike a
// Route of Caddy's, whose matchers it does without, it makes nothing anew for a
// request as long as it is one handler.
type Chain []caddyhttp.MiddlewareHandler

func (c Chain) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	switch len(c) {
	case 0:
		return next.ServeHTTP(w, r)
	case 1:
		return c[0].ServeHTTP(w, r, next)
	}
	return c[0].ServeHTTP(w, r, caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		return c[1:].ServeHTTP(w, r, next)
	}))
}
