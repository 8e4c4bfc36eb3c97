package verify

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
)

// fieldKind is the part of a request that a field reads.
type fieldKind int

const (
	literalText fieldKind = iota
	wholeBody
	bodyPath
	bodyJSON
	itemPath
	bodyCRC32
	bodySHA256Hex
	bodySHA256Base64
	signedHeaders
	headerNames
	headerField
	numberedHeader
	queryField
	formField
	sortedForm
	phpForm
	requestMethod
	requestPath
	requestURI
	requestURL
	requestURLBase
	statedTimestamp
	deliveryID
	secretKey
	handshakeHMAC
)

// field names one value of a request.
type field struct {
	kind fieldKind
	name string // of a header, query parameter or form field; literal text
	path payload.Path
	slot int // of a body path in the finder
}

// plainFields are the fields that have no name or path.
var plainFields = map[string]fieldKind{
	"body":  wholeBody,
	"crc32": bodyCRC32,

	"sha256.hex":    bodySHA256Hex,
	"sha256.base64": bodySHA256Base64,
	"headers":       signedHeaders,
	"headers.names": headerNames,
	"form.sorted":   sortedForm,
	"form.php":      phpForm,
	"method":        requestMethod,
	"path":          requestPath,
	"uri":           requestURI,
	"url":           requestURL,
	"url.base":      requestURLBase,
	"timestamp":     statedTimestamp,
	"id":            deliveryID,
	"key":           secretKey,
	"hmac":          handshakeHMAC,
}

// namedFields are the fields that have one, by what stands before it.
var namedFields = map[string]fieldKind{
	"header": headerField,
	"query":  queryField,
	"form":   formField,
	"body":   bodyPath,
	"json":   bodyJSON,
	"item":   itemPath,
}

// caddyNames maps the long names of Caddy's placeholders, which the Caddyfile
// adapter puts in place of the short ones, to the short ones.
var caddyNames = strings.NewReplacer(
	"http.request.uri.query.", "query.",
	"http.request.uri.path", "path",
	"http.request.uri", "uri",
	"http.request.header.", "header.",
	"http.request.method", "method",
	"http.request.body", "body",
)

// parseField reads a field's name, such as header.X-Event or body.type.
func parseField(text string) (field, error) {
	text = caddyNames.Replace(text)
	if kind, ok := plainFields[text]; ok {
		return field{kind: kind}, nil
	}
	root, name, _ := strings.Cut(text, ".")
	kind, ok := namedFields[root]
	if !ok || name == "" {
		return field{}, fmt.Errorf("unknown field %q; fields are header.NAME, query.NAME, form.NAME, "+
			"body.PATH, json.PATH, body, timestamp, id, method, path, uri and url", text)
	}
	f := field{kind: kind, name: name}
	switch kind {
	case headerField:
		if prefix, numbered := strings.CutSuffix(name, "#"); numbered {
			f.kind, f.name = numberedHeader, prefix
			break
		}
		f.name = http.CanonicalHeaderKey(name)
	case bodyPath, bodyJSON, itemPath:
		var err error
		if f.path, err = payload.ParsePath(name); err != nil {
			return f, err
		}
		f.name = ""
	}
	return f, nil
}

// isField reports whether text is meant as a field rather than a fixed name.
func isField(text string) bool {
	root, name, _ := strings.Cut(text, ".")
	_, ok := namedFields[root]
	return ok && name != ""
}

// String names a field as operators write it.
func (f *field) String() string {
	switch f.kind {
	case literalText:
		return strconv.Quote(f.name)
	case numberedHeader:
		return "header." + f.name + "#"
	}
	for name, kind := range plainFields {
		if kind == f.kind {
			return name
		}
	}
	for root, kind := range namedFields {
		if kind == f.kind {
			return root + "." + f.name + f.path.String()
		}
	}
	return "field"
}

// equal reports whether two fields name the same value.
func (f *field) equal(other *field) bool {
	return f.kind == other.kind && f.name == other.name && slices.Equal(f.path, other.path)
}

// inHead reports whether the field can be read before the body.
func (f *field) inHead() bool {
	switch f.kind {
	case literalText, headerField, numberedHeader, signedHeaders, headerNames, queryField, requestMethod, requestPath, requestURI:
		return true
	default:
		return false
	}
}

// inDocument reports whether the field is the body or a part of it.
func (f *field) inDocument() bool {
	return f.kind == bodyPath || f.kind == bodyJSON || f.kind == formField || f.kind == wholeBody
}

// isBodyHash reports whether the field is a hash of the body.
func (f *field) isBodyHash() bool { return f.kind == bodySHA256Hex || f.kind == bodySHA256Base64 }

// text returns a field's value exactly as it was sent. A header or parameter
// that was sent twice is ambiguous, which is an error, as is a body that
// cannot be read.
func (m *message) text(f *field) (value string, present bool, err error) {
	switch f.kind {
	case literalText:
		return f.name, true, nil
	case bodyPath:
		span, err := m.span(f.slot)
		if err != nil || !span.Found() {
			return "", false, err
		}
		value, present = payload.Text(span.Of(m.Body.Document()))
		return value, present, nil
	case bodyJSON:
		span, err := m.span(f.slot)
		if err != nil || !span.Found() {
			return "", false, err
		}
		return string(span.Of(m.Body.Document())), true, nil
	case itemPath:
		if f.slot >= len(m.itemSpans) {
			return "", false, nil // no item is being looked at
		}
		value, present = payload.Text(m.itemSpans[f.slot].Of(m.item))
		return value, present, nil
	case headerField:
		return single(f.name, m.Header[f.name])
	case queryField:
		return single(f.name, m.URL.Query()[f.name])
	case formField:
		form, err := m.Body.Form()
		if err != nil {
			return "", false, err
		}
		return single(f.name, form[f.name])
	case statedTimestamp:
		return m.timestamp()
	case deliveryID:
		value, err = m.provider.contentID.text(m)
		return value, value != "", err
	default:
		return m.computed(f)
	}
}

// computed returns the fields that are always present.
func (m *message) computed(f *field) (string, bool, error) {
	switch f.kind {
	case wholeBody:
		return string(m.Body.Bytes()), true, nil
	case bodyCRC32:
		return strconv.FormatUint(uint64(crc32.ChecksumIEEE(m.Body.Bytes())), 10), true, nil
	case bodySHA256Hex, bodySHA256Base64:
		sum := sha256.Sum256(m.Body.Bytes())
		if f.kind == bodySHA256Hex {
			return hex.EncodeToString(sum[:]), true, nil
		}
		return base64.StdEncoding.EncodeToString(sum[:]), true, nil
	case signedHeaders:
		return m.provider.headers.text(m)
	case headerNames:
		return m.provider.headers.names(m)
	case sortedForm:
		form, err := m.Body.Form()
		return joinSorted(form), true, err
	case phpForm:
		form, err := m.Body.Form()
		if err != nil {
			return "", false, err
		}
		serialized, err := m.provider.phpSerialize(form)
		return serialized, true, err
	case requestMethod:
		return m.Method, true, nil
	case requestPath:
		return m.URL.Path, true, nil
	case requestURI:
		return m.URL.RequestURI(), true, nil
	case requestURL:
		return m.url(), true, nil
	case requestURLBase:
		base, _, _ := strings.Cut(m.url(), "?")
		return base, true, nil
	case secretKey:
		return string(m.key), true, nil
	case handshakeHMAC:
		return m.hmac, m.hmac != "", nil
	default:
		return "", false, nil
	}
}

// single returns the only value of a list.
func single(name string, values []string) (string, bool, error) {
	switch len(values) {
	case 0:
		return "", false, nil
	case 1:
		return values[0], true, nil
	default:
		return "", false, fmt.Errorf("%s was sent %d times", name, len(values))
	}
}

// joinSorted writes the names and values of a form bare, one after the other,
// sorted by name, equal values of a name once.
func joinSorted(form url.Values) string {
	var out strings.Builder
	names := make([]string, 0, len(form))
	for name := range form {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		values := slices.Clone(form[name])
		slices.Sort(values)
		for _, value := range slices.Compact(values) {
			out.WriteString(name)
			out.WriteString(value)
		}
	}
	return out.String()
}
