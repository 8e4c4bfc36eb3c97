package verify

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// joints say how the text that is signed can be taken apart again. Where it
// could be in two ways, whoever has seen a signature could move bytes from one
// part to its neighbour and send another request under it.
//
// There is one part, or one segment, that may hold anything. What stands before
// it is taken off from the beginning of the text, part by part, what stands
// behind it from the end, and what is left belongs to it. So each of the others
// must be found by itself: by the literal text beside it, which it must not
// contain, or by its own form, if no text of that form begins or ends with
// another one.
type joints struct {
	parts   []part
	checked []int  // the parts of which something is demanded
	drops   []drop // segments that are missed only if it can be seen that they are
	strict  int    // how many parts must be JSON; fewer is better
	empty   bool   // it can be that nothing of the request is signed
}

// part is a field or a literal text of the content, in its place.
type part struct {
	*field
	segment int
	text    string // of a literal, as it is written

	side    side     // where the part that may hold anything stands
	between []string // the texts on the side away from it, which end the part
	json    bool     // it is the body, or the form's only field, and must be JSON
	exact   bool     // space around it could belong to its neighbour
	clean   bool     // it must not hold a NUL, which the padding of a hash does
	value   bool     // it is the JSON of a value, which must show where it ends
	number  bool     // the value may be a number: what stands beside it ends it
}

// side is the direction in which a text is taken apart.
type side int

const (
	fromStart side = 1
	fromEnd   side = -1
)

// drop is a segment that may be left out. Its literal text at its outer end
// tells whether it was.
type drop struct {
	segment int
	text    string
	side    side
}

// compileJoints finds the part that may hold anything for which the least is
// demanded of the others.
func compileJoints(p *Provider) (*joints, error) {
	parts := p.content.parts()
	if err := p.content.checkDrops(); err != nil {
		return nil, err
	}
	candidates, err := p.content.openParts(parts)
	if err != nil {
		return nil, err
	}
	var best *joints
	var failure error
	for _, open := range candidates {
		j := &joints{parts: slices.Clone(parts)}
		switch err := j.confine(p, open[0], open[1]); {
		case err != nil && failure == nil:
			failure = err
		case err == nil && (best == nil || j.strict < best.strict):
			best = j
		}
	}
	if best == nil && len(candidates) > 0 {
		return nil, failure
	}
	if best == nil {
		best = &joints{parts: parts}
	}
	if p.Spec.Scheme == "digest" {
		best.refuseExtensions()
	}
	best.finish(p)
	return best, nil
}

// parts lists the fields and texts of all segments.
func (c *content) parts() []part {
	var parts []part
	for i := range c.segments {
		for k := range c.segments[i].template {
			f := &c.segments[i].template[k]
			text := ""
			if f.kind == literalText {
				if text = f.name; c.segments[i].lower {
					text = strings.ToLower(text)
				}
			}
			parts = append(parts, part{field: f, segment: i, text: text})
		}
	}
	return parts
}

// checkDrops refuses segments whose absence would leave nothing that proves
// anything.
func (c *content) checkDrops() error {
	dropped := 0
	for i := range c.segments {
		s := &c.segments[i]
		if s.absent != "drop" {
			continue
		}
		dropped++
		for k := range s.template {
			switch s.template[k].kind {
			case wholeBody:
				return errors.New("content: {body} stands in a segment that is dropped where a field is absent, so any " +
					"body would pass without that field; write the body as a segment of its own")
			case secretKey:
				return errors.New("content: {key} stands in a segment that is dropped where a field is absent, so anybody " +
					"could sign without that field; write the key as a segment of its own")
			}
		}
	}
	if dropped > 0 && dropped == len(c.segments) {
		return errors.New("content: all of it is dropped where its fields are absent, so one signature would be good for " +
			"any request without them; leave drop out of one segment")
	}
	return nil
}

// openParts are the first and the last of the parts that may hold anything, in
// the order in which they are tried: the body, then the later ones first. A
// segment that is ambiguous leaves no choice.
func (c *content) openParts(parts []part) ([][2]int, error) {
	var candidates, ambiguous [][2]int
	for i := range parts {
		switch f := parts[i].field; {
		case f.kind == literalText || f.kind == secretKey:
		case c.segments[parts[i].segment].ambiguous:
			if n := len(ambiguous); n > 0 && parts[ambiguous[n-1][0]].segment == parts[i].segment {
				ambiguous[n-1][1] = i
				break
			}
			ambiguous = append(ambiguous, [2]int{i, i})
		case f.kind == wholeBody:
			candidates = slices.Insert(candidates, 0, [2]int{i, i})
		default:
			at := 0
			for at < len(candidates) && parts[candidates[at][0]].kind == wholeBody {
				at++
			}
			candidates = slices.Insert(candidates, at, [2]int{i, i})
		}
	}
	switch len(ambiguous) {
	case 0:
		return candidates, nil
	case 1:
		return ambiguous, nil
	default:
		return nil, errors.New("content: only one segment can be ambiguous")
	}
}

// confine demands of all parts outside first and last what makes them found.
func (j *joints) confine(p *Provider, first, last int) error {
	for i := range first {
		if err := j.confinePart(p, i, fromStart); err != nil {
			return err
		}
	}
	for i := len(j.parts) - 1; i > last; i-- {
		if err := j.confinePart(p, i, fromEnd); err != nil {
			return err
		}
	}
	open := j.parts[first].segment
	for i := range j.parts {
		segment, outer := j.parts[i].segment, i
		if !p.content.segments[segment].droppable() || segment == open || i > 0 && j.parts[i-1].segment == segment {
			continue
		}
		toward := fromStart
		if segment > open {
			toward = fromEnd
			for outer+1 < len(j.parts) && j.parts[outer+1].segment == segment {
				outer++
			}
		}
		if j.parts[outer].kind != literalText {
			return fmt.Errorf("content: where %s is absent, it cannot be told from what is signed beside it; "+
				"write the text with which the provider marks it", j.parts[outer].field)
		}
		j.drops = append(j.drops, drop{segment, j.parts[outer].text, toward})
	}
	return nil
}

// confinePart demands of a part what makes its end known to whoever reads from
// a side.
func (j *joints) confinePart(p *Provider, i int, from side) error {
	part := &j.parts[i]
	if part.kind == literalText || part.kind == secretKey {
		return nil
	}
	part.side = from
	texts, bare := j.neighbours(p, i, from)
	switch {
	case part.kind == wholeBody, part.kind == sortedForm && p.Spec.FormField != "":
		part.json = true
		part.exact = len(texts) > 0 || bare == nil || bare.kind != requestURL || from == fromEnd // no URL begins with space
		j.strict++
		return nil
	case p.delimitsItself(part, from):
		return nil
	case part.kind == bodyJSON && !p.content.segments[part.segment].lower && p.content.segments[part.segment].absent != "empty":
		part.value, part.number = true, bare == nil && !slices.ContainsFunc(texts, from.beginsInNumber)
		return nil
	case !p.timestamp.mayGoOn(from, texts, bare) && p.statesTime(part, bare != nil):
		if p.timestamp.layouts == nil && (bare != nil || slices.ContainsFunc(texts, from.beginsInDigit)) {
			p.timestamp.fixed = true
		}
		return nil
	case bare != nil:
		left, right := part.field, bare
		if from == fromEnd {
			left, right = right, left
		}
		return fmt.Errorf("content: nothing stands between %s and %s, so that text could be moved from one to the other "+
			"under the same signature; write the text with which the provider separates them, name the time {timestamp}, "+
			"or write ambiguous after the template: both count as not signed then", left, right)
	case part.isURL() && slices.ContainsFunc(texts, mayStandInURL):
		return fmt.Errorf("content: %s can hold the text that follows it, so that text could be moved from it to its "+
			"neighbour under the same signature; write ambiguous after the template: all of that segment counts as not signed then", part.field)
	}
	for _, text := range texts {
		// Of one byte no part can stand in the value, and refuse_separators has
		// refused a value with all of it.
		refused := p.content.refuseSeparators && !p.content.segments[part.segment].lower && p.content.separates(text)
		if !refused || len(text) > 1 {
			part.between = append(part.between, text)
		}
	}
	return nil
}

// neighbours returns the texts that may follow a part in the direction of
// reading, and a field that may follow it without one.
func (j *joints) neighbours(p *Provider, i int, from side) (texts []string, bare *field) {
	segment := j.parts[i].segment
	for k := i + int(from); k >= 0 && k < len(j.parts); k += int(from) {
		next := &j.parts[k]
		entered := next.segment != segment
		if entered || k == i+int(from) {
			switch next.kind {
			case literalText:
				texts = append(texts, next.text)
			case secretKey: // nobody else can write it
			default:
				bare = next.field
			}
		}
		if !entered && k == i+int(from) || entered && !p.content.segments[next.segment].droppable() {
			return texts, bare
		}
		segment = next.segment
	}
	return texts, bare
}

// refuseExtensions demands of what a digest reads after the key that nobody can
// lengthen it: whoever knows the digest of a text knows that of the text with
// some padding and anything after it. Where the key comes last, he does not.
func (j *joints) refuseExtensions() {
	after := false
	for i := range j.parts {
		part := &j.parts[i]
		switch {
		case part.kind == secretKey:
			after = true
		case j.parts[len(j.parts)-1].kind == secretKey || !after || part.kind == literalText:
		case part.kind == wholeBody:
			part.json = true
		default:
			part.clean = true
		}
	}
}

// finish finds what has to be checked of a request.
func (j *joints) finish(p *Provider) {
	j.empty = true
	for i := range j.parts {
		part := &j.parts[i]
		switch part.kind {
		case literalText, secretKey:
			continue
		case wholeBody, bodyCRC32, bodySHA256Hex, bodySHA256Base64, requestMethod, requestPath, requestURI, requestURL, requestURLBase:
			j.empty = false
		case statedTimestamp:
			p.timestamp.signed = p.timestamp.signed || p.content.segments[part.segment].absent != "empty"
		}
		if part.json || part.clean || part.value || len(part.between) > 0 {
			j.checked = append(j.checked, i)
		}
	}
}
