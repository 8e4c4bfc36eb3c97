package verify

import "slices"

// What a provider signs is said here, and nowhere else: the fields of its
// content, and what they stand for. {id} is the header that the id is read
// from, {timestamp} that of the time, the body all of its members.

// Coverage says how much of a request the provider's own scheme signs, in
// whichever way.
func (p *Provider) Coverage() Coverage {
	least := SignedBody
	for _, way := range p.root.ways {
		switch way.coverage() {
		case SignedNothing:
			return SignedNothing
		case SignedFields:
			least = SignedFields
		}
	}
	return least
}

// coverage says how much is signed in this way.
func (p *Provider) coverage() Coverage {
	switch {
	case p.Spec.Scheme == "jwt" && p.Spec.JWT.BodyHash != nil:
		return SignedBody
	case p.Spec.Scheme == "aws_sns", p.Spec.Scheme == "paypal":
		return SignedFields
	case p.signature == nil:
		return SignedNothing
	case p.bodyHash != nil && !p.Spec.BodyHash.ExceptForms:
		return SignedBody
	default:
		return p.contentCoverage()
	}
}

// contentCoverage says how much of a request the content binds.
func (p *Provider) contentCoverage() Coverage {
	signed := SignedNothing
	p.content.each(func(f *field) {
		switch {
		case f.kind == wholeBody || f.isBodyHash():
			signed = SignedBody
		case f.kind == literalText || f.kind == secretKey || f.kind == headerNames || p.datesOnly(f):
		case signed == SignedNothing:
			signed = SignedFields
		}
	})
	return signed
}

// datesOnly reports whether a field says nothing but when a request was sent.
func (p *Provider) datesOnly(f *field) bool {
	return f.kind == statedTimestamp || f.inHead() && p.isTime(f)
}

// SignedFields names the fields that the provider's own scheme signs, in their
// order.
func (p *Provider) SignedFields() []string {
	switch {
	case p.Spec.Scheme == "jwt" && p.Spec.JWT.BodyHash != nil:
		return []string{"body"}
	case p.Spec.Scheme == "aws_sns":
		return prefixed("body.", snsSigned["Notification"])
	case p.Spec.Scheme == "paypal":
		return []string{"header.Paypal-Transmission-Id", "timestamp", "crc32"}
	}
	var names []string
	p.content.each(func(f *field) {
		if f.kind != literalText && f.kind != secretKey {
			names = append(names, f.String())
		}
	})
	return names
}

func prefixed(prefix string, names []string) []string {
	var out []string
	for _, name := range names {
		out = append(out, prefix+name)
	}
	return out
}

// SignedPlaces names all that Signs is true for: the signed fields that nobody
// can change alone, the places that they stand for, and event, id and
// timestamp. Of what lies inside such a place, as a member of the body does, it
// names nothing.
func (p *Provider) SignedPlaces() []string {
	var names []string
	for i := range p.covered {
		if name := p.covered[i].String(); p.Signs(name) {
			names = append(names, name)
		}
	}
	for _, name := range []string{"event", "id", "timestamp"} {
		if p.Signs(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Signs reports whether the provider's own scheme signs a field, which is
// named as in a Spec: "body.id", "header.X-Event". The event's name and the
// delivery's id are signed if every place is where they may be.
func (p *Provider) Signs(name string) bool {
	for _, way := range p.root.ways {
		if !way.signsNamed(name) {
			return false
		}
	}
	return true
}

// signsNamed is Signs for this way alone.
func (p *Provider) signsNamed(name string) bool {
	switch name {
	case "event":
		return p.signsAll(p.event)
	case "id":
		return p.coversAlias(deliveryID) && p.ownID() || p.signsAll(p.id)
	case "timestamp":
		return p.coversAlias(statedTimestamp) || len(p.timestamp.from.templates) > 0 && p.signsAll(p.timestamp.from)
	}
	f, err := parseField(name)
	return err == nil && p.signs(&f)
}

// ownID reports whether the delivery's id is the one that content means.
func (p *Provider) ownID() bool {
	return p.Spec.contentID == nil || slices.Equal(p.Spec.contentID, p.Spec.ID)
}

func (p *Provider) coversAlias(kind fieldKind) bool {
	return slices.ContainsFunc(p.covered, func(f field) bool { return f.kind == kind })
}

func (p *Provider) signs(f *field) bool {
	return f.inDocument() && p.coverage() == SignedBody ||
		slices.ContainsFunc(p.covered, func(covered field) bool { return p.binds(&covered, f) })
}

// binds reports whether a field cannot change while another one stays.
func (p *Provider) binds(covered, f *field) bool {
	switch covered.kind {
	case wholeBody, bodySHA256Hex, bodySHA256Base64:
		return f.inDocument() || covered.equal(f)
	case signedHeaders:
		return covered.equal(f) || p.headers.binds(f)
	case bodyJSON:
		return (f.kind == bodyPath || f.kind == bodyJSON) && len(f.path) >= len(covered.path) &&
			slices.Equal(f.path[:len(covered.path)], covered.path)
	case phpForm:
		return f.kind == phpForm || f.kind == formField
	case sortedForm:
		// Without a field that holds everything, text can be moved from one name
		// or value to the next.
		return f.kind == sortedForm || p.Spec.FormField != "" && (f.kind == formField || f.kind == bodyPath || f.kind == bodyJSON)
	case requestURL, requestURI:
		return f.kind == covered.kind || f.kind == queryField
	case itemPath:
		return covered.equal(f) || f.kind == bodyPath && p.inItem(covered, f)
	default:
		return covered.equal(f)
	}
}

// inItem reports whether a path in the body is that of a field in an element of
// the array whose elements are signed.
func (p *Provider) inItem(item, f *field) bool {
	array := p.forEach.path
	if len(f.path) != len(array)+1+len(item.path) {
		return false
	}
	return slices.Equal(f.path[:len(array)], array) && slices.Equal(f.path[len(array)+1:], item.path)
}

func (p *Provider) signsAll(s sources) bool {
	if s.expression != "" && p.coverage() != SignedBody {
		return false
	}
	for _, t := range s.templates {
		for i := range t {
			if t[i].kind != literalText && !p.signs(&t[i]) {
				return false
			}
		}
	}
	return p.coverage() != SignedNothing
}

// findCovered lists the fields that are signed, and the places that they stand
// for. A field is not, if its segment is dropped without another one, or if
// text can be moved from it to its neighbour.
func (p *Provider) findCovered() {
	add := func(f field) {
		p.covered = append(p.covered, f)
		var place *field
		switch f.kind {
		case statedTimestamp:
			place, _ = p.timestamp.from.only()
		case deliveryID:
			place, _ = p.contentID.only()
		}
		if place != nil {
			p.covered = append(p.covered, *place)
		}
	}
	if p.Spec.Scheme == "aws_sns" || p.Spec.Scheme == "paypal" || p.Spec.Scheme == "jwt" && p.Spec.JWT.BodyHash != nil {
		for _, name := range p.SignedFields() {
			if f, err := parseField(name); err == nil {
				add(f)
			}
		}
		return
	}
	if p.signature == nil {
		return
	}
	for i := range p.content.segments {
		for _, f := range p.content.segments[i].covered() {
			add(f)
		}
	}
}

// covered are the fields of a segment that are signed.
func (s *segment) covered() []field {
	var fields []field
	for _, f := range s.template {
		if f.kind != literalText && f.kind != secretKey {
			fields = append(fields, f)
		}
	}
	if len(fields) > 1 && (s.ambiguous || s.droppable()) {
		return nil
	}
	return fields
}
