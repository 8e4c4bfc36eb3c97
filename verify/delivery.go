package verify

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"slices"
	"time"
)

// Delivery tells a webhook from all others, so that a copy of it is known when
// it comes.
type Delivery struct {
	// Key is the same for every copy. Whoever has no credentials cannot make a
	// copy with another key, nor another delivery with this one.
	Key [sha256.Size]byte

	// Digest is the SHA-256 of the payload.
	Digest [sha256.Size]byte

	// Bound is true if the provider vouches for the key, but not for all of the
	// payload: the first payload that comes with the key is then the only one.
	Bound bool
}

// What a key is made of. They differ, so that no key of one kind is one of
// another.
const (
	keyedByID      = "id"
	keyedByContent = "content"
	keyedByPayload = "payload"
	keyedBySender  = "sender"
)

// Delivery returns what tells a verified request from others. It needs the
// event's name, the delivery's id, and whether everything that the id was read
// from is signed.
//
// The id is the key where it is signed. Where it is not, anybody who has seen a
// webhook could give it another id, so the key is what is signed instead. With
// a token or Basic credentials nothing is signed, and whoever could change
// anything could make it all up: the key is all that the request says.
func (v *Verifier) Delivery(r *Request, signed Coverage, event, id string, idSigned bool) (Delivery, error) {
	d := Delivery{Digest: sha256.Sum256(r.Body.Bytes()), Bound: signed == SignedFields}
	sum := sha256.New()
	switch {
	case signed == SignedNothing:
		writeParts(sum, keyedBySender, event, id, r.Method, r.URL.RequestURI(), string(d.Digest[:]))
	case id != "" && idSigned && !v.provider.idOfBatch():
		writeParts(sum, keyedByID, id)
	default:
		content, err := v.signedContent(r)
		if err != nil {
			return d, err
		}
		kind := keyedByContent
		if content == nil {
			kind, d.Bound = keyedByPayload, false
		}
		if content == nil || signed == SignedBody {
			content = append(content, string(d.Digest[:]))
		}
		writeParts(sum, append([]string{kind}, content...)...)
	}
	sum.Sum(d.Key[:0])
	return d, nil
}

// writeParts writes texts so that no others are written the same.
func writeParts(sum hash.Hash, parts ...string) {
	for _, part := range parts {
		var size [8]byte
		binary.BigEndian.PutUint64(size[:], uint64(len(part)))
		sum.Write(size[:])
		sum.Write([]byte(part))
	}
}

// contentSigner is a check that can say what its signature is over, besides
// what a template of the provider's description says.
type contentSigner interface {
	signedContent(m *message) ([]string, error)
}

// signedContent returns what is signed, as digests or as texts. It is nil where
// that cannot be told. The request has been verified.
func (v *Verifier) signedContent(r *Request) ([]string, error) {
	m := v.message(r)
	for _, c := range v.checks {
		if signer, ok := c.(contentSigner); ok {
			return signer.signedContent(m)
		}
	}
	return nil, nil
}

// signedContent returns the digest of the content, or those of the elements
// that are signed one by one: of each a single time and in an order of their
// own, so that no other batch of the same ones is another delivery.
func (s *signedScheme) signedContent(m *message) ([]string, error) {
	// The key that was tried last, and the port, may differ from copy to copy.
	m.key, m.otherPort = nil, false
	var digests []string
	err := s.provider.eachItem(m, func(m *message) error {
		one, err := s.contentDigests(m)
		digests = append(digests, one)
		return err
	})
	slices.Sort(digests)
	return slices.Compact(digests), err
}

// contentDigests returns the digest of content. Content that may be signed with
// or without the port of its URL gives two, in an order that does not depend on
// the request, so that no copy differs by writing the port.
func (s *signedScheme) contentDigests(m *message) (string, error) {
	first, err := s.contentDigest(m)
	if err != nil || s.provider.Spec.URL == nil || !s.provider.Spec.URL.EitherPort {
		return string(first), err
	}
	m.otherPort = true
	second, err := s.contentDigest(m)
	m.otherPort = false
	if bytes.Compare(second, first) < 0 {
		first, second = second, first
	}
	return string(first) + string(second), err
}

func (s *signedScheme) contentDigest(m *message) ([]byte, error) {
	sum := sha256.New()
	err := s.provider.content.writeTo(sum, m)
	return sum.Sum(nil), err
}

// signedContent returns the id of the transmission and its time. The rest is a
// checksum, which another body can have, too.
func (s *paypalScheme) signedContent(m *message) ([]string, error) {
	values, err := s.headers(m)
	if err != nil {
		return nil, err
	}
	return values[:2], nil
}

// idOfBatch reports whether the id is that of an element of an array: it does
// not tell batches apart that begin with the same one.
func (p *Provider) idOfBatch() bool {
	for _, t := range p.id.templates {
		for i := range t {
			for _, step := range t[i].path {
				if step != "" && step[0] >= '0' && step[0] <= '9' {
					return true
				}
			}
		}
	}
	return false
}

// Tolerance returns the clock window, in each direction; 0 where there is none.
func (v *Verifier) Tolerance() time.Duration {
	return max(0, time.Duration(v.provider.timestamp.tolerance))
}
