package route

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"
)

// escape percent-encodes all that could mean something in a URI (RFC 3986, 2.3),
// so that it is right in a segment of the path and in a value of the query.
func escape(text string) string { return percentEncoded(text, isUnreserved) }

func isUnreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~", c) >= 0
}

// percentEncoded encodes the bytes of a text that are not plain.
func percentEncoded(text string, isPlain func(c byte) bool) string {
	const digits = "0123456789ABCDEF"
	out := make([]byte, 0, len(text)+16)
	for i := range len(text) {
		if c := text[i]; isPlain(c) {
			out = append(out, c)
		} else {
			out = append(out, '%', digits[c>>4], digits[c&15])
		}
	}
	return string(out)
}

// escapeQuery makes a query of an object: its names in their order, one parameter
// for each value, or for each element of a list. What is nil is left out.
func escapeQuery(m *meter, args []any) (any, error) {
	if args[0] == nil {
		return nil, errors.New("escapeQuery needs an object or a text, not nil")
	}
	if _, isObject := args[0].(map[string]any); !isObject {
		return queryValue(m, args[0])
	}
	object, names, err := m.sorted("escapeQuery", args[0])
	if err != nil {
		return nil, err
	}
	var parameters []string
	for _, name := range names {
		values, isList := elements(object[name])
		if !isList {
			values = []any{object[name]}
		}
		m.step(times(20, len(values)))
		for _, value := range values {
			if value == nil {
				continue
			}
			text, err := queryValue(m, value)
			if err != nil {
				return nil, err
			}
			escapedBytes(m, name)
			parameters = append(parameters, escape(name)+"="+text)
		}
	}
	m.make(times(2*madeElement, len(parameters)))
	return strings.Join(parameters, "&"), nil
}

// queryValue is a value of a query: what is no text, number or the like is JSON.
func queryValue(m *meter, value any) (string, error) {
	text, isText := value.(string)
	if !isText {
		switch value.(type) {
		case int, float64, bool, json.Number, time.Time:
			m.step(40)
			m.make(4 * madeElement)
		default:
			size := m.written(value, m.made)
			m.step(times(2, size))
			m.make(times(2, size))
		}
		var err error
		if text, err = queryText(value); err != nil {
			return "", err
		}
	}
	escapedBytes(m, text)
	return escape(text), nil
}

// queryText is Text, save that a number is never in the form with an exponent,
// whose plus sign is easily read as a space.
func queryText(value any) (string, error) {
	if number, ok := value.(float64); ok {
		return strconv.FormatFloat(number, 'f', -1, 64), nil
	}
	return Text(value)
}

// escapedBytes counts the escaping of a text, and putting it into a query.
func escapedBytes(m *meter, text string) {
	m.step(40 + 3*len(text))
	m.make(64 + 12*len(text))
}
