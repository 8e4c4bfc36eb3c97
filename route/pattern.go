package route

import (
	"slices"
	"strings"
)

// Patterns are event names, of which any may match. A star stands for any run
// of characters, also an empty one.
type Patterns []string

// Match reports whether one of the patterns matches the event's name.
func (p Patterns) Match(name string) bool {
	return slices.ContainsFunc(p, func(pattern string) bool { return matchPattern(pattern, name) })
}

func matchPattern(pattern, name string) bool {
	first, rest, starred := strings.Cut(pattern, "*")
	if !starred {
		return pattern == name
	}
	name, ok := strings.CutPrefix(name, first)
	if !ok {
		return false
	}
	pieces := strings.Split(rest, "*")
	last := pieces[len(pieces)-1]
	for _, piece := range pieces[:len(pieces)-1] {
		at := strings.Index(name, piece)
		if at < 0 {
			return false
		}
		name = name[at+len(piece):]
	}
	return strings.HasSuffix(name, last)
}

// Cover reports whether every name that others match is matched here too.
func (p Patterns) Cover(others Patterns) bool {
	// A name with a character that no pattern has stands for all that a star
	// may stand for: only a star can match it.
	const any = "\x00"
	return !slices.ContainsFunc(others, func(other string) bool {
		return !p.Match(strings.ReplaceAll(other, "*", any))
	})
}
