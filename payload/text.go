package payload

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// Words of eight equal bytes.
const (
	ones       = 0x0101010101010101
	highs      = 0x80 * ones
	spaces     = ' ' * ones
	quotes     = '"' * ones
	backslashs = '\\' * ones
)

// special marks, by their high bits, the bytes of a word at which plain text
// ends. The lowest mark is right; those above it may be too many.
func special(word uint64) uint64 {
	quote, backslash := word^quotes, word^backslashs
	// Of a byte below n, and of no other below 0x80 unless a lower one was
	// marked, the high bit is set when n is subtracted.
	return (word | (word - spaces) | (quote - ones) | (backslash - ones)) & highs
}

// longText is after how many bytes a string is taken for a long one, such as an
// image in base64: more bytes at a time are then worth their while.
const longText = 64

// plainBlocks passes over blocks of 32 bytes of plain text.
func plainBlocks(doc []byte, i int) int {
	for ; i+32 <= len(doc); i += 32 {
		block := doc[i : i+32]
		if special(binary.LittleEndian.Uint64(block))|
			special(binary.LittleEndian.Uint64(block[8:]))|
			special(binary.LittleEndian.Uint64(block[16:]))|
			special(binary.LittleEndian.Uint64(block[24:])) != 0 {
			break
		}
	}
	return i
}

// text reads a string, which begins with a quote, eight bytes at a time.
func (s *scan) text(i int) int {
	doc := s.doc
	i++
	for short := i + longText; i+16 <= len(doc); {
		words := doc[i : i+16]
		mark := special(binary.LittleEndian.Uint64(words))
		if mark == 0 { // many names are longer than eight bytes
			i += 8
			if mark = special(binary.LittleEndian.Uint64(words[8:])); mark == 0 {
				if i += 8; i > short {
					i = plainBlocks(doc, i)
				}
				continue
			}
		}
		i += bits.TrailingZeros64(mark) / 8
		if doc[i] == '"' {
			return i + 1
		}
		if i = s.character(i); i == failed {
			return failed
		}
	}
	for i < len(doc) {
		if doc[i] == '"' {
			return i + 1
		}
		if i = s.character(i); i == failed {
			return failed
		}
	}
	return s.unexpected(i, "the end of the string")
}

// character reads one character of a string.
func (s *scan) character(i int) int {
	switch c := s.doc[i]; {
	case c == '\\':
		return s.escape(i)
	case c < ' ' && !s.loose:
		return s.fail(i, "a control character stands in a string")
	case c < utf8.RuneSelf:
		return i + 1
	}
	r, size := utf8.DecodeRune(s.doc[i:])
	if r == utf8.RuneError && size == 1 && !s.loose {
		return s.fail(i, "it is not UTF-8")
	}
	return i + size
}

// escape reads what a backslash begins. A surrogate must have its other half.
func (s *scan) escape(i int) int {
	if i+1 >= len(s.doc) {
		return s.unexpected(i+1, "an escape")
	}
	switch s.doc[i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 2
	case 'u':
	default:
		if s.loose {
			return i + 2
		}
		return s.fail(i, "there is no such escape")
	}
	unit, ok := hex4(s.doc, i+2)
	switch {
	case !ok && s.loose:
		return i + 2
	case !ok:
		return s.fail(i, "it is not an escape of four hexadecimal digits")
	case unit < 0xD800 || unit > 0xDFFF:
		return i + 6
	case unit < 0xDC00 && i+7 < len(s.doc) && s.doc[i+6] == '\\' && s.doc[i+7] == 'u':
		if low, ok := hex4(s.doc, i+8); ok && low >= 0xDC00 && low <= 0xDFFF {
			return i + 12
		}
	}
	if s.loose {
		return i + 6
	}
	return s.fail(i, "it is half of a surrogate pair")
}

// hex4 reads four hexadecimal digits.
func hex4(doc []byte, i int) (rune, bool) {
	if i+4 > len(doc) {
		return 0, false
	}
	var unit rune
	for _, c := range doc[i : i+4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		unit = unit<<4 | rune(c)
	}
	return unit, true
}
