package diagnose

import (
	"slices"
	"strings"
)

// versions are what stands before what is signed in schemes such as Slack's.
var versions = []string{"v0", "v1", "v2"}

// The bounds of the enumeration.
const (
	maxParts   = 40 // fields that are tried alone and in pairs
	maxTriples = 24
	maxTuples  = 12
	maxSubset  = 12 // members of an object whose every subset is tried
)

// common visits what most providers sign: the body, alone or with a time, an
// id, the method or the URL around it, in all orders.
func (a *components) common(prefixes []string, f visit) bool {
	near := slices.Concat(a.body, upTo(a.times, 4), upTo(a.others, 6))
	all := slices.Concat(near, upTo(a.urls, 12), a.method)
	for _, part := range all {
		heads := []string{"", "hmacsha256=", "hmac-sha256=", "sha256="}
		for _, head := range slices.Concat(heads, prefixes) {
			for _, tail := range []string{"", "\n"} {
				if !f(&content{parts: []component{part}, head: head, tail: tail}) {
					return false
				}
			}
		}
	}
	visitJoined := func(parts []component) bool { return joined(parts, versions, f) }
	return permutations(all, 2, visitJoined) &&
		permutations(near, 3, visitJoined) &&
		permutations(slices.Concat(upTo(a.body, 1), upTo(a.urls, 6), upTo(a.method, 1)), 3, visitJoined)
}

// digests visits what is hashed together with the secret instead of by it.
func (a *components) digests(f visit) bool {
	all := slices.Concat(a.body, upTo(a.times, 3), upTo(a.others, 3), upTo(a.urls, 4), upTo(a.method, 1))
	for _, holder := range a.holderNames() {
		for _, order := range a.members(holder) {
			named := keyPart
			named.name = "key"
			if !joined(append(slices.Clone(order), keyPart), nil, f) || !labelled(append(slices.Clone(order), named), f) {
				return false
			}
		}
	}
	for n := 1; n <= 3; n++ {
		if !permutations(all, n, func(parts []component) bool {
			first := slices.Insert(slices.Clone(parts), 0, keyPart)
			last := append(slices.Clone(parts), keyPart)
			both := append(slices.Clone(first), keyPart)
			return joined(first, nil, f) && joined(last, nil, f) && joined(both, nil, f)
		}) {
			return false
		}
	}
	return true
}

// canonical visits requests written line by line, or in a like form, with all
// of method, URL, time, id and body.
func (a *components) canonical(f visit) bool {
	few := slices.Concat(upTo(a.body, 1), upTo(a.times, 2), upTo(a.others, 4), upTo(a.urls, 4), upTo(a.method, 1))
	with := func(seps []string) func([]component) bool {
		return func(parts []component) bool {
			for _, sep := range seps {
				tails := []string{""}
				if strings.Contains("\n|;&", sep) && sep != "" {
					tails = append(tails, sep)
				}
				for _, tail := range tails {
					c := content{parts: parts, sep: sep, tail: tail}
					if !c.has(methodComponent) && !c.has(urlComponent) && !c.has(bodyComponent) {
						continue
					}
					if !f(&c) {
						return false
					}
				}
			}
			return true
		}
	}
	return permutations(few, 3, with(separators)) &&
		permutations(few, 4, with([]string{"\n", "", ".", ":", "|", "&", ","})) &&
		permutations(slices.Concat(upTo(a.body, 1), upTo(a.times, 1), upTo(a.others, 3), upTo(a.urls, 4), upTo(a.method, 1)), 5,
			with([]string{"\n", "", ".", ":", "|", "&"}))
}

// inside visits what signs a hash of the body, or a member of it, instead of the
// body: alone or with times, ids, the URL and the method around it, in all orders.
func (a *components) inside(f visit) bool {
	around := slices.Concat(upTo(a.times, 2), upTo(a.others, 3), upTo(a.urls, 3), upTo(a.method, 1))
	for _, part := range a.within {
		holds := func(parts []component) bool {
			return slices.ContainsFunc(parts, func(c component) bool { return c.field == part.field })
		}
		for n := 1; n <= 4; n++ {
			if !permutations(append(slices.Clone(around), part), n, func(parts []component) bool {
				return !holds(parts) || joined(parts, nil, f)
			}) {
				return false
			}
		}
	}
	return true
}

// selected visits values out of the payload, the query and the headers, in all
// orders.
func (a *components) selected(f visit) bool {
	fields := slices.Concat(upTo(a.times, 2), a.fields, upTo(a.others, 4))
	visitJoined := func(parts []component) bool { return joined(parts, nil, f) }
	visitNamed := func(parts []component) bool { return visitJoined(parts) && labelled(parts, f) }
	visitAbsent := func(parts []component) bool { return besideAbsent(parts, f) }
	return permutations(upTo(fields, maxParts), 1, visitJoined) &&
		permutations(upTo(fields, maxParts), 2, visitNamed) &&
		permutations(upTo(fields, maxParts), 1, visitAbsent) &&
		permutations(upTo(fields, maxTuples), 2, visitAbsent) &&
		permutations(upTo(fields, maxTriples), 3, visitJoined) &&
		permutations(upTo(fields, maxTuples), 4, func(parts []component) bool {
			for _, sep := range separators[:8] {
				if !f(&content{parts: parts, sep: sep}) {
					return false
				}
			}
			return true
		})
}

// absent is what languages write for a value that is not there.
var absent = []string{"undefined", "", "null", "None", "nil"}

// besideAbsent visits parts with one that is absent before, between or after
// them, or on both sides.
func besideAbsent(parts []component, f visit) bool {
	for _, sep := range separators {
		if sep == "" {
			continue
		}
		for _, nothing := range absent {
			before, after := nothing+sep, sep+nothing
			if !f(&content{parts: parts, head: before, sep: sep}) ||
				!f(&content{parts: parts, sep: sep, tail: after}) ||
				!f(&content{parts: parts, head: before, sep: sep, tail: after}) ||
				len(parts) > 1 && !f(&content{parts: parts, sep: sep + nothing + sep}) {
				return false
			}
		}
	}
	return true
}

// pairs are the ways in which names and values are joined.
var pairs = []content{
	{sep: "&", named: "="},
	{sep: ",", named: "="},
	{sep: ";", named: "="},
	{sep: "|", named: "="},
	{sep: "", named: "="},
	{sep: "\n", named: "="},
	{sep: "", bare: true},
	{sep: ";", named: ":"},
	{sep: ",", named: ":"},
	{sep: "\n", named: ":"},
	{sep: ";", named: ":", tail: ";"},
	{sep: "\n", named: ":", tail: "\n"},
}

// labelled visits parts as pairs of name and value.
func labelled(parts []component, f visit) bool {
	if slices.ContainsFunc(parts, func(a component) bool { return a.name == "" && a.kind != keyComponent }) {
		return true
	}
	for _, c := range pairs {
		c.parts = parts
		if !f(&c) {
			return false
		}
	}
	return true
}

// holders visits the values of each object in the payload, and of the form and
// the query: all of them, and all selections in their order and sorted by
// name.
func (a *components) holders(f visit) bool {
	for _, holder := range a.holderNames() {
		for _, order := range a.members(holder) {
			if !selections(order, func(parts []component) bool { return joined(parts, nil, f) && labelled(parts, f) }) {
				return false
			}
		}
	}
	return true
}

func (a *components) holderNames() []string {
	var names []string
	for _, field := range a.fields {
		if !slices.Contains(names, field.holder) {
			names = append(names, field.holder)
		}
	}
	return names
}

// members returns the values of an object in their order, and sorted by name.
func (a *components) members(holder string) [][]component {
	var members []component
	for _, field := range a.fields {
		if field.holder == holder {
			members = append(members, field)
		}
	}
	sorted := slices.SortedStableFunc(slices.Values(members), func(x, y component) int { return strings.Compare(x.name, y.name) })
	return [][]component{members, sorted}
}

// selections visits a list as a whole and with one member left out, and if it
// is short all of its selections, the longer ones first.
func selections(list []component, f func([]component) bool) bool {
	if len(list) < 2 || !f(list) {
		return len(list) < 2
	}
	if len(list) > maxSubset {
		for i := range list {
			if !f(slices.Delete(slices.Clone(list), i, i+1)) {
				return false
			}
		}
		return true
	}
	for mask := 1<<len(list) - 2; mask > 0; mask-- {
		var chosen []component
		for i := range list {
			if mask>>(len(list)-1-i)&1 == 1 {
				chosen = append(chosen, list[i])
			}
		}
		if len(chosen) > 1 && !f(chosen) {
			return false
		}
	}
	return true
}
