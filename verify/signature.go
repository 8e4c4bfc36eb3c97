package verify

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// maxSignatures bounds how many entries of a request are looked at.
const maxSignatures = 16

// encoding turns the text of a signature into bytes, in room if they fit, and
// back.
type encoding struct {
	decode func(room []byte, text string) ([]byte, error)
	encode func([]byte) string
}

var encodings = map[string]encoding{
	"hex":       {decodeHex, hex.EncodeToString},
	"base64":    {decodeBase64, base64.StdEncoding.EncodeToString},
	"base64url": {decodeBase64URL, base64.RawURLEncoding.EncodeToString},
}

func decodeHex(room []byte, text string) ([]byte, error) {
	decoded := append(room[:0], text...)
	n, err := hex.Decode(decoded, decoded)
	return decoded[:n], err
}

// decodeBase64 accepts a single spelling: the standard decoder also takes
// line breaks and stray trailing bits.
func decodeBase64(room []byte, text string) ([]byte, error) {
	return strictBase64(base64.StdEncoding, room, text)
}

func decodeBase64URL(room []byte, text string) ([]byte, error) {
	return strictBase64(base64.RawURLEncoding, room, strings.TrimRight(text, "="))
}

func strictBase64(encoding *base64.Encoding, room []byte, text string) ([]byte, error) {
	if strings.ContainsAny(text, "\r\n") {
		return nil, errors.New("line break in base64")
	}
	return encoding.Strict().AppendDecode(room[:0], []byte(text))
}

// signatureReader finds the signatures of a request.
type signatureReader struct {
	spec         Signature
	from         []field
	encoding     encoding
	size         int // bytes of a signature; 0 where that depends on the key
	timestampTag string
	headersTag   string // of the names of signed headers
}

func compileSignature(spec *Spec) (*signatureReader, error) {
	if spec.Signature == nil || len(spec.Signature.From) == 0 {
		return nil, errors.New("signature: from is not set; write where the signature is, such as header.X-Signature")
	}
	s := &signatureReader{spec: *spec.Signature}
	if s.spec.Encoding == "" {
		s.spec.Encoding = "hex"
	}
	var ok bool
	if s.encoding, ok = encodings[s.spec.Encoding]; !ok {
		return nil, fmt.Errorf("signature: encoding is %q; it can be hex, base64 or base64url", s.spec.Encoding)
	}
	var err error
	if s.size, err = signatureSize(spec); err != nil {
		return nil, err
	}
	for _, from := range s.spec.From {
		f, err := parseField(from)
		if err != nil {
			return nil, fmt.Errorf("signature: %w", err)
		}
		s.from = append(s.from, f)
	}
	if _, after, variable := strings.Cut(s.spec.Prefix, "*"); variable && after == "" {
		return nil, errors.New("signature: prefix ends in a star, so that nothing says where the signature begins")
	}
	if list := s.spec.List; list != nil && list.Separator == "" {
		return nil, errors.New("signature: list has no separator")
	}
	if spec.Timestamp != nil {
		s.timestampTag = spec.Timestamp.Tag
	}
	if spec.Headers != nil {
		s.headersTag = spec.Headers.Tag
	}
	if s.timestampTag != "" && (s.spec.List == nil || s.spec.List.Assign == "" && s.timestampTag != firstEntry) {
		return nil, errors.New("timestamp: tag needs a signature list with assign, or must be " + firstEntry)
	}
	return s, nil
}

// signatureSize returns how many bytes a signature has, or 0.
func signatureSize(spec *Spec) (int, error) {
	switch spec.Scheme {
	case "hmac", "digest":
		newHash, err := spec.NewHash()
		if err != nil {
			return 0, err
		}
		return newHash().Size(), nil
	case "ed25519":
		return ed25519.SignatureSize, nil
	default:
		return 0, nil
	}
}

// firstEntry is the timestamp's tag where a list has no tags, and its first
// entry is the time.
const firstEntry = "1"

// signatures is what a request's signature fields say.
type signatures struct {
	decoded   [][]byte // candidates, any of which may match
	timestamp string   // from the list's timestamp tag
	timed     bool     // the tag was there
	final     bool     // they are not those of an item

	few  [1][]byte // room for decoded
	room [64]byte  // for the first candidate: HMAC-SHA256 in any encoding
}

// admit refuses a request whose signature can be seen to be missing or
// unreadable without the body.
func (s *signatureReader) admit(m *message) error {
	for i := range s.from {
		if !s.from[i].inHead() {
			return nil
		}
	}
	err := s.read(m)
	m.signatures.final = err == nil
	return err
}

// read finds the signatures of a request, or of the item that is being checked.
func (s *signatureReader) read(m *message) error {
	found := &m.signatures
	*found = signatures{}
	found.decoded = found.few[:0]
	missing := true
	var one [1]string
	for i := range s.from {
		lines, err := s.lines(&s.from[i], m, one[:0])
		if err != nil {
			return err
		}
		for _, line := range lines {
			missing = missing && strings.TrimSpace(line) == ""
			if err := s.parse(line, found); err != nil {
				return err
			}
		}
	}
	switch {
	case missing:
		return refuse(MissingSignature, "%s is absent or empty", s.places())
	case len(found.decoded) == 0:
		return refuse(BadSignature, "%s holds no signature, which is %s", s.places(), s.form())
	case s.timestampTag != "" && found.timestamp == "":
		return refuse(BadSignature, "%s has no timestamp %q", s.places(), s.timestampTag)
	}
	return nil
}

// lines returns the values of a signature field; a single one is added to room.
func (s *signatureReader) lines(f *field, m *message, room []string) ([]string, error) {
	switch {
	case f.kind == headerField && s.spec.Repeated:
		return m.Header[f.name], nil
	case f.kind == numberedHeader:
		return numberedLines(f.name, m.Header)
	}
	value, present, err := m.text(f)
	switch {
	case err != nil && f.inHead():
		return nil, refuse(BadSignature, "ambiguous: %v", err)
	case err != nil:
		return nil, refuse(Malformed, "%v", err)
	case !present:
		return nil, nil
	}
	return append(room, value), nil
}

// maxNumbered is how many numbered headers are looked at.
const maxNumbered = 100

// numberedLines returns the values of headers that are numbered from 1 on.
func numberedLines(prefix string, header http.Header) ([]string, error) {
	var lines []string
	for i := 1; i <= maxNumbered; i++ {
		name := http.CanonicalHeaderKey(prefix + strconv.Itoa(i))
		value, present, err := single(name, header[name])
		if err != nil {
			return nil, refuse(BadSignature, "ambiguous: %v", err)
		}
		if !present {
			break
		}
		lines = append(lines, value)
	}
	return lines, nil
}

// parse adds the signatures of one header line. An entry that does not decode
// does not spoil a good one beside it.
func (s *signatureReader) parse(line string, found *signatures) error {
	if s.spec.List == nil {
		s.add(line, found)
		return nil
	}
	list := s.spec.List
	entries := strings.SplitN(line, list.Separator, maxSignatures+1)
	if len(entries) > maxSignatures {
		return refuse(BadSignature, "more than %d entries in %s", maxSignatures, s.places())
	}
	for i, entry := range entries {
		tag, value := "", strings.TrimSpace(entry)
		if i == 0 && list.Assign == "" && s.timestampTag == firstEntry {
			tag = firstEntry
		}
		if list.Assign != "" {
			var ok bool
			if tag, value, ok = strings.Cut(value, list.Assign); !ok {
				continue
			}
		}
		switch {
		case s.timestampTag != "" && tag == s.timestampTag && found.timed:
			return refuse(BadSignature, "two timestamps in %s", s.places())
		case s.timestampTag != "" && tag == s.timestampTag:
			found.timestamp, found.timed = value, true
		case tag == list.Tag, list.Tag == "*":
			s.add(value, found)
		}
	}
	return nil
}

// tagged returns the value of a tag in the list, which must not have two.
func (s *signatureReader) tagged(m *message, wanted string) (found string, present bool, err error) {
	lines, err := s.lines(&s.from[0], m, nil)
	if err != nil {
		return "", false, err
	}
	for _, line := range lines {
		for entry := range strings.SplitSeq(line, s.spec.List.Separator) {
			tag, value, ok := strings.Cut(strings.TrimSpace(entry), s.spec.List.Assign)
			switch {
			case !ok || tag != wanted:
			case present && value != found:
				return "", false, fmt.Errorf("%q stands twice in %s", wanted, s.places())
			default:
				found, present = value, true
			}
		}
	}
	return found, present && found != "", nil
}

func (s *signatureReader) add(text string, found *signatures) {
	text, ok := cutPattern(text, s.spec.Prefix)
	if !ok || text == "" || len(found.decoded) == maxNumbered {
		return
	}
	room := found.room[:0]
	if len(found.decoded) > 0 {
		room = nil
	}
	if decoded, err := s.encoding.decode(room, text); err == nil && (s.size == 0 || len(decoded) == s.size) {
		found.decoded = append(found.decoded, decoded)
	}
}

// cutPattern returns what follows a prefix, in which a star stands for any text.
func cutPattern(text, prefix string) (string, bool) {
	before, after, variable := strings.Cut(prefix, "*")
	text, ok := strings.CutPrefix(text, before)
	if !ok || !variable {
		return text, ok
	}
	_, text, ok = strings.Cut(text, after)
	return text, ok
}

// form describes signatures to the operator.
func (s *signatureReader) form() string {
	form := s.spec.Encoding
	if s.size > 0 {
		form = fmt.Sprintf("%d bytes in %s", s.size, form)
	}
	if s.spec.Prefix != "" {
		form += fmt.Sprintf(" after %q", s.spec.Prefix)
	}
	return form
}

func (s *signatureReader) places() string { return strings.Join(s.spec.From, " or ") }
