package caddyfile

import (
	"encoding/json"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// Archive is what the line archive of the global option webhooks says.
type Archive struct {
	Engine  json.RawMessage // what keeps the webhooks
	Redact  []string        // paths of values that are left out
	Refused bool            // what was refused is kept, too
}

// segmentArchive is the archive that can be written without its name.
const segmentArchive = "segments"

// parseArchive reads "archive [<engine>] [<path>] {" of the global option webhooks. In its
// block, redact and refused are ours; the rest is the engine's.
func parseArchive(d *caddyfile.Dispenser, options *Options) error {
	if options.HasArchive || options.Archive != nil {
		return d.Err("archive is already specified")
	}
	name, archive := segmentArchive, new(Archive)
	if ahead := *d; ahead.NextArg() && !strings.ContainsAny(ahead.Val(), "/\\.{") { // no path
		d.NextArg()
		name = d.Val()
	}
	rest := []caddyfile.Token{d.Token()}
	for d.NextArg() {
		rest = append(rest, d.Token())
	}
	block := false
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		switch d.Val() {
		case "redact":
			line := *d
			if err := appendArgs(d, &archive.Redact); err != nil {
				return err
			}
			for _, text := range archive.Redact {
				if _, err := payload.ParsePath(text); err != nil && text != verify.PersonalData {
					return line.Errf("redact: %v", err)
				}
			}
		case "refused":
			if err := noArgs(d); err != nil {
				return err
			}
			archive.Refused = true
		default:
			if !block {
				rest, block = append(rest, brace(rest, "{")), true
			}
			rest = append(rest, d.NextSegment()...)
		}
	}
	if block {
		rest = append(rest, brace(rest, "}"))
	}
	engine := caddyfile.NewDispenser(rest)
	engine.Next()
	if err := parseGuest(engine, archiveNamespace, name, "name", &archive.Engine); err != nil {
		return err
	}
	options.Archive = archive
	return nil
}

// brace returns a brace after some tokens: an opening one on their line, a closing one on
// the next.
func brace(after []caddyfile.Token, text string) caddyfile.Token {
	token := after[len(after)-1]
	token.Text = text
	if text == "}" {
		token.Line++
	}
	return token
}
