package diagnose

import (
	"slices"
	"strings"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// own describes the provider that a search has found. It has no name of its
// own but that of the candidate signature, and no description of the event but a guess.
func own(r *Request, c *content, k key, p candidate, scheme string) (*verify.Spec, *verify.Config, bool) {
	signature := p.signature
	spec := &verify.Spec{
		Name: p.ownName(), Scheme: scheme, Hash: hashes[len(p.code)], Key: k.encoding,
		Signature: &signature, Content: c.segments(), RefuseSeparators: c.refusesSeparators(),
	}
	if spec.Key == "utf8" {
		spec.Key = ""
	}
	config := &verify.Config{Provider: spec.Name}
	for _, part := range c.parts {
		switch {
		case part.kind == timeComponent && part.time.Tag != "" && (part.time.Tag != p.timeTag || string(part.value) != p.time):
			return nil, nil, false // the time of another header's list
		case part.kind == timeComponent:
			timestamp := *part.time
			spec.Timestamp = &timestamp
		case part.kind == urlComponent:
			config.PublicURL = part.publicURL
		}
		if encoding := hashOfBody(string(part.value), r.Body); encoding != "" && part.kind == fieldComponent && !c.has(bodyComponent) {
			spec.BodyHash = &verify.BodyHash{From: strings.Trim(part.field, "{}"), Encoding: encoding}
		}
	}
	spec.Event, spec.ID = guessEvent(r), guessID(r)
	// What was found may fall into its parts in more than one way.
	if _, err := verify.Compile(spec); err != nil && len(spec.Content) == 1 {
		spec.Content[0].Ambiguous = true
	}
	return spec, config, true
}

// guessEvent returns the field that most likely holds the event's name.
func guessEvent(r *Request) []string {
	return guess(r, []string{"event", "topic", "event-type", "eventtype"}, []string{
		"event", "event_type", "eventType", "type", "topic", "action",
	})
}

// guessID returns the field that most likely holds the delivery's id.
func guessID(r *Request) []string {
	return guess(r, []string{"id", "delivery"}, []string{"event_id", "eventId", "id"})
}

// guess returns a header whose name ends in one of the words, else a member of
// the payload.
func guess(r *Request, words, members []string) []string {
	for _, t := range headerTexts(r.Header) {
		name := strings.TrimPrefix(t.name, "header.")
		for _, word := range words {
			if strings.HasSuffix(strings.ToLower(name), "-"+word) && !slices.Contains(usual, name) && !t.repeated {
				return []string{t.name}
			}
		}
	}
	present := jsonTexts(r.Body)
	for _, member := range members {
		if slices.ContainsFunc(present, func(t text) bool { return t.name == "body."+member }) {
			return []string{"body." + member}
		}
	}
	return nil
}
