package handlers

import (
	"encoding/json"
	"maps"
	"strconv"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	fromcaddyfile "github.com/caddy-webhooks/caddy-webhooks/caddyfile"
	"github.com/caddy-webhooks/caddy-webhooks/handlers/delivery"
	"github.com/caddy-webhooks/caddy-webhooks/handlers/webhook"
)

// ParseAuth sets up a handler from the directive webhook_auth. See
// caddyfile.ParseAuth for its syntax.
func ParseAuth(h httpcaddyfile.Helper) ([]httpcaddyfile.ConfigValue, error) {
	place, matcher, app, err := beginEndpoint(h)
	if err != nil {
		return nil, err
	}
	endpoint, err := fromcaddyfile.ParseAuth(h.Dispenser, app.resolved)
	if err != nil {
		return nil, err
	}
	if err := place.name(h, endpoint); err != nil {
		return nil, err
	}
	if matcher == nil && asks(app, &endpoint.Config) {
		h.BlockState[webhook.AsksHere] = h.Line()
		if h.BlockState[delivery.DeliversHere] != nil {
			return nil, h.Err(webhook.ErrSynchronous.Error())
		}
	}
	return h.NewRoute(matcher, &Auth{Endpoint: *endpoint}), nil
}

// ParseRewrite sets up a handler from the directive webhook_rewrite. See
// caddyfile.ParseRewrite for its syntax.
func ParseRewrite(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	h.Next() // consume the directive's name
	check, _ := h.BlockState[signedOnly].(func(string) error)
	block, inWebhook := h.BlockState[webhookHere].(*fromcaddyfile.Webhook)
	rewrite, err := fromcaddyfile.ParseRewrite(h.Dispenser, check, block)
	if err != nil {
		return nil, err
	}
	if inWebhook {
		if err := block.CheckPersonal(rewrite); err != nil {
			return nil, h.WrapErr(err)
		}
	}
	if rewrite.Body != "" || rewrite.Edits != nil || rewrite.CloudEvents != nil {
		delete(h.BlockState, signedOnly) // what may be read of the new payload is known when it is there
	}
	if provider, ok := h.BlockState[namelessHere].(string); ok && rewrite.CloudEvents != nil && rewrite.CloudEvents.Type == "" {
		return nil, h.Errf("as cloudevents can never work here: a CloudEvent needs a type, and %s has no event's name to be one; "+
			"write type, as in type provider, into the block of as cloudevents, or event into that of handle_webhook", provider)
	}
	return &Rewrite{Rewrite: *rewrite}, nil
}

// signedOnly is what ParseHandleWebhook tells the directives inside it by: what
// refuses the names of values that they may not read.
const signedOnly = "webhook_signed_only"

// namelessHere is what tells the directives of a handle_webhook the provider's
// name, if none of its events has a name.
const namelessHere = "webhook_nameless"

// webhookHere is the handle_webhook that a directive stands in.
const webhookHere = "handle_webhook"

// ParseSign sets up a handler from the directive webhook_sign. See
// caddyfile.ParseSign for its syntax.
func ParseSign(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	h.Next() // consume the directive's name
	if h.BlockState[delivery.SignsOutside] == nil {
		h.BlockState[delivery.SignsOutside] = h.Line()
	}
	if h.BlockState[delivery.DeliversHere] != nil {
		return nil, h.Err(delivery.SignInside)
	}
	secrets, err := fromcaddyfile.ParseSign(h.Dispenser)
	if err != nil {
		return nil, err
	}
	return &Sign{Secrets: secrets}, nil
}

// ParseToken sets up a handler from the directive webhook_token. See
// caddyfile.ParseToken for its syntax.
func ParseToken(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	h.Next() // consume the directive's name
	config, err := fromcaddyfile.ParseToken(h.Dispenser)
	if err != nil {
		return nil, err
	}
	return &Token{Config: *config}, nil
}

// ParseHandleWebhook expands the directive handle_webhook. See
// caddyfile.ParseWebhook for its syntax. The block
//
//	handle_webhook /hook github {env.SECRET} {
//	    on push when body.ref == "refs/heads/main" {
//	        reverse_proxy ci:9000
//	    }
//	    otherwise {
//	        respond 204
//	    }
//	}
//
// is equivalent to this, save that an expression that fails does not match
// instead of being an error:
//
//	@hook path /hook
//	route @hook {
//	    webhook_auth github {env.SECRET}
//	    @push {
//	        webhook_event push
//	        webhook_expr body.ref == "refs/heads/main"
//	    }
//	    handle @push {
//	        reverse_proxy ci:9000
//	    }
//	    handle {
//	        respond 204
//	    }
//	}
func ParseHandleWebhook(h httpcaddyfile.Helper) ([]httpcaddyfile.ConfigValue, error) {
	place, matcher, app, err := beginEndpoint(h)
	if err != nil {
		return nil, err
	}
	block, err := fromcaddyfile.ParseWebhook(h.Dispenser, app.resolved)
	if err != nil {
		return nil, err
	}
	if err := place.name(h, &block.Endpoint); err != nil {
		return nil, err
	}
	h.BlockState[webhookHere] = block
	defer delete(h.BlockState, webhookHere)
	if block.SignedOnly != nil {
		h.BlockState[signedOnly] = block.SignedOnly
		defer delete(h.BlockState, signedOnly)
	}
	inside := h
	if asks(app, &block.Endpoint.Config) {
		inside.BlockState = maps.Clone(h.BlockState)
		inside.BlockState[webhook.AsksHere] = h.Line()
	}
	routes, err := branchRoutes(inside, block)
	if err != nil {
		return nil, err
	}
	if block.Endpoint.Observe && block.Endpoint.Tenant != nil {
		if err := checkObserved(routes); err != nil {
			return nil, place.directive.WrapErr(err)
		}
	}
	both := caddyhttp.Route{HandlersRaw: append(rawHandlers(h, &Auth{Endpoint: block.Endpoint}), rawHandlers(h, routes)...)}
	if matcher == nil {
		// A named route that is just one without matchers keeps its first handler only.
		return h.NewRoute(nil, &caddyhttp.Subroute{Routes: caddyhttp.RouteList{both}}), nil
	}
	both.MatcherSetsRaw = caddyhttp.RawMatcherSets{matcher}
	return []httpcaddyfile.ConfigValue{{Class: "route", Value: both}}, nil
}

// rawHandlers returns a handler as JSON. Of a subroute that is but a list of
// handlers it returns these, since each subroute is made anew for each request.
func rawHandlers(h httpcaddyfile.Helper, handler caddyhttp.MiddlewareHandler) []json.RawMessage {
	whole := h.NewRoute(nil, handler)[0].Value.(caddyhttp.Route).HandlersRaw
	subroute, ok := handler.(*caddyhttp.Subroute)
	if !ok || subroute.Errors != nil {
		return whole
	}
	var all []json.RawMessage
	for i := range subroute.Routes {
		if way := &subroute.Routes[i]; way.MatcherSetsRaw != nil || way.Group != "" || way.Terminal {
			return whole
		}
		all = append(all, subroute.Routes[i].HandlersRaw...)
	}
	return all
}

// branchRoutes makes one route of each block.
func branchRoutes(h httpcaddyfile.Helper, block *fromcaddyfile.Webhook) (*Routes, error) {
	routes := &Routes{Provider: block.Endpoint.Provider, Endpoint: block.Endpoint.Name}
	state := make(map[string]any)
	maps.Copy(state, h.BlockState)
	delete(state, namelessHere)
	if !block.NamesEvents {
		state[namelessHere] = block.Endpoint.Provider
	}
	add := func(name string, block *caddyfile.Dispenser, matcher caddy.ModuleMap) error {
		inside := h.WithDispenser(block)
		inside.BlockState = state
		handler, err := httpcaddyfile.ParseSegmentAsSubroute(inside)
		if err != nil {
			return err
		}
		way := h.NewRoute(matcher, handler)[0].Value.(caddyhttp.Route)
		way.HandlersRaw = rawHandlers(h, handler)
		routes.Routes = append(routes.Routes, NamedRoute{Name: name, Route: way})
		return nil
	}
	for i, branch := range block.Branches {
		matcher := make(caddy.ModuleMap)
		if len(branch.Events) > 0 || len(branch.Categories) > 0 {
			matcher["webhook_event"] = moduleJSON(MatchEvent{Names: branch.Events, Categories: branch.Categories})
		}
		if branch.When != "" {
			matcher["webhook_expr"] = moduleJSON(MatchExpr{Expr: branch.When, FailAsFalse: true})
		}
		if err := add("on "+strconv.Itoa(i+1), branch.Block, matcher); err != nil {
			return nil, err
		}
	}
	if block.Otherwise != nil {
		if err := add("otherwise", block.Otherwise, nil); err != nil {
			return nil, err
		}
	}
	return routes, nil
}

func moduleJSON(value any) json.RawMessage { return caddyconfig.JSON(value, nil) }
