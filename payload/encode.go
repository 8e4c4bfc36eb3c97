package payload

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"
)

// Encode writes a value as compact JSON. Names of objects are sorted, and no
// character is escaped that JSON does not demand to be.
func Encode(value any) ([]byte, error) {
	if text, ok := value.(string); ok { // most are no longer than this
		return appendText(make([]byte, 0, len(text)+2), text), nil
	}
	return new(encoder).value(nil, value)
}

var errEncode error = Fault("the result cannot be written as JSON; it holds something like a number without end, or a function")

// encoder writes what Decode makes, as encoding/json does, in a fifth of the time.
// All else it leaves to that.
type encoder struct {
	names []string // of the objects that are being written
}

func (e *encoder) value(out []byte, value any) (_ []byte, err error) {
	switch v := value.(type) {
	case nil:
		return append(out, "null"...), nil
	case bool:
		return strconv.AppendBool(out, v), nil
	case int:
		return strconv.AppendInt(out, int64(v), 10), nil
	case float64:
		return appendFraction(out, v)
	case string:
		return appendText(out, v), nil
	case json.Number:
		digits := scan{doc: []byte(v)}
		if len(v) == 0 || digits.number(0) != len(v) {
			return appendOther(out, v)
		}
		return append(out, v...), nil
	case []any:
		return e.array(out, v)
	case map[string]any:
		return e.object(out, v)
	default:
		return appendOther(out, value)
	}
}

func (e *encoder) array(out []byte, array []any) (_ []byte, err error) {
	if array == nil {
		return append(out, "null"...), nil
	}
	out = append(out, '[')
	for i, element := range array {
		if i > 0 {
			out = append(out, ',')
		}
		if out, err = e.value(out, element); err != nil {
			return nil, err
		}
	}
	return append(out, ']'), nil
}

func (e *encoder) object(out []byte, object map[string]any) (_ []byte, err error) {
	if object == nil {
		return append(out, "null"...), nil
	}
	first := len(e.names)
	for name := range object {
		e.names = append(e.names, name)
	}
	slices.Sort(e.names[first:])
	out = append(out, '{')
	for i := first; i < first+len(object); i++ {
		if i > first {
			out = append(out, ',')
		}
		name := e.names[i]
		out = append(appendText(out, name), ':')
		if out, err = e.value(out, object[name]); err != nil {
			return nil, err
		}
	}
	e.names = e.names[:first]
	return append(out, '}'), nil
}

// appendFraction writes a number as ECMAScript does.
func appendFraction(out []byte, number float64) ([]byte, error) {
	size := math.Abs(number)
	switch {
	case math.IsInf(number, 0) || math.IsNaN(number):
		return nil, errEncode
	case size == 0 || size >= 1e-6 && size < 1e21:
		return strconv.AppendFloat(out, number, 'f', -1, 64), nil
	}
	out = strconv.AppendFloat(out, number, 'e', -1, 64)
	if n := len(out); out[n-4] == 'e' && out[n-3] == '-' && out[n-2] == '0' { // e-09
		out = append(out[:n-2], out[n-1])
	}
	return out, nil
}

// appendOther writes what no payload has, such as a time.
func appendOther(out []byte, value any) ([]byte, error) {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(value); err != nil {
		return nil, errEncode // that error quotes the value
	}
	return append(out, bytes.TrimSuffix(text.Bytes(), []byte("\n"))...), nil
}

// appendText writes a text between quotes.
func appendText(out []byte, text string) []byte {
	out = append(out, '"')
	start := 0
	for i := 0; i < len(text); {
		c := text[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		size := 1
		if c >= utf8.RuneSelf {
			var r rune
			r, size = utf8.DecodeRuneInString(text[i:])
			isInvalid := r == utf8.RuneError && size == 1
			if !isInvalid && r != '\u2028' && r != '\u2029' { // which ends a line in JavaScript
				i += size
				continue
			}
		}
		out = append(out, text[start:i]...)
		out = appendEscaped(out, text[i:i+size])
		i += size
		start = i
	}
	return append(append(out, text[start:]...), '"')
}

// appendEscaped writes a character that cannot stand in a text as it is.
func appendEscaped(out []byte, character string) []byte {
	const digits = "0123456789abcdef"
	switch c := character[0]; c {
	case '"', '\\':
		return append(out, '\\', c)
	case '\b':
		return append(out, `\b`...)
	case '\f':
		return append(out, `\f`...)
	case '\n':
		return append(out, `\n`...)
	case '\r':
		return append(out, `\r`...)
	case '\t':
		return append(out, `\t`...)
	default:
		r, _ := utf8.DecodeRuneInString(character)
		return append(out, '\\', 'u', digits[r>>12&15], digits[r>>8&15], digits[r>>4&15], digits[r&15])
	}
}

// quote writes a string as JSON.
func quote(text string) []byte {
	return appendText(make([]byte, 0, len(text)+2), text)
}
