package verify

import "io"

// hashed returns the state that Hash has begun for a key and that has seen the
// whole body, or nil.
func (m *message) hashed(key *hmacKey) *hashState {
	state := m.begun
	if state == nil || state.key != key || state.written != len(m.Body.Bytes()) {
		return nil
	}
	m.begun = nil
	return state
}

// Hash returns what may get the body of a request that Admit has let pass, piece by
// piece as it arrives, so that Verify has not to go through it once more. It is
// nil for a provider that does not sign the body by HMAC, or something that
// stands in the body before it.
func (v *Verifier) Hash(r *Request) io.Writer {
	m := v.message(r)
	for _, c := range v.checks {
		if s := signedBy(c, m); s != nil && !m.deferred && s.begin(m) {
			return m.begun
		}
	}
	return nil
}

// begin begins the code of a message with the first key, and reports whether it
// has.
func (s *signedScheme) begin(m *message) bool {
	keys, ok := s.authority.(*hmacKeys)
	if !ok || !s.provider.endsInBody {
		return false
	}
	key := keys.keys[0]
	state := key.states.Get().(*hashState)
	m.Body = &m.body // which is empty by now
	err := keys.write(key, state, m)
	m.Body = nil
	if err != nil { // Verify will say so
		key.states.Put(state)
		return false
	}
	state.written = 0
	m.begun = state
	return true
}

// signsBodyLast reports whether the signed content ends in the body, and all
// before it stands in the head.
func (p *Provider) signsBodyLast() bool {
	if len(p.content.segments) == 0 || p.forEach != nil {
		return false
	}
	head, bodies, last := message{provider: p}, 0, literalText
	inHead := true
	p.content.each(func(f *field) {
		last = f.kind
		if f.kind == wholeBody {
			bodies++
		} else {
			inHead = inHead && head.inHead(f)
		}
	})
	// A part that is dropped as a whole would take the body with it.
	end := p.content.segments[len(p.content.segments)-1]
	return inHead && bodies == 1 && last == wholeBody && end.absent != "drop"
}
