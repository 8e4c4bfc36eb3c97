package diagnose

import (
	"crypto/hmac"
	"hash"
	"maps"
	"slices"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// effort bounds what each part of a search may hash, in bytes; each code
// counts as overhead bytes more.
const (
	effort   = 400 << 20
	overhead = 200
)

// search looks for the content and key of which one of the candidates holds the
// code.
type search struct {
	candidates map[int]map[string][]candidate // by length and code
	sizes      []int                          // of codes, in bytes, the longer ones first
	keys       []key
	macs       map[int][]hash.Hash // HMAC by length and key
	plain      map[int]hash.Hash   // hash without a key
	accept     func(*content, key, candidate) bool

	left        int
	incomplete  bool // the effort did not suffice
	buffer, sum []byte
}

func newSearch(candidates []candidate, keys []key, accept func(*content, key, candidate) bool) (*search, error) {
	s := &search{
		candidates: make(map[int]map[string][]candidate), keys: keys, accept: accept,
		macs: make(map[int][]hash.Hash), plain: make(map[int]hash.Hash),
	}
	for _, p := range candidates {
		size := len(p.code)
		if s.candidates[size] == nil {
			s.candidates[size] = make(map[string][]candidate)
		}
		s.candidates[size][string(p.code)] = append(s.candidates[size][string(p.code)], p)
	}
	s.sizes = slices.Sorted(maps.Keys(s.candidates))
	slices.Reverse(s.sizes)
	for _, size := range s.sizes {
		newHash, err := (&verify.Spec{Hash: hashes[size]}).NewHash()
		if err != nil {
			return nil, err
		}
		s.plain[size] = newHash()
		for _, k := range keys {
			s.macs[size] = append(s.macs[size], hmac.New(newHash, k.bytes))
		}
	}
	return s, nil
}

// run enumerates contents until one is accepted or the effort is spent, and
// reports whether one was.
func (s *search) run(enumerate func(visit) bool, v func(*content) (bool, bool)) bool {
	s.left = effort
	found := false
	enumerate(func(c *content) bool {
		var goOn bool
		found, goOn = v(c)
		s.incomplete = s.incomplete || !found && !goOn
		return goOn
	})
	return found
}

// keyed tries a content with HMAC.
func (s *search) keyed(c *content) (found, goOn bool) {
	s.buffer = c.write(s.buffer[:0], nil)
	for _, size := range s.sizes {
		for i, mac := range s.macs[size] {
			if !s.spend() {
				return false, false
			}
			mac.Reset()
			mac.Write(s.buffer)
			s.sum = mac.Sum(s.sum[:0])
			if s.matches(c, s.keys[i], size) {
				return true, false
			}
		}
	}
	return false, true
}

// digest tries a content of which the key is a part.
func (s *search) digest(c *content) (found, goOn bool) {
	for _, k := range s.keys {
		s.buffer = c.write(s.buffer[:0], k.bytes)
		for _, size := range s.sizes {
			if !s.spend() {
				return false, false
			}
			plain := s.plain[size]
			plain.Reset()
			plain.Write(s.buffer)
			s.sum = plain.Sum(s.sum[:0])
			if s.matches(c, k, size) {
				return true, false
			}
		}
	}
	return false, true
}

// onlyLikelyKeys leaves out the keys that few providers use, for what takes
// long to enumerate.
func (s *search) onlyLikelyKeys() {
	n := slices.IndexFunc(s.keys, func(k key) bool { return k.encoding == "sha1" || k.trimmed })
	if n < 0 {
		return
	}
	s.keys = s.keys[:n]
	for size := range s.macs {
		s.macs[size] = s.macs[size][:n]
	}
}

func (s *search) spend() bool {
	s.left -= len(s.buffer) + overhead
	return s.left > 0
}

// matches reports whether the sum is one of the codes, and accepted as such.
func (s *search) matches(c *content, k key, size int) bool {
	for _, p := range s.candidates[size][string(s.sum)] {
		if s.accept(c, k, p) {
			return true
		}
	}
	return false
}
