package verify

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
)

// template is text with fields in braces, such as "{timestamp}.{body}".
type template []field

// escapes are what a backslash and a character stand for in a template: a brace
// that opens no field, and what a Caddyfile cannot write on a line.
var escapes = map[byte]byte{'{': '{', '\\': '\\', 'n': '\n', 'r': '\r', 't': '\t'}

// parseTemplate reads a template. A backslash before any other character stands
// for itself.
func parseTemplate(text string) (template, error) {
	var parts template
	var literal strings.Builder
	flush := func() {
		if literal.Len() > 0 {
			parts = append(parts, field{kind: literalText, name: literal.String()})
			literal.Reset()
		}
	}
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '\\' && i+1 < len(text) && escapes[text[i+1]] != 0:
			i++
			literal.WriteByte(escapes[text[i]])
		case text[i] == '{':
			name, _, closed := strings.Cut(text[i+1:], "}")
			if !closed {
				return nil, fmt.Errorf("template %q: a field lacks its closing brace", text)
			}
			part, err := parseField(name)
			if err != nil {
				return nil, fmt.Errorf("template %q: %w", text, err)
			}
			flush()
			parts = append(parts, part)
			i += len(name) + 1
		default:
			literal.WriteByte(text[i])
		}
	}
	flush()
	return parts, nil
}

// prepare asks the finder for what the field reads out of the body.
func (f *field) prepare(finder *payload.Finder, signed bool) {
	if f.kind == bodyPath || f.kind == bodyJSON {
		f.slot = finder.Add(f.path, signed)
	}
}

// prepareItem asks the finder for what the field reads out of an item.
func (f *field) prepareItem(finder *payload.Finder) {
	if f.kind == itemPath {
		f.slot = finder.Add(f.path, true)
	}
}

func (t template) prepare(finder *payload.Finder, signed bool) {
	for i := range t {
		t[i].prepare(finder, signed)
	}
}

// text returns the template with its fields filled in, if all are present.
func (t template) text(m *message) (string, bool, error) {
	if len(t) == 1 {
		return m.text(&t[0])
	}
	var out strings.Builder
	for i := range t {
		value, present, err := m.text(&t[i])
		if err != nil || !present {
			return "", false, err
		}
		out.WriteString(value)
	}
	return out.String(), true, nil
}

// content is what a provider signs, ready to be written to a hash.
type content struct {
	segments         []segment
	refuseSeparators bool
}

type segment struct {
	template
	absent    string
	lower     bool
	ambiguous bool // its fields cannot be told apart in the signed text
}

// droppable reports whether the segment is left out where a field is absent.
func (s *segment) droppable() bool { return s.absent == "drop" }

// compileContent reads the segments of a Spec.
func compileContent(spec *Spec) (*content, error) {
	c := &content{refuseSeparators: spec.RefuseSeparators}
	for _, s := range spec.Content {
		switch s.Absent {
		case "", "refuse", "empty", "drop":
		default:
			return nil, fmt.Errorf("content: absent is %q; it can be refuse, empty or drop", s.Absent)
		}
		parts, err := parseTemplate(s.Text)
		if err != nil {
			return nil, fmt.Errorf("content: %w", err)
		}
		// Names and values of a form are joined bare: what one is, nobody can tell.
		bareForm := spec.FormField == "" && slices.ContainsFunc(parts, func(f field) bool { return f.kind == sortedForm })
		c.segments = append(c.segments, segment{
			template: parts, absent: s.Absent, lower: s.Lower, ambiguous: s.Ambiguous || bareForm,
		})
	}
	return c, nil
}

func (c *content) prepare(body, item *payload.Finder) {
	c.each(func(f *field) {
		f.prepare(body, true)
		f.prepareItem(item)
	})
}

// each calls f with every field of the content.
func (c *content) each(f func(*field)) {
	for _, s := range c.segments {
		for i := range s.template {
			f(&s.template[i])
		}
	}
}

// has reports whether a kind of field is part of the content.
func (c *content) has(kind fieldKind) bool {
	found := false
	c.each(func(f *field) { found = found || f.kind == kind })
	return found
}

// writeTo writes what was signed to w, piece by piece, so that the body is
// not copied. Errors are refusals.
func (c *content) writeTo(w io.Writer, m *message) error {
	for i := range c.segments {
		if err := c.writeSegment(w, &c.segments[i], m); err != nil {
			return err
		}
	}
	return nil
}

func (c *content) writeSegment(w io.Writer, s *segment, m *message) error {
	var few [8]string
	values := append(few[:0], make([]string, len(s.template))...)
	for i := range s.template {
		part := &s.template[i]
		if part.kind == wholeBody {
			continue
		}
		value, present, err := m.text(part)
		switch {
		case err != nil && m.inHead(part):
			return refuse(BadSignature, "ambiguous: %v", err)
		case err != nil:
			return refuse(Malformed, "%v", err)
		case m.holdsNoText(part):
			return refuse(Malformed, "%s is signed, but neither text nor number; where the provider signs the JSON of a value, "+
				"it is json.PATH", part)
		case !present && s.absent == "drop":
			return nil
		case !present && s.absent != "empty" && m.inHead(part):
			return refuse(MissingSignature, "%s is signed, but absent", part)
		case !present && s.absent != "empty":
			return refuse(Malformed, "%s is signed, but absent or neither text nor number", part)
		case c.refuseSeparators && part.kind == bodyPath && present && value == "":
			return refuse(Malformed, "%s is signed, but empty", part)
		case c.refuseSeparators && part.kind != literalText && c.separates(value):
			return refuse(Malformed, "%s contains the text that separates signed values", part)
		}
		values[i] = value
	}
	for i := range s.template {
		if err := s.writePart(w, &s.template[i], values[i], m); err != nil {
			return err
		}
	}
	return nil
}

func (s *segment) writePart(w io.Writer, part *field, value string, m *message) error {
	if part.kind == wholeBody {
		_, err := w.Write(m.Body.Bytes())
		return err
	}
	if s.lower {
		value = strings.ToLower(value)
	}
	_, err := io.WriteString(w, value)
	return err
}

// inHead reports whether a field stands before the body, so that its absence
// is a lack of credentials rather than of payload.
func (m *message) inHead(f *field) bool {
	switch f.kind {
	case statedTimestamp:
		return m.provider.timestamp.from.inHead()
	case deliveryID:
		return m.provider.contentID.inHead()
	default:
		return f.inHead()
	}
}

// holdsNoText reports whether a field is there, but has a value in JSON that
// senders do not agree on how to write as text.
func (m *message) holdsNoText(f *field) bool {
	var raw []byte
	switch f.kind {
	case bodyPath:
		span, err := m.span(f.slot)
		if err != nil {
			return false
		}
		raw = span.Of(m.Body.Document())
	case itemPath:
		if f.slot < len(m.itemSpans) {
			raw = m.itemSpans[f.slot].Of(m.item)
		}
	}
	return len(raw) > 0 && strings.IndexByte("tf{[", raw[0]) >= 0
}

// separates reports whether value contains a literal of the content.
func (c *content) separates(value string) bool {
	found := false
	c.each(func(f *field) {
		found = found || f.kind == literalText && strings.Contains(value, f.name)
	})
	return found
}
