package payload

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// scalar decodes what is neither object nor array.
func scalar(raw []byte) any {
	switch raw[0] {
	case '"':
		return string(unquote(raw))
	case 't':
		return true
	case 'f':
		return false
	case 'n':
		return nil
	default:
		return number(raw)
	}
}

// number keeps integers exact: a float64 holds no more than 53 bits.
func number(raw []byte) any {
	isInteger := true
	for _, c := range raw {
		isInteger = isInteger && c != '.' && c|0x20 != 'e'
	}
	if isInteger {
		if n, err := strconv.Atoi(string(raw)); err == nil {
			return n
		}
	} else if f, err := strconv.ParseFloat(string(raw), 64); err == nil && !math.IsInf(f, 0) {
		return f
	}
	return json.Number(raw)
}

// Text returns a scalar, which a Finder has found, as text: a string
// unescaped, a number or a boolean as it was written. Null, objects and arrays
// have none.
func Text(value []byte) (string, bool) {
	if len(value) == 0 {
		return "", false
	}
	switch value[0] {
	case '"':
		return string(unquote(value)), true
	case '{', '[', 'n':
		return "", false
	default:
		return string(value), true
	}
}

// unquote returns what a string, which is valid, stands for. It shares the
// string's bytes where nothing is escaped.
func unquote(quoted []byte) []byte {
	inner := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return inner
	}
	return unescape(inner)
}

// unescapeUnit returns the character whose hexadecimal digits begin a text, and
// what follows. What is not valid, as it may be where a document was read
// loosely, is the replacement character.
func unescapeUnit(text []byte) (rune, []byte) {
	unit, ok := hex4(text, 0)
	if !ok {
		return utf8.RuneError, text
	}
	text = text[4:]
	if !utf16.IsSurrogate(unit) {
		return unit, text
	}
	if bytes.HasPrefix(text, []byte(`\u`)) {
		if low, ok := hex4(text, 2); ok && low >= 0xDC00 && low <= 0xDFFF && unit < 0xDC00 {
			return utf16.DecodeRune(unit, low), text[6:]
		}
	}
	return utf8.RuneError, text
}

// unescape replaces the escapes of a string.
func unescape(text []byte) []byte {
	out := make([]byte, 0, len(text))
	for {
		at := bytes.IndexByte(text, '\\')
		if at < 0 {
			return append(out, text...)
		}
		out = append(out, text[:at]...)
		switch c := text[at+1]; c {
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'u':
			var unit rune
			unit, text = unescapeUnit(text[at+2:])
			out = utf8.AppendRune(out, unit)
			continue
		default:
			out = append(out, c)
		}
		text = text[at+2:]
	}
}
