package payload

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Decode turns a JSON document into maps, slices, strings, booleans, nil and
// numbers. An integer that fits is an int, whatever its size otherwise a
// json.Number that keeps its digits; a fraction or an exponent is a float64,
// or a json.Number where a float64 would overflow.
func Decode(document []byte) (any, error) {
	dec := jsontext.NewDecoder(bytes.NewBuffer(document))
	value, err := decode(dec)
	if err != nil {
		return nil, describe(err)
	}
	return value, atEnd(dec)
}

func decode(dec *jsontext.Decoder) (any, error) {
	token, err := dec.ReadToken()
	if err != nil {
		return nil, err
	}
	switch token.Kind() {
	case '"':
		return token.String(), nil
	case '0':
		return number(token.String()), nil
	case 't', 'f':
		return token.Bool(), nil
	case '{':
		return decodeObject(dec)
	case '[':
		return decodeArray(dec)
	default:
		return nil, nil
	}
}

func decodeObject(dec *jsontext.Decoder) (any, error) {
	object := make(map[string]any)
	for dec.PeekKind() != '}' {
		name, err := dec.ReadToken()
		if err != nil {
			return nil, err
		}
		key := name.String()
		if object[key], err = decode(dec); err != nil {
			return nil, err
		}
	}
	_, err := dec.ReadToken()
	return object, err
}

func decodeArray(dec *jsontext.Decoder) (any, error) {
	array := []any{}
	for dec.PeekKind() != ']' {
		element, err := decode(dec)
		if err != nil {
			return nil, err
		}
		array = append(array, element)
	}
	_, err := dec.ReadToken()
	return array, err
}

// number keeps integers exact: a float64 holds no more than 53 bits.
func number(literal string) any {
	if !strings.ContainsAny(literal, ".eE") {
		if n, err := strconv.Atoi(literal); err == nil {
			return n
		}
		return json.Number(literal)
	}
	if f, err := strconv.ParseFloat(literal, 64); err == nil && !math.IsInf(f, 0) {
		return f
	}
	return json.Number(literal)
}

// Text returns a scalar as text: a string unescaped, a number or a boolean as
// it was written. Null, objects and arrays have none.
func Text(value []byte) (string, bool) {
	if len(value) == 0 {
		return "", false
	}
	switch value[0] {
	case '"':
		text, err := jsontext.AppendUnquote(nil, value)
		return string(text), err == nil
	case '{', '[', 'n':
		return "", false
	default:
		return string(value), true
	}
}

// Encode writes a value as compact JSON. Names of objects are sorted, and no
// character is escaped that JSON does not demand to be.
func Encode(value any) ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(value); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}
