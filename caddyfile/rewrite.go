package caddyfile

import (
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-webhooks/caddy-webhooks/route"
	"github.com/caddy-webhooks/caddy-webhooks/suggest"
)

// ParseRewrite reads a webhook_rewrite directive, of which d has consumed the
// name and the matcher. Syntax:
//
//	webhook_rewrite [<matcher>] {
//	    body   <expr>
//	    header <name> <expr>
//	    uri    <expr>
//	}
func ParseRewrite(d *caddyfile.Dispenser) (*route.Rewrite, error) {
	if d.NextArg() {
		return nil, d.ArgErr()
	}
	rewrite := new(route.Rewrite)
	start := *d
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		if err := parseRewriteLine(d, rewrite); err != nil {
			return nil, err
		}
	}
	if _, err := route.NewRewriter(rewrite); err != nil {
		return nil, start.WrapErr(err)
	}
	return rewrite, nil
}

func parseRewriteLine(d *caddyfile.Dispenser, rewrite *route.Rewrite) error {
	switch name := d.Val(); name {
	case "body":
		return once(d, &rewrite.Body)
	case "uri":
		return once(d, &rewrite.URI)
	case "header":
		if !d.NextArg() {
			return d.Err("header needs a name and an expression")
		}
		header := d.Val()
		if strings.ContainsAny(header, " \t:") {
			return d.Errf("%q is not the name of a header", header)
		}
		value, err := compiled(d)
		if err != nil {
			return err
		}
		rewrite.Headers = append(rewrite.Headers, route.Header{Name: header, Value: value})
		return nil
	default:
		return d.Errf("unrecognized subdirective %s%s", name, suggest.DidYouMean(name, []string{"body", "header", "uri"}))
	}
}

// once reads an expression that may be given a single time.
func once(d *caddyfile.Dispenser, to *string) error {
	if *to != "" {
		return d.Errf("%s is already specified", d.Val())
	}
	source, err := compiled(d)
	*to = source
	return err
}

// compiled reads the rest of the line as an expression and tries it.
func compiled(d *caddyfile.Dispenser) (string, error) {
	name := d.Val()
	source, err := expression(d)
	if err != nil {
		return "", err
	}
	if _, err := route.CompileValue(source); err != nil {
		return "", d.Errf("%s: %v", name, err)
	}
	return source, noBlock(d, name)
}

// ParseRule reads the rest of the line as an expression that gives a boolean.
func ParseRule(d *caddyfile.Dispenser) (string, error) {
	name := d.Val()
	source, err := expression(d)
	if err != nil {
		return "", err
	}
	if _, err := route.CompileRule(source); err != nil {
		return "", d.Errf("%s: %v", name, err)
	}
	return source, noBlock(d, name)
}
