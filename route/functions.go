package route

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/expr-lang/expr"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
)

// functions are what expressions can call besides the language's own.
var functions = []expr.Option{
	// json(s) decodes the JSON document inside a string.
	expr.Function("json", func(args ...any) (any, error) {
		return payload.Decode([]byte(args[0].(string)))
	}, new(func(string) any)),

	// unix(n) is the time n seconds after 1970.
	expr.Function("unix", func(args ...any) (any, error) {
		switch n := args[0].(type) {
		case int:
			return time.Unix(int64(n), 0).UTC(), nil
		case float64:
			return time.UnixMicro(int64(n * 1e6)).UTC(), nil
		default:
			return nil, fmt.Errorf("unix needs a number, not %T", args[0])
		}
	}, new(func(any) time.Time)),

	// b64decode(s) decodes standard or URL base64, with or without padding.
	expr.Function("b64decode", func(args ...any) (any, error) {
		text := strings.TrimRight(strings.NewReplacer("-", "+", "_", "/").Replace(args[0].(string)), "=")
		decoded, err := base64.RawStdEncoding.DecodeString(text)
		return string(decoded), err
	}, new(func(string) string)),

	// sha256(s) is the hash of a string in lower-case hex.
	expr.Function("sha256", func(args ...any) (any, error) {
		sum := sha256.Sum256([]byte(args[0].(string)))
		return hex.EncodeToString(sum[:]), nil
	}, new(func(string) string)),

	// escape(s) makes a string a single segment of a URI's path.
	expr.Function("escape", func(args ...any) (any, error) {
		return url.PathEscape(args[0].(string)), nil
	}, new(func(string) string)),
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
