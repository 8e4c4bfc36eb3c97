package payload

import "bytes"

// A document whose sender vouches for every byte is read in spite of mistakes
// that do not hide where its values end: nobody can have made them but the
// sender, and an event whose name stands in plain sight would be lost.

// endsAfterComma reports whether an object or array ends after a comma, which
// is a mistake.
func (s *scan) endsAfterComma(i int) bool {
	return s.loose && i < len(s.doc) && (s.doc[i] == '}' || s.doc[i] == ']')
}

// literal reads a number or a word, valid or not, such as NaN or 007.
func (s *scan) literal(i int) int {
	end := i
	for end < len(s.doc) && isLiteral(s.doc[end]) {
		end++
	}
	if end == i {
		return s.unexpected(i, "a value")
	}
	return end
}

func isLiteral(c byte) bool {
	return c|0x20 >= 'a' && c|0x20 <= 'z' || c-'0' <= 9 || c == '-' || c == '+' || c == '.' || c == '_'
}

// allLoosely decodes a document with mistakes, whatever follows its value. What
// is no value is nil, and what is no character the replacement character.
func (d *decoder) allLoosely() (any, error) {
	value, i := d.decode(space(d.doc, 0), 0)
	if i == failed {
		return nil, d.err
	}
	return value, nil
}

// looseScalar decodes what is neither object nor array, if it is valid.
func looseScalar(raw []byte) any {
	if raw[0] == '"' {
		return string(bytes.ToValidUTF8(unquote(raw), []byte("\uFFFD")))
	}
	strict := scan{doc: raw}
	if strict.skip(0, 0) != len(raw) {
		return nil
	}
	return scalar(raw)
}
