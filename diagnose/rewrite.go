package diagnose

import (
	"bytes"
	"encoding/json"
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

// rewritings returns the bodies that may have been sent where this one came,
// without the body itself.
func rewritings(body []byte) []rewriting {
	if len(body) == 0 || len(body) > maxRewritten {
		return nil
	}
	var list []rewriting
	add := func(name string, changed []byte) {
		known := func(r rewriting) bool { return bytes.Equal(r.body, changed) }
		if !bytes.Equal(changed, body) && !slices.ContainsFunc(list, known) {
			list = append(list, rewriting{name, changed})
		}
	}
	add("without the line break at its end", bytes.TrimSuffix(bytes.TrimSuffix(body, []byte("\n")), []byte("\r")))
	add("with a line break at its end", slices.Concat(body, []byte("\n")))
	add("with CR and LF at its end", slices.Concat(body, []byte("\r\n")))
	add("without the white space around it", bytes.TrimSpace(body))
	add("with LF for CR and LF", bytes.ReplaceAll(body, []byte("\r\n"), []byte("\n")))
	add("with CR and LF for LF", bytes.ReplaceAll(bytes.ReplaceAll(body, []byte("\r\n"), []byte("\n")), []byte("\n"), []byte("\r\n")))
	document, ok := readJSON(body)
	if !ok {
		return list
	}
	for _, sorted := range []bool{false, true} {
		for _, spacing := range spacings {
			for _, escape := range escapes {
				w := jsonWriter{spacing: spacing, escape: escape, sorted: sorted}
				w.value(document, "\n")
				name := "as JSON " + spacing.name + escape.name
				if sorted {
					name += ", with its names sorted"
				}
				add(name, w.out.Bytes())
				if spacing.indent != "" {
					add(name+", with a line break at its end", append(slices.Clone(w.out.Bytes()), '\n'))
				}
			}
		}
	}
	return list
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
	for _, r := range text {
		switch {
		case r == '"' || r == '\\' || r == '/' && w.escape.slash:
			w.out.WriteByte('\\')
			w.out.WriteRune(r)
		case r < ' ':
			w.control(r)
		case w.escape.ascii && r >= utf8.RuneSelf || w.escape.html && strings.ContainsRune("<>&\u2028\u2029", r):
			for _, unit := range utf16.Encode([]rune{r}) {
				w.unit(unit)
			}
		default:
			w.out.WriteRune(r)
		}
	}
	w.out.WriteByte('"')
}

func (w *jsonWriter) control(r rune) {
	if i := strings.IndexRune("\b\t\n\f\r", r); i >= 0 {
		w.out.WriteByte('\\')
		w.out.WriteByte("btnfr"[i])
		return
	}
	w.unit(utf16.Encode([]rune{r})[0])
}

// unit writes a code unit of UTF-16 as an escape.
func (w *jsonWriter) unit(unit uint16) {
	digits := strconv.FormatUint(uint64(unit), 16)
	w.out.WriteString(`\u` + strings.Repeat("0", 4-len(digits)) + digits)
}
