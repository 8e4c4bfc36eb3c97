package verify

import (
	"bytes"
	"errors"
	"net/http"
	"strings"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
)

// check refuses a request whose signed text can be taken apart in another way
// than into the parts that it has. The signature has been found right.
func (j *joints) check(m *message) error {
	for _, i := range j.checked {
		part := &j.parts[i]
		switch {
		case part.kind == wholeBody:
			if err := j.checkBody(m, i); err != nil {
				return err
			}
			continue
		case part.json:
			if err := checkFormDocument(m); err != nil {
				return err
			}
			continue
		}
		text := j.text(m, i)
		if part.clean && strings.Contains(text, "\x00") {
			return refuse(Malformed, "%s, which is hashed after the key, holds a NUL", part.field)
		}
		if part.value && !part.showsItsEnd(text) {
			return refuse(Malformed, "nothing keeps %s apart from what is signed beside it, unless it is an object or array", part.field)
		}
		for _, between := range part.between {
			if j.holds(m, i, text, between) {
				return refuse(Malformed, "%s contains the text that separates signed values", part.field)
			}
		}
	}
	for i := range j.drops {
		d := &j.drops[i]
		if j.dropped(m, d.segment) && j.beside(m, j.edgeOf(d), d.side, len(d.text)) == d.text {
			return refuse(Malformed, "what is signed begins as a part of it does that is absent")
		}
	}
	if j.empty && j.isEmpty(m) {
		return refuse(Malformed, "no part of the request is signed but, at most, its time")
	}
	return nil
}

// holds reports whether the text between a part and the next begins in the
// part already. Its end may be the beginning of what really stands there.
func (j *joints) holds(m *message, i int, text, between string) bool {
	if strings.Contains(text, between) {
		return true
	}
	from := j.parts[i].side
	for k := 1; k < len(between); k++ {
		switch {
		case from == fromStart && strings.HasSuffix(text, between[:k]) &&
			j.beside(m, i, from, len(between)-k) == between[k:]:
			return true
		case from == fromEnd && strings.HasPrefix(text, between[k:]) && j.beside(m, i, from, k) == between[:k]:
			return true
		}
	}
	return false
}

// showsItsEnd reports whether the JSON of a value is such that no other value
// begins with it, or ends with it if that is how the text is read.
func (p *part) showsItsEnd(value string) bool {
	switch {
	case value == "":
		return true // its segment is dropped
	case value[0] == '"':
		return p.side == fromStart
	case value[0] == '-' || value[0] >= '0' && value[0] <= '9':
		return p.number
	}
	return true
}

// checkBody refuses a body that is not one JSON object or array to its end, or
// of which a part could stand beside it. No object or array is the beginning or
// the end of another one, save for the space around it.
func (j *joints) checkBody(m *message, i int) error {
	part, body := &j.parts[i], m.Body.Bytes()
	if len(body) == 0 && (m.Method == http.MethodGet || m.Method == http.MethodHead || m.Method == http.MethodDelete) {
		beside := ""
		if part.side != 0 {
			beside = j.beside(m, i, part.side, 1)
		}
		if isSpace(beside) || beside != "" && strings.Contains("{}[]", beside) {
			return refuse(Malformed, "what is signed beside the body, which is empty, may be a part of one")
		}
		return nil
	}
	if err := checkDocument(body); err != nil {
		return refuse(Malformed, "nothing keeps the signed body apart, so it must be JSON: %v", err)
	}
	edge := body[:1]
	if part.side == fromStart {
		edge = body[len(body)-1:]
	}
	if part.exact && isSpace(string(edge)) {
		return refuse(Malformed, "nothing keeps the space around the signed body apart from what is signed beside it")
	}
	return nil
}

// isSpace reports whether text is a character that may surround JSON.
func isSpace(text string) bool { return text != "" && strings.Contains(" \t\r\n", text) }

// checkFormDocument refuses a form that holds anything beside its JSON field.
func checkFormDocument(m *message) error {
	field := m.provider.Spec.FormField
	form, err := m.Body.Form()
	if err != nil || len(form) != 1 || len(form[field]) != 1 {
		return refuse(Malformed, "nothing separates the signed names and values of a form, so %s must be its only field", field)
	}
	if err := checkDocument([]byte(form[field][0])); err != nil {
		return refuse(Malformed, "nothing separates the signed names and values of a form, so %s must be JSON: %v", field, err)
	}
	return nil
}

// checkDocument reads a JSON object or array to its end.
func checkDocument(document []byte) error {
	var nothing payload.Finder
	if _, err := nothing.Find(document); err != nil {
		return err
	}
	if first := bytes.TrimLeft(document, " \t\r\n")[0]; first != '{' && first != '[' {
		return errors.New("it is neither an object nor an array")
	}
	return nil
}

// isEmpty reports whether all fields are, save the time.
func (j *joints) isEmpty(m *message) bool {
	for i := range j.parts {
		part := &j.parts[i]
		if part.kind != literalText && part.kind != secretKey && !m.provider.datesOnly(part.field) && j.text(m, i) != "" {
			return false
		}
	}
	return true
}

// text returns what a part is in the signed text; it is empty where the segment
// is dropped.
func (j *joints) text(m *message, i int) string {
	part := &j.parts[i]
	if j.dropped(m, part.segment) {
		return ""
	}
	if part.kind == literalText {
		return part.text
	}
	text, _, _ := m.text(part.field) // it was written to the hash without an error
	if m.provider.content.segments[part.segment].lower {
		return strings.ToLower(text)
	}
	return text
}

// dropped reports whether a segment is left out of a request's signed text.
func (j *joints) dropped(m *message, segment int) bool {
	s := &m.provider.content.segments[segment]
	if !s.droppable() {
		return false
	}
	for i := range s.template {
		if _, present, _ := m.text(&s.template[i]); !present {
			return true
		}
	}
	return false
}

// edgeOf returns the last part of a segment in the direction of reading.
func (j *joints) edgeOf(d *drop) int {
	edge := 0
	for i := range j.parts {
		if j.parts[i].segment == d.segment {
			if edge = i; d.side == fromEnd {
				break
			}
		}
	}
	return edge
}

// beside returns up to n bytes that follow a part in the direction of reading.
func (j *joints) beside(m *message, i int, from side, n int) string {
	var found []byte
	for k := i + int(from); k >= 0 && k < len(j.parts) && len(found) < n; k += int(from) {
		text := m.Body.Bytes()
		if j.parts[k].kind != wholeBody {
			text = []byte(j.text(m, k))
		}
		if from == fromStart {
			found = append(found, text[:min(len(text), n-len(found))]...)
		} else {
			found = bytes.Join([][]byte{text[max(0, len(text)-(n-len(found))):], found}, nil)
		}
	}
	return string(found)
}
