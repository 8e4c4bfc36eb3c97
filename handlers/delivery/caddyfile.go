package delivery

import (
	"maps"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	fromcaddyfile "github.com/caddy-webhooks/caddy-webhooks/caddyfile"
	"github.com/caddy-webhooks/caddy-webhooks/handlers/webhook"
)

// What ParseSign and ParseDeliver tell each other of the block they stand in.
const (
	SignsOutside = "webhook_sign"
	DeliversHere = "webhook_deliver"

	SignInside = "webhook_sign in front of webhook_deliver would sign once, and later attempts would have an old signature; " +
		"put it into the destination, where each attempt is signed"
)

// ParseDeliver sets up a handler from the directive webhook_deliver. See
// caddyfile.ParseDeliver for its syntax.
func ParseDeliver(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	h.Next() // consume the directive's name
	if h.BlockState[webhook.AsksHere] != nil {
		return nil, h.Err(webhook.ErrSynchronous.Error())
	}
	if h.BlockState[SignsOutside] != nil {
		return nil, h.Err(SignInside)
	}
	h.BlockState[DeliversHere] = h.Line()
	config, err := fromcaddyfile.ParseDeliver(h.Dispenser)
	if err != nil {
		return nil, err
	}
	d := &Deliver{
		Name: config.Name, Mode: config.Mode, Ack: config.Ack, Success: config.Success,
		Wait: caddy.Duration(config.Wait), Timeout: caddy.Duration(config.Timeout),
	}
	d.RetryOn, d.Order, d.Concurrency, d.Delay = config.RetryOn, config.Order, config.Concurrency, config.Delay
	if config.RateCount > 0 {
		d.Rate = &Rate{Count: config.RateCount, Per: caddy.Duration(config.RatePer)}
	}
	if config.Breaker != nil {
		d.Breaker = &Breaker{Failures: config.Breaker.Failures, Pause: caddy.Duration(config.Breaker.Pause)}
	}
	for _, delay := range config.Retry {
		d.Retry = append(d.Retry, caddy.Duration(delay))
	}
	for i := range config.To {
		to, err := parseDestination(h, &config.To[i])
		if err != nil {
			return nil, err
		}
		d.To = append(d.To, to)
	}
	return d, nil
}

// parseDestination makes the routes of a destination.
func parseDestination(h httpcaddyfile.Helper, to *fromcaddyfile.DeliverTo) (*Destination, error) {
	block := to.Block
	if block == nil {
		block = proxyBlock(h, to.Upstreams)
	}
	inside := h.WithDispenser(block)
	inside.BlockState = maps.Clone(h.BlockState)
	delete(inside.BlockState, DeliversHere)
	handler, err := httpcaddyfile.ParseSegmentAsSubroute(inside)
	if err != nil {
		return nil, err
	}
	return &Destination{Name: to.Name, Subroute: *handler.(*caddyhttp.Subroute)}, nil
}

// proxyBlock is the block that upstreams are short for.
func proxyBlock(h httpcaddyfile.Helper, upstreams []string) *caddyfile.Dispenser {
	at := h.Token()
	var tokens []caddyfile.Token
	add := func(line int, text string) {
		at.Line, at.Text = line, text
		tokens = append(tokens, at)
	}
	line := at.Line
	add(line, "to")
	add(line, "{")
	add(line+1, "webhook_proxy")
	for _, upstream := range upstreams {
		add(line+1, upstream)
	}
	add(line+2, "}")
	return caddyfile.NewDispenser(tokens)
}
