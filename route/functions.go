package route

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/expr-lang/expr"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
)

// functions are what expressions can call besides the language's own.
var functions = map[string]function{
	// json(s) decodes the JSON document inside a string.
	"json": {kind: new(func(string) any), call: decodeJSON},

	// unix(n) is the time n seconds after 1970.
	"unix": {kind: new(func(any) time.Time), isFree: true, call: func(_ *meter, args []any) (any, error) {
		switch n := args[0].(type) {
		case int:
			return time.Unix(int64(n), 0).UTC(), nil
		case float64:
			return time.UnixMicro(int64(n * 1e6)).UTC(), nil
		default:
			return nil, errNot("unix", "a number", args[0])
		}
	}},

	// b64decode(s) decodes standard or URL base64, with or without padding.
	"b64decode": ofText(80, 12, 4, func(text string) (any, error) {
		text = strings.TrimRight(toStandard.Replace(text), "=")
		decoded, err := base64.RawStdEncoding.DecodeString(text)
		return string(decoded), err
	}),

	// sha256(s) is the hash of a string in lower-case hex.
	"sha256": ofText(250, 8, 1, func(text string) (any, error) {
		sum := sha256.Sum256([]byte(text))
		return hex.EncodeToString(sum[:]), nil
	}),

	// escape(s) makes a string a single segment of a URI's path, or a single value
	// of its query.
	"escape": ofText(40, 16, 3, func(text string) (any, error) { return escape(text), nil }),

	// escapeQuery(o) makes a query of an object, or a single value of it of a string.
	"escapeQuery": {kind: new(func(any) string), call: escapeQuery},

	// What an event tells of its request; see env.
	"header": {isFree: true}, "query": {isFree: true}, "signed": {isFree: true}, "vars": {isFree: true},
}

// toStandard makes standard base64 of that for URLs.
var toStandard = strings.NewReplacer("-", "+", "_", "/")

// ofText is a function of a text, with the steps of a call, those for four bytes of
// the text, and how many it makes of each.
func ofText(fixed, steps, made int, call func(text string) (any, error)) function {
	return function{kind: new(func(string) string), call: func(m *meter, args []any) (any, error) {
		making(steps, made)(m, args)
		m.step(fixed)
		m.make(64)
		return call(args[0].(string))
	}}
}

// declared are the functions as the language knows them.
func declared() []expr.Option {
	var options []expr.Option
	for name, f := range functions {
		if f.kind != nil {
			options = append(options, expr.Function(name, func(args ...any) (any, error) { return f.call(nil, args) }, f.kind))
		}
	}
	return options
}

// Text turns the result of an expression into text for a header, a URI or a
// name: nil is empty, a time RFC 3339, and objects and arrays are JSON.
func Text(result any) (string, error) {
	switch v := result.(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	case int:
		return strconv.Itoa(v), nil
	case json.Number:
		return v.String(), nil
	case time.Time:
		return v.Format(time.RFC3339Nano), nil
	}
	encoded, err := payload.Encode(result)
	return string(encoded), err
}
