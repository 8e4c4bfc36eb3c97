package verify

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// maxSignatures bounds how many entries of a request are looked at.
const maxSignatures = 16

// encoding turns the text of a signature into bytes and back.
type encoding struct {
	decode func(string) ([]byte, error)
	encode func([]byte) string
}

var encodings = map[string]encoding{
	"hex":       {hex.DecodeString, hex.EncodeToString},
	"base64":    {decodeBase64, base64.StdEncoding.EncodeToString},
	"base64url": {decodeBase64URL, base64.RawURLEncoding.EncodeToString},
}

// decodeBase64 accepts a single spelling: the standard decoder also takes
// line breaks and stray trailing bits.
func decodeBase64(text string) ([]byte, error) {
	if strings.ContainsAny(text, "\r\n") {
		return nil, errors.New("line break in base64")
	}
	return base64.StdEncoding.Strict().DecodeString(text)
}

func decodeBase64URL(text string) ([]byte, error) {
	if strings.ContainsAny(text, "\r\n") {
		return nil, errors.New("line break in base64")
	}
	return base64.RawURLEncoding.Strict().DecodeString(strings.TrimRight(text, "="))
}

// signatureReader finds the signatures of a request.
type signatureReader struct {
	spec         Signature
	from         []field
	encoding     encoding
	timestampTag string
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
	for _, from := range s.spec.From {
		f, err := parseField(from)
		if err != nil {
			return nil, fmt.Errorf("signature: %w", err)
		}
		s.from = append(s.from, f)
	}
	if list := s.spec.List; list != nil && list.Separator == "" {
		return nil, errors.New("signature: list has no separator")
	}
	if spec.Timestamp != nil {
		s.timestampTag = spec.Timestamp.Tag
	}
	if s.timestampTag != "" && (s.spec.List == nil || s.spec.List.Assign == "") {
		return nil, errors.New("timestamp: tag needs a signature list with assign")
	}
	return s, nil
}

// signatures is what a request's signature fields say.
type signatures struct {
	decoded   [][]byte // candidates, any of which may match
	timestamp string   // from the list's timestamp tag
}

// admit refuses a request whose signature can be seen to be missing or
// unreadable without the body.
func (s *signatureReader) admit(r *Request) error {
	for _, f := range s.from {
		if f.kind != headerField && f.kind != queryField {
			return nil
		}
	}
	_, err := s.read(r)
	return err
}

// read returns the signatures of a request.
func (s *signatureReader) read(r *Request) (signatures, error) {
	var found signatures
	missing := true
	for i := range s.from {
		lines, err := s.lines(&s.from[i], r)
		if err != nil {
			return found, err
		}
		for _, line := range lines {
			missing = missing && strings.TrimSpace(line) == ""
			if err := s.parse(line, &found); err != nil {
				return found, err
			}
		}
	}
	switch {
	case missing:
		return found, refuse(MissingSignature, "%s is absent or empty", s.places())
	case len(found.decoded) == 0:
		return found, refuse(BadSignature, "%s holds no readable signature", s.places())
	case s.timestampTag != "" && found.timestamp == "":
		return found, refuse(BadSignature, "%s has no timestamp %q", s.places(), s.timestampTag)
	}
	return found, nil
}

// lines returns the values of a signature field.
func (s *signatureReader) lines(f *field, r *Request) ([]string, error) {
	if f.kind == headerField && s.spec.Repeated {
		return r.Header[f.name], nil
	}
	value, present, err := f.text(r)
	switch {
	case err != nil && (f.kind == headerField || f.kind == queryField):
		return nil, refuse(BadSignature, "ambiguous: %v", err)
	case err != nil:
		return nil, refuse(Malformed, "%v", err)
	case !present:
		return nil, nil
	}
	return []string{value}, nil
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
	for _, entry := range entries {
		tag, value := "", strings.TrimSpace(entry)
		if list.Assign != "" {
			var ok bool
			if tag, value, ok = strings.Cut(value, list.Assign); !ok {
				continue
			}
		}
		switch {
		case s.timestampTag != "" && tag == s.timestampTag && found.timestamp != "":
			return refuse(BadSignature, "two timestamps in %s", s.places())
		case s.timestampTag != "" && tag == s.timestampTag:
			found.timestamp = value
		case tag == list.Tag:
			s.add(value, found)
		}
	}
	return nil
}

func (s *signatureReader) add(text string, found *signatures) {
	text, ok := strings.CutPrefix(text, s.spec.Prefix)
	if !ok || text == "" || len(found.decoded) == maxSignatures {
		return
	}
	if decoded, err := s.encoding.decode(text); err == nil {
		found.decoded = append(found.decoded, decoded)
	}
}

// write puts a signature into a request, as the provider would.
func (s *signatureReader) write(r *Request, signature []byte, timestamp string) error {
	value := s.spec.Prefix + s.encoding.encode(signature)
	if list := s.spec.List; list != nil && list.Assign != "" {
		value = list.Tag + list.Assign + value
		if s.timestampTag != "" {
			value = s.timestampTag + list.Assign + timestamp + list.Separator + value
		}
	}
	if s.from[0].kind != headerField {
		return fmt.Errorf("cannot put a signature into %s", s.places())
	}
	r.Header.Set(s.from[0].name, value)
	return nil
}

func (s *signatureReader) places() string { return strings.Join(s.spec.From, " or ") }
