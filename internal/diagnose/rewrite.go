package diagnose

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"iter"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// rewriting is a change that a proxy, an editor or a framework makes to a
// body, seen from the other side: what undoes it.
type rewriting struct {
	name string // continues "verifies with the body …"
	body []byte
}

// maxRewritten is the largest body, in bytes, that is written anew.
const maxRewritten = 1 << 20

// rewritings are the bodies that may have been sent where this one came, each
// once and without the body itself.
func rewritings(body []byte) iter.Seq[rewriting] {
	return func(yield func(rewriting) bool) {
		if len(body) == 0 || len(body) > maxRewritten {
			return
		}
		known := map[[sha256.Size]byte]bool{sha256.Sum256(body): true}
		once := func(name string, changed []byte) bool {
			sum := sha256.Sum256(changed)
			if known[sum] {
				return true
			}
			known[sum] = true
			return yield(rewriting{name, changed})
		}
		_ = trimmings(body, once) && reserializations(body, once)
	}
}

// trimmings visits bodies that differ in the white space around them and in
// their line breaks, until it is told to stop.
func trimmings(body []byte, visit func(string, []byte) bool) bool {
	unix := bytes.ReplaceAll(body, []byte("\r\n"), []byte("\n"))
	return visit("without the line break at its end", bytes.TrimSuffix(bytes.TrimSuffix(body, []byte("\n")), []byte("\r"))) &&
		visit("with a line break at its end", slices.Concat(body, []byte("\n"))) &&
		visit("with CR and LF at its end", slices.Concat(body, []byte("\r\n"))) &&
		visit("without the white space around it", bytes.TrimSpace(body)) &&
		visit("with LF for CR and LF", unix) &&
		visit("with CR and LF for LF", bytes.ReplaceAll(unix, []byte("\n"), []byte("\r\n")))
}

// reserializations visits the same document as other writers of JSON write it,
// until it is told to stop.
func reserializations(body []byte, visit func(string, []byte) bool) bool {
	document, ok := readJSON(body)
	if !ok {
		return true
	}
	orders := []bool{false}
	if bytes.IndexByte(body, '{') >= 0 {
		orders = append(orders, true)
	}
	for _, sorted := range orders {
		for _, spacing := range spacings {
			for _, escape := range escapes {
				if !escape.matters(body) {
					continue
				}
				w := jsonWriter{spacing: spacing, escape: escape, sorted: sorted}
				w.out.Grow(len(body) + 1)
				w.value(document, "\n")
				name := "as JSON " + spacing.name + escape.name
				if sorted {
					name += ", with its names sorted"
				}
				if !visit(name, w.out.Bytes()) {
					return false
				}
				if spacing.indent != "" && !visit(name+", with a line break at its end", slices.Concat(w.out.Bytes(), []byte("\n"))) {
					return false
				}
			}
		}
	}
	return true
}

// spacing is where a JSON writer puts white space.
type spacing struct{ name, comma, colon, indent string }

var spacings = []spacing{
	{"without white space", ",", ":", ""},
	{"with a space after each comma and colon", ", ", ": ", ""},
	{"with a space after each comma", ", ", ":", ""},
	{"with a space after each colon", ",", ": ", ""},
	{"indented by two spaces", ",", ": ", "  "},
	{"indented by four spaces", ",", ": ", "    "},
	{"indented by tabs", ",", ": ", "\t"},
}

// escape is what a JSON writer escapes that need not be.
type escape struct {
	name               string
	ascii, slash, html bool
}

var escapes = []escape{
	{},
	{name: ", with characters beyond ASCII escaped", ascii: true},
	{name: ", with slashes escaped", slash: true},
	{name: ", with characters beyond ASCII and slashes escaped", ascii: true, slash: true},
	{name: ", with <, > and & escaped", html: true},
	{name: ", with characters beyond ASCII, <, > and & escaped", ascii: true, html: true},
}

// matters reports whether a document may look otherwise with the escape than
// without.
func (e *escape) matters(body []byte) bool {
	escaped := bytes.Contains(body, []byte(`\u`))
	beyond := escaped || bytes.ContainsFunc(body, func(r rune) bool { return r >= utf8.RuneSelf })
	return (!e.ascii || beyond) && (!e.slash || escaped || bytes.IndexByte(body, '/') >= 0) &&
		(!e.html || escaped || bytes.ContainsAny(body, "<>&\u2028\u2029"))
}

// member is a member of a JSON object.
type member struct {
	name  string
	value any
}

// readJSON reads a document into []member, []any and what encoding/json makes
// of the rest, numbers as they stand.
func readJSON(body []byte) (any, bool) {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	value, err := readValue(dec, 0)
	return value, err == nil && !dec.More()
}

// maxDepth bounds how deeply a document may be nested that is written anew.
const maxDepth = 200

var errTooDeep = &json.SyntaxError{}

func readValue(dec *json.Decoder, depth int) (any, error) {
	if depth > maxDepth {
		return nil, errTooDeep
	}
	token, err := dec.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('{'):
		members := []member{}
		for dec.More() {
			name, err := dec.Token()
			if err != nil {
				return nil, err
			}
			value, err := readValue(dec, depth+1)
			if err != nil {
				return nil, err
			}
			members = append(members, member{name.(string), value})
		}
		_, err = dec.Token()
		return members, err
	case json.Delim('['):
		elements := []any{}
		for dec.More() {
			value, err := readValue(dec, depth+1)
			if err != nil {
				return nil, err
			}
			elements = append(elements, value)
		}
		_, err = dec.Token()
		return elements, err
	}
	return token, nil
}

type jsonWriter struct {
	spacing spacing
	escape  escape
	sorted  bool
	out     bytes.Buffer
}

// value writes a value; line is a line break with the current indentation.
func (w *jsonWriter) value(value any, line string) {
	switch value := value.(type) {
	case []member:
		if w.sorted {
			value = slices.SortedStableFunc(slices.Values(value), func(a, b member) int { return strings.Compare(a.name, b.name) })
		}
		w.list('{', '}', len(value), line, func(i int, inner string) {
			w.text(value[i].name)
			w.out.WriteString(w.spacing.colon)
			w.value(value[i].value, inner)
		})
	case []any:
		w.list('[', ']', len(value), line, func(i int, inner string) { w.value(value[i], inner) })
	case string:
		w.text(value)
	case json.Number:
		w.out.WriteString(value.String())
	case bool:
		w.out.WriteString(strconv.FormatBool(value))
	default:
		w.out.WriteString("null")
	}
}

func (w *jsonWriter) list(begin, end byte, n int, line string, write func(i int, inner string)) {
	w.out.WriteByte(begin)
	inner := line + w.spacing.indent
	for i := range n {
		if i > 0 {
			w.out.WriteString(w.spacing.comma)
		}
		if w.spacing.indent != "" {
			w.out.WriteString(inner)
		}
		write(i, inner)
	}
	if n > 0 && w.spacing.indent != "" {
		w.out.WriteString(line)
	}
	w.out.WriteByte(end)
}

func (w *jsonWriter) text(text string) {
	w.out.WriteByte('"')
	done := 0 // up to where text is written
	for i, r := range text {
		if r > ' ' && r < utf8.RuneSelf && r != '"' && r != '\\' && (r != '/' || !w.escape.slash) && (!w.escape.html || r > '>') {
			continue // most are plain
		}
		end := i + utf8.RuneLen(r)
		switch {
		case r == '"' || r == '\\' || r == '/' && w.escape.slash:
			w.out.WriteString(text[done:i])
			w.out.WriteByte('\\')
			w.out.WriteRune(r)
		case r < ' ':
			w.out.WriteString(text[done:i])
			w.control(r)
		case w.escape.ascii && r >= utf8.RuneSelf || w.escape.html && strings.ContainsRune("<>&\u2028\u2029", r):
			w.out.WriteString(text[done:i])
			w.escaped(r)
		default:
			continue
		}
		done = end
	}
	w.out.WriteString(text[done:])
	w.out.WriteByte('"')
}

func (w *jsonWriter) control(r rune) {
	if i := strings.IndexRune("\b\t\n\f\r", r); i >= 0 {
		w.out.WriteByte('\\')
		w.out.WriteByte("btnfr"[i])
		return
	}
	w.escaped(r)
}

// escaped writes a character as one escape or two.
func (w *jsonWriter) escaped(r rune) {
	var units [2]uint16
	for _, unit := range utf16.AppendRune(units[:0], r) {
		w.unit(unit)
	}
}

// unit writes a code unit of UTF-16 as an escape.
func (w *jsonWriter) unit(unit uint16) {
	const digits = "0123456789abcdef"
	w.out.WriteString(`\u`)
	for shift := 12; shift >= 0; shift -= 4 {
		w.out.WriteByte(digits[unit>>shift&0xf])
	}
}
