package diagnose

import (
	"slices"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// content is something that may have been signed: parts, and what stands
// before, between and after them.
type content struct {
	parts           []component
	head, sep, tail string
	named           string // what stands between a part's name and its value; empty: values alone
	bare            bool   // names and values without anything between them
}

// separators are what stands between parts, the likelier ones first.
var separators = []string{".", "", ":", "|", "&", "\n", ",", "-", "_", ";", "/", " ", "+", "#", "~", "::", "||"}

// pieces calls f with all that the content consists of.
func (c *content) pieces(f func(*component)) {
	piece := func(text string) {
		if text != "" {
			a := literal(text)
			f(&a)
		}
	}
	piece(c.head)
	for i := range c.parts {
		if i > 0 {
			piece(c.sep)
		}
		if c.named != "" || c.bare {
			piece(c.parts[i].name + c.named)
		}
		f(&c.parts[i])
	}
	piece(c.tail)
}

// write appends the content to a buffer, as it is with a key.
func (c *content) write(to []byte, key []byte) []byte {
	to = append(to, c.head...)
	for i := range c.parts {
		part := &c.parts[i]
		if i > 0 {
			to = append(to, c.sep...)
		}
		if c.named != "" || c.bare {
			to = append(append(to, part.name...), c.named...)
		}
		if part.kind == keyComponent {
			to = append(to, key...)
		} else {
			to = append(to, part.value...)
		}
	}
	return append(to, c.tail...)
}

// has reports whether a kind of part is in the content.
func (c *content) has(kind componentKind) bool {
	return slices.ContainsFunc(c.parts, func(a component) bool { return a.kind == kind })
}

// segments writes the content as a provider's description does.
func (c *content) segments() verify.Content {
	var list verify.Content
	c.pieces(func(a *component) {
		last := len(list) - 1
		if last >= 0 && (list[last].Lower == a.lower || a.kind == literalComponent && !list[last].Lower) {
			list[last].Text += a.field
			return
		}
		list = append(list, verify.Segment{Text: a.field, Lower: a.lower})
	})
	return list
}

// refusesSeparators reports whether values could be moved from one part to the
// next, if they held the separator.
func (c *content) refusesSeparators() bool {
	fields := 0
	for _, part := range c.parts {
		if part.kind == fieldComponent {
			fields++
		}
	}
	return fields > 1 && c.sep != "" && !c.has(bodyComponent)
}

// visit is told of a content and answers whether to go on.
type visit func(*content) bool

// permutations visits all ordered selections of n parts of which at most one
// is a time, a URL, a method, a form of the body, and the key.
func permutations(from []component, n int, f func([]component) bool) bool {
	chosen := make([]component, 0, n)
	taken := make([]bool, len(from))
	var choose func() bool
	choose = func() bool {
		if len(chosen) == n {
			return f(chosen)
		}
		for i := range from {
			if taken[i] || from[i].kind != fieldComponent && slices.ContainsFunc(chosen, func(a component) bool { return a.kind == from[i].kind }) {
				continue
			}
			taken[i] = true
			chosen = append(chosen, from[i])
			goOn := choose()
			chosen = chosen[:len(chosen)-1]
			taken[i] = false
			if !goOn {
				return false
			}
		}
		return true
	}
	return n > len(from) || choose()
}

// joined visits the parts with all separators, and with a text before them.
func joined(parts []component, heads []string, f visit) bool {
	for _, sep := range separators {
		if len(parts) == 1 && sep != "." {
			break // nothing to separate
		}
		for _, head := range append([]string{""}, heads...) {
			if head != "" {
				head += sep
			}
			if !f(&content{parts: parts, head: head, sep: sep}) {
				return false
			}
		}
	}
	return true
}

// upTo returns the first n parts of a list.
func upTo(list []component, n int) []component { return list[:min(n, len(list))] }
