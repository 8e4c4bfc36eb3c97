package handlers

import (
	"slices"
	"sync"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap/zapcore"
)

// An error that a handler returns costs Caddy a tenth of what a refused request takes:
// it describes the request to a logger and fills placeholders, whoever needs them.
// Where nobody sees the error but the server, all that comes of it is the status.

// errorUnseen returns a function that reports whether nobody but the server would see
// an error below 500 that the handler returns which is being provisioned. It is to be
// called when the configuration runs.
func (a *App) errorUnseen(ctx caddy.Context) func() bool {
	server, ok := ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	if !ok || !onlyRoutesAround(ctx) || ctx.Logger(httpApp{}).Core().Enabled(zapcore.DebugLevel) {
		return func() bool { return false }
	}
	if a.unseen == nil {
		a.unseen = make(map[*caddyhttp.Server]func() bool)
	}
	if a.unseen[server] == nil {
		a.unseen[server] = sync.OnceValue(func() bool { return !hasErrorRoutes(server) && ignoreErrors(server.Routes) })
	}
	return a.unseen[server]
}

// onlyRoutesAround reports whether the handler that is being provisioned is in no other
// one than routes, and its server does not count errors.
func onlyRoutesAround(ctx caddy.Context) bool {
	for _, module := range ctx.Modules() {
		switch module := module.(type) {
		case *caddyhttp.App:
			if module.Metrics != nil {
				return false
			}
		case *caddyhttp.Subroute, *Auth:
		default:
			return false
		}
	}
	return true
}

// ignoreErrors reports whether all handlers of routes hand on errors and answers as
// they are.
func ignoreErrors(routes caddyhttp.RouteList) bool {
	return !slices.ContainsFunc(routes, func(route caddyhttp.Route) bool {
		return slices.ContainsFunc(route.Handlers, func(handler caddyhttp.MiddlewareHandler) bool {
			if routes, ok := handler.(*caddyhttp.Subroute); ok {
				return routes.Errors != nil || !ignoreErrors(routes.Routes)
			}
			return !ignoresErrors(handler)
		})
	})
}

// ignoresErrors reports whether a handler is known to hand on what the handlers after it
// return and answer, or has none after it.
func ignoresErrors(handler caddyhttp.MiddlewareHandler) bool {
	module, ok := handler.(caddy.Module)
	if !ok {
		return false
	}
	return slices.Contains(plainHandlers, module.CaddyModule().ID.Name())
}

// plainHandlers are those of this module, and of Caddy's those that often stand beside
// endpoints.
var plainHandlers = []string{
	"webhook_auth", "webhook_routes", "webhook_rewrite", "webhook_sign", "webhook_forward", "webhook_deliver", "webhook_token",
	"file_server", "request_body", "reverse_proxy", "rewrite", "static_response", "vars",
}
