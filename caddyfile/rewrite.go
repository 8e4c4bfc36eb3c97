package caddyfile

import (
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"golang.org/x/net/http/httpguts"

	"github.com/caddy-webhooks/caddy-webhooks/internal/suggest"
	"github.com/caddy-webhooks/caddy-webhooks/route"
)

// ParseRewrite reads a webhook_rewrite directive, of which d has consumed the
// name and the matcher. Syntax:
//
//	webhook_rewrite [<matcher>] {
//	    body   <expr>
//	    set    <path> <expr>
//	    rename <path> <path>
//	    delete <path...>
//	    header <name> <expr>
//	    uri    <expr>
//	    as     cloudevents [binary] {
//	        type    <expr>
//	        source  <expr>
//	        id      <expr>
//	        time    <expr>
//	        subject <expr>
//	    }
//	}
//
// If signedOnly is not nil, it refuses the names of values that may not be read.
// Webhook is the handle_webhook that it stands in, or nil.
func ParseRewrite(d *caddyfile.Dispenser, signedOnly func(name string) error, webhook *Webhook) (*route.Rewrite, error) {
	if d.NextArg() {
		return nil, d.ArgErr()
	}
	rewrite := new(route.Rewrite)
	var paths *knownPaths
	if webhook != nil {
		paths = webhook.paths
	}
	start := *d
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		line := *d
		if err := parseRewriteLine(d, rewrite); err != nil {
			return nil, err
		}
		paths.checkRewrite(&line, rewrite)
		if signedOnly != nil {
			if err := checkReads(rewrite, signedOnly); err != nil {
				return nil, line.Errf("require_signed: this %s %v", line.Val(), err)
			}
		}
	}
	if _, err := route.NewRewriter(rewrite); err != nil {
		return nil, start.WrapErr(err)
	}
	paths.rewritten(rewrite)
	return rewrite, nil
}

// checkReads refuses a rewrite that reads what may not be read.
func checkReads(rewrite *route.Rewrite, signedOnly func(name string) error) error {
	rewriter, err := route.NewRewriter(rewrite)
	if err != nil {
		return nil //nolint:nilerr // it is told of when the block has ended
	}
	for _, name := range rewriter.Reads() {
		if err := signedOnly(name); err != nil {
			return err
		}
	}
	return nil
}

func parseRewriteLine(d *caddyfile.Dispenser, rewrite *route.Rewrite) error {
	switch name := d.Val(); name {
	case "body":
		return once(d, &rewrite.Body)
	case "uri":
		return parseURI(d, rewrite)
	case "header":
		header, value, err := namedExpression(d, "the name of a header")
		if err != nil {
			return err
		}
		if !httpguts.ValidHeaderFieldName(header) {
			return d.Errf("%q is not the name of a header", header)
		}
		rewrite.Headers = append(rewrite.Headers, route.Header{Name: header, Value: value})
		return nil
	case "set":
		path, value, err := namedExpression(d, "a path")
		rewrite.Edits = append(rewrite.Edits, route.Edit{Set: path, Value: value})
		return err
	case "rename":
		args := d.RemainingArgs()
		if len(args) != 2 {
			return d.Err("rename needs two paths")
		}
		rewrite.Edits = append(rewrite.Edits, route.Edit{Rename: args[0], To: args[1]})
		return noBlock(d, name)
	case "delete":
		args := d.RemainingArgs()
		if len(args) == 0 {
			return d.Err("delete needs a path")
		}
		for _, path := range args {
			rewrite.Edits = append(rewrite.Edits, route.Edit{Delete: path})
		}
		return noBlock(d, name)
	case "as":
		return parseFormat(d, rewrite)
	default:
		return d.Errf("unrecognized subdirective %s%s", name, suggest.DidYouMean(name, rewriteLines))
	}
}

// parseURI reads "uri <expr>". Values must not add to the query; that they may add
// to the path is a warning.
func parseURI(d *caddyfile.Dispenser, rewrite *route.Rewrite) error {
	line := *d
	if err := once(d, &rewrite.URI); err != nil {
		return err
	}
	rewriter, err := route.NewRewriter(&route.Rewrite{URI: rewrite.URI})
	if err != nil {
		return line.WrapErr(err)
	}
	for _, name := range rewriter.BareInPath() {
		warn(&line, "uri: "+name+" stands in the path as it came, so that / in it leads elsewhere; write escape("+name+")")
	}
	return nil
}

// rewriteLines are the names that a webhook_rewrite block may contain.
var rewriteLines = []string{"body", "set", "rename", "delete", "header", "uri", "as"}

// namedExpression reads "<name> <expr>".
func namedExpression(d *caddyfile.Dispenser, what string) (name, source string, err error) {
	if !d.NextArg() {
		return "", "", d.Errf("%s needs %s and an expression", d.Val(), what)
	}
	name = d.Val()
	source, err = compiled(d)
	return name, source, err
}

// parseFormat reads "as cloudevents [binary] { ... }".
func parseFormat(d *caddyfile.Dispenser, rewrite *route.Rewrite) error {
	if rewrite.CloudEvents != nil {
		return d.Err("as is already specified")
	}
	args := d.RemainingArgs()
	if len(args) == 0 || args[0] != "cloudevents" || len(args) > 2 || len(args) == 2 && args[1] != "binary" {
		return d.Err("as takes cloudevents, or cloudevents binary")
	}
	format := &route.CloudEvents{Binary: len(args) == 2}
	rewrite.CloudEvents = format
	attributes := map[string]*string{
		"type": &format.Type, "source": &format.Source, "id": &format.ID, "time": &format.Time, "subject": &format.Subject,
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		attribute, ok := attributes[d.Val()]
		if !ok {
			return d.Errf("unrecognized attribute %s; it can be type, source, id, time or subject", d.Val())
		}
		if err := once(d, attribute); err != nil {
			return err
		}
	}
	return nil
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
	if err := compileValue(source); err != nil {
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
	if err := compileRule(source); err != nil {
		return "", d.Errf("%s: %v", name, err)
	}
	return source, noBlock(d, name)
}
