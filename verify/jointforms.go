package verify

import (
	"slices"
	"strings"
)

// delimitsItself reports whether all texts that a part can have are such that
// none begins, or ends, with another one.
func (p *Provider) delimitsItself(part *part, from side) bool {
	switch {
	case part.kind == phpForm:
		return from == fromStart // it says how long it is
	case part.isBodyHash():
		return true
	case part.kind == requestMethod:
		return delimited(p.methods(), from)
	case p.bodyHash != nil && part.equal(p.bodyHash):
		return p.Spec.BodyHash.Encoding != "base64url" && p.content.segments[part.segment].absent != "empty"
	}
	return false
}

// delimited reports whether none of the texts begins, or ends, with another.
func delimited(texts []string, from side) bool {
	for i, text := range texts {
		for k, other := range texts {
			if i != k && (from == fromStart && strings.HasPrefix(text, other) || from == fromEnd && strings.HasSuffix(text, other)) {
				return false
			}
		}
	}
	return true
}

// statesTime reports whether a part is the time, which must be one then. No
// text of a time with a layout begins or ends with another one. A member of the
// body is taken for it only where it needs that form.
func (p *Provider) statesTime(part *part, needed bool) bool {
	segment := &p.content.segments[part.segment]
	if segment.absent == "empty" || part.kind != statedTimestamp && (!p.isTime(part.field) || !needed && !part.inHead()) {
		return false
	}
	p.timestamp.signed = true
	return true
}

// mayGoOn reports whether a time without a zone could have a longer fraction of
// a second for what follows it.
func (t *timestampReader) mayGoOn(from side, texts []string, bare *field) bool {
	inFraction := func(text string) bool { return strings.Contains("0123456789.,", text[:1]) }
	return t.zoneless && from == fromStart && (bare != nil || slices.ContainsFunc(texts, inFraction))
}

// isTime reports whether a field is the only place where the time may be.
func (p *Provider) isTime(f *field) bool {
	if f.kind == statedTimestamp {
		return true
	}
	place, ok := p.timestamp.from.only()
	return ok && place.equal(f)
}

// beginsInDigit reports whether a digit is the first that is read of a text.
func (from side) beginsInDigit(text string) bool {
	c := text[0]
	if from == fromEnd {
		c = text[len(text)-1]
	}
	return c >= '0' && c <= '9'
}

// beginsInNumber reports whether the first character that is read of a text can
// stand in a number of JSON.
func (from side) beginsInNumber(text string) bool {
	c := text[:1]
	if from == fromEnd {
		c = text[len(text)-1:]
	}
	return strings.Contains("0123456789+-.eE", c)
}

// isURL reports whether a part is a URL or the end of one.
func (p *part) isURL() bool {
	return p.kind == requestURL || p.kind == requestURLBase || p.kind == requestURI || p.kind == requestPath
}

// mayStandInURL reports whether a URL can contain a text.
func mayStandInURL(text string) bool {
	const characters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~:/?#[]@!$&'()*+,;=%"
	return strings.Trim(text, characters) == ""
}
