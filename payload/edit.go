package payload

import (
	"bytes"
	"slices"
)

// Every is the part of a path that stands for all elements of an array, or all
// members of an object.
const Every = "*"

// Set returns a document in which the value at a path is another one, given as
// JSON. Objects on the way that are missing or null are made; what the path does not name keeps
// its bytes. A path may lead into a string that holds JSON.
func Set(document []byte, path Path, value []byte) ([]byte, error) {
	return editDocument(document, path, &edition{
		change: func([]byte) ([]byte, error) { return value, nil },
		create: value,
	})
}

// AppendSet appends a document in which another value, given as JSON, stands
// where one was found.
func AppendSet(to, document []byte, at Span, value []byte) []byte {
	to = append(to, document[:at.Start]...)
	to = append(to, value...)
	return append(to, document[at.End:]...)
}

// Replace returns a document in which the value at a path is another one, given
// as JSON. It is the same document if the path leads nowhere.
func Replace(document []byte, path Path, value []byte) ([]byte, error) {
	return editDocument(document, path, &edition{
		change: func([]byte) ([]byte, error) { return value, nil },
	})
}

// Delete returns a document without the value at a path. It is the same
// document if the path leads nowhere.
func Delete(document []byte, path Path) ([]byte, error) {
	return editDocument(document, path, &edition{remove: true})
}

// Rename returns a document in which the value at a path stands at another
// one, which must not exist. Where only the last name differs, the value keeps
// its place. It is the same document if the first path leads nowhere.
func Rename(document []byte, from, to Path) ([]byte, error) {
	last := len(from) - 1
	if from[last] == Every || to[len(to)-1] == Every {
		return nil, Fault("a path that ends in * cannot be renamed")
	}
	if len(to) == len(from) && slices.Equal(from[:last], to[:last]) {
		return editDocument(document, from, &edition{rename: to[last]})
	}
	if slices.Contains(from, Every) || slices.Contains(to, Every) {
		return nil, Fault("a path with * can be renamed in its last name only")
	}
	var moved []byte
	_, err := editDocument(document, from, &edition{change: func(value []byte) ([]byte, error) {
		moved = slices.Clone(value)
		return value, nil
	}})
	if err != nil || moved == nil {
		return document, err
	}
	var exists bool
	_, err = edit(document, to, &edition{change: func(value []byte) ([]byte, error) {
		exists = true
		return value, nil
	}})
	if err == nil && exists {
		return nil, Faultf("%s exists already", to)
	}
	shorter, err := Delete(document, from)
	if err != nil {
		return nil, err
	}
	return Set(shorter, to, moved)
}

// edition is what is done with the value at the end of a path.
type edition struct {
	change func(value []byte) ([]byte, error) // makes the new value
	create []byte                             // the value where there is none; nil: leave it so
	remove bool
	rename string
	budget int // the largest result in bytes
}

// creates reports whether what a path names is made where it is missing. There
// is nothing to make of all members of something that is not there.
func (e *edition) creates(path Path) bool { return e.create != nil && !slices.Contains(path, Every) }

// editDocument applies an edition to a document, which must be a single JSON
// value.
func editDocument(document []byte, path Path, e *edition) ([]byte, error) {
	if _, err := new(Finder).Find(document); err != nil {
		return nil, err
	}
	e.budget = growth*len(document) + len(e.create) + minBudget
	edited, err := edit(document, path, e)
	if err == nil && len(edited) > e.budget {
		err = errTooLarge
	}
	return edited, err
}

// What an edit may make of a document, in bytes: a value out of the payload
// that is set in each element of an array could otherwise square its size.
const growth, minBudget = 4, 1 << 20

var errTooLarge error = Fault("the edited payload would be too large")

// edit applies an edition to the JSON value in doc.
func edit(doc []byte, path Path, e *edition) ([]byte, error) {
	if len(path) == 0 {
		if e.change == nil {
			return doc, nil
		}
		return e.change(bytes.TrimSpace(doc))
	}
	start := space(doc, 0)
	if start == len(doc) {
		return nil, errEnd
	}
	switch doc[start] {
	case '{':
		return editObject(doc, path, e)
	case '[':
		return editArray(doc, path, e)
	case '"':
		return editString(doc, path, e)
	case 'n':
		if e.creates(path) {
			return wrap(path, e.create), nil
		}
		return doc, nil
	}
	if e.create != nil {
		return nil, Faultf("%s lies inside a value that is no object", path)
	}
	return doc, nil
}

// member is where a member of an object, or an element of an array, stands.
type member struct{ nameStart, nameEnd, start, end int }

// membersOf returns what an object or array holds, and where it ends.
func membersOf(doc []byte) (found []member, closing int, err error) {
	s := scan{doc: doc}
	i := space(doc, 0)
	isObject := doc[i] == '{'
	end := doc[i] + 2 // '}' or ']'
	if i = space(doc, i+1); i < len(doc) && doc[i] == end {
		return nil, i, nil
	}
	for {
		m := member{nameStart: i, start: i}
		if isObject {
			if m.nameEnd = s.quoted(i); m.nameEnd != failed {
				m.start = s.colon(m.nameEnd)
			}
			if s.err != nil {
				return nil, 0, s.err
			}
		}
		if m.end = s.skip(m.start, 1); m.end == failed {
			return nil, 0, s.err
		}
		found = append(found, m)
		switch i = space(doc, m.end); {
		case i < len(doc) && doc[i] == ',':
			i = space(doc, i+1)
		case i < len(doc) && doc[i] == end:
			return found, i, nil
		default:
			s.unexpected(i, "a comma or the end")
			return nil, 0, s.err
		}
	}
}

// find returns the index of the member of a name. A name that stands twice is
// an error, because readers would not agree on its value.
func find(doc []byte, all []member, name string) (int, error) {
	found := -1
	for i, m := range all {
		if !m.named(doc, name) {
			continue
		}
		if found >= 0 {
			return 0, doubled(m.nameStart).Err()
		}
		found = i
	}
	return found, nil
}

// named reports whether a member has a name.
func (m *member) named(doc []byte, name string) bool {
	return string(unquote(doc[m.nameStart:m.nameEnd])) == name
}

func editObject(doc []byte, path Path, e *edition) ([]byte, error) {
	all, closing, err := membersOf(doc)
	if err != nil {
		return nil, err
	}
	if path[0] == Every {
		return editEvery(doc, all, path[1:], e)
	}
	i, err := find(doc, all, path[0])
	if err != nil {
		return nil, err
	}
	switch {
	case i < 0 && !e.creates(path):
		return doc, nil
	case i < 0:
		return insert(doc, all, closing, quote(path[0]), wrap(path[1:], e.create))
	case len(path) == 1 && e.remove:
		return removeMember(doc, all, i), nil
	case len(path) == 1 && e.rename != "":
		exists := func(m member) bool { return m.named(doc, e.rename) }
		if e.rename != path[0] && slices.ContainsFunc(all, exists) {
			return nil, Faultf("%q exists already", e.rename)
		}
		return splice(doc, all[i].nameStart, all[i].nameEnd, quote(e.rename)), nil
	}
	value, err := edit(doc[all[i].start:all[i].end], path[1:], e)
	if err != nil {
		return nil, err
	}
	return splice(doc, all[i].start, all[i].end, value), nil
}

func editArray(doc []byte, path Path, e *edition) ([]byte, error) {
	all, closing, err := membersOf(doc)
	if err != nil {
		return nil, err
	}
	if path[0] == Every {
		return editEvery(doc, all, path[1:], e)
	}
	at, isIndex := index(path[0])
	switch {
	case !isIndex && e.create != nil:
		return nil, Faultf("%q is no index of an array", path[0])
	case !isIndex || at >= len(all) && !e.creates(path):
		return doc, nil
	case at == len(all):
		return insert(doc, all, closing, nil, wrap(path[1:], e.create))
	case at > len(all):
		return nil, Faultf("index %d is beyond the end of an array of %d", at, len(all))
	}
	if len(path) == 1 && e.remove {
		return removeMember(doc, all, at), nil
	}
	return editEach(doc, all[at:at+1], path[1:], e)
}

// editEvery edits all that an object or array holds. What path names is below
// each of its members.
func editEvery(doc []byte, all []member, path Path, e *edition) ([]byte, error) {
	if len(path) == 0 && e.remove && len(all) > 0 {
		return splice(doc, all[0].nameStart, all[len(all)-1].end, nil), nil
	}
	return editEach(doc, all, path, e)
}

// editEach edits values in one pass: a copy for each would cost the square of
// their number.
func editEach(doc []byte, members []member, path Path, e *edition) ([]byte, error) {
	out := make([]byte, 0, len(doc))
	copied := 0
	for _, m := range members {
		value, err := edit(doc[m.start:m.end], path, e)
		if err != nil {
			return nil, err
		}
		out = append(append(out, doc[copied:m.start]...), value...)
		copied = m.end
		if len(out) > e.budget {
			return nil, errTooLarge
		}
	}
	return append(out, doc[copied:]...), nil
}

// editString edits the JSON document inside a string.
func editString(doc []byte, path Path, e *edition) ([]byte, error) {
	trimmed := bytes.TrimSpace(doc)
	text, ok := Text(trimmed)
	if inner, err := Decode([]byte(text)); !ok || err != nil || !isContainer(inner) {
		if e.create != nil {
			return nil, Faultf("%s lies inside a string that holds no JSON object or array", path)
		}
		return doc, nil
	}
	edited, err := edit([]byte(text), path, e)
	if err != nil {
		return nil, err
	}
	if string(edited) == text {
		return doc, nil
	}
	return quote(string(edited)), nil
}

func isContainer(value any) bool {
	switch value.(type) {
	case map[string]any, []any:
		return true
	default:
		return false
	}
}

// insert adds a member (or, without a name, an element) after the last one.
func insert(doc []byte, all []member, closing int, name, value []byte) ([]byte, error) {
	at := closing
	var added []byte
	if len(all) > 0 {
		at = all[len(all)-1].end
		added = append(added, ',')
	}
	if name != nil {
		added = append(append(added, name...), ':')
	}
	return splice(doc, at, at, append(added, value...)), nil
}

// removeMember removes the i-th member together with the comma that its
// absence leaves over.
func removeMember(doc []byte, all []member, i int) []byte {
	switch {
	case i+1 < len(all):
		return splice(doc, all[i].nameStart, all[i+1].nameStart, nil)
	case i > 0:
		return splice(doc, all[i-1].end, all[i].end, nil)
	default:
		return splice(doc, all[i].nameStart, all[i].end, nil)
	}
}

// wrap puts a value into the objects that a path names.
func wrap(path Path, value []byte) []byte {
	for _, name := range slices.Backward(path) {
		value = slices.Concat([]byte("{"), quote(name), []byte(":"), value, []byte("}"))
	}
	return value
}

func splice(doc []byte, start, end int, value []byte) []byte {
	return slices.Concat(doc[:start], value, doc[end:])
}
