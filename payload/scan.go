package payload

// maxDepth is how deep the values of a document may be nested.
const maxDepth = 10_000

// scan is one pass over a JSON document. Its methods take the index at which
// they begin to read, and return the index behind what they have read. The
// index is failed where there is nothing more to read: after an error, and
// once all is found.
type scan struct {
	doc   []byte
	nodes []node // what is wanted of the document; see Finder
	spans []Span // what was found, by node
	left  int    // how many wanted values were not found yet

	mayStop bool // whether to stop when nothing is left
	loose   bool // whether to read on after mistakes that do not hide where values end
	stopped bool // nothing was left before the document's end
	err     error

	spilled []uint64 // see skip
}

const failed = -1

// Why a document is refused. Errors say where, but do not repeat the text of
// the payload, which may be personal data.
var (
	errEnd  error = Fault("not valid JSON: it ends too early")
	errData error = Fault("data after the end of the JSON value")
)

func (s *scan) fail(at int, what string) int {
	if s.err == nil {
		s.err = Faultf("not valid JSON at byte %d: %s", at, what)
	}
	return failed
}

// unexpected fails where something else should stand, or nothing at all does.
func (s *scan) unexpected(at int, wanted string) int {
	if at >= len(s.doc) {
		s.err = errEnd
		return failed
	}
	return s.fail(at, "it should be "+wanted)
}

// document reads the whole document, of which the first node is wanted.
func (s *scan) document() error {
	i := s.value(space(s.doc, 0), 0, 0)
	if i == failed {
		return s.err
	}
	if space(s.doc, i) < len(s.doc) && !s.loose {
		return errData
	}
	return nil
}

// value reads a value, of which a node is wanted.
func (s *scan) value(i, node, depth int) int {
	n := &s.nodes[node]
	start := i
	s.spans[node].Start = start
	switch {
	case len(n.children) == 0 || i >= len(s.doc):
		i = s.skip(i, depth)
	case s.doc[i] == '{':
		i = s.object(i, n, depth)
	case s.doc[i] == '[':
		i = s.array(i, n, depth)
	default:
		i = s.skip(i, depth)
	}
	if i == failed {
		return failed
	}
	s.spans[node].End = i
	if n.wanted {
		if s.left--; s.left == 0 && s.mayStop {
			s.stopped = true
			return failed
		}
	}
	return i
}

// object reads an object, of whose members some are wanted.
func (s *scan) object(i int, n *node, depth int) int {
	if depth == maxDepth {
		return s.fail(i, "it is nested too deeply")
	}
	if i = space(s.doc, i+1); i < len(s.doc) && s.doc[i] == '}' {
		return i + 1
	}
	for {
		start := i
		end := s.quoted(i)
		if end == failed {
			return failed
		}
		child := s.member(n, s.doc[start:end])
		if i = s.colon(end); i == failed || s.err != nil {
			return failed
		}
		switch {
		case child == 0:
			i = s.skip(i, depth+1)
		case s.spans[child] != Span{}:
			s.double(child, start)
			i = s.skip(i, depth+1)
		default:
			i = s.value(i, child, depth+1)
		}
		if i == failed {
			return failed
		}
		switch i = space(s.doc, i); {
		case i < len(s.doc) && s.doc[i] == ',':
			if i = space(s.doc, i+1); s.endsAfterComma(i) {
				return i + 1
			}
		case i < len(s.doc) && s.doc[i] == '}':
			return i + 1
		default:
			return s.unexpected(i, "a comma or }")
		}
	}
}

// array reads an array, of whose elements some are wanted.
func (s *scan) array(i int, n *node, depth int) int {
	if depth == maxDepth {
		return s.fail(i, "it is nested too deeply")
	}
	if i = space(s.doc, i+1); i < len(s.doc) && s.doc[i] == ']' {
		return i + 1
	}
	for element := 0; ; element++ {
		if child := n.element(s.nodes, element); child != 0 {
			i = s.value(i, child, depth+1)
		} else {
			i = s.skip(i, depth+1)
		}
		if i == failed {
			return failed
		}
		switch i = space(s.doc, i); {
		case i < len(s.doc) && s.doc[i] == ',':
			if i = space(s.doc, i+1); s.endsAfterComma(i) {
				return i + 1
			}
		case i < len(s.doc) && s.doc[i] == ']':
			return i + 1
		default:
			return s.unexpected(i, "a comma or ]")
		}
	}
}

// skip reads a value of which nothing is wanted. It does not call itself, so
// that deep nesting costs no stack: the kinds of the enclosing values are the
// bits of a number, and beyond 64 of them are spilled.
func (s *scan) skip(i, depth int) int {
	doc := s.doc
	var objects uint64 // the last bit says whether the innermost value is an object
	level := 0         // how many values are open
	for {
		if i >= len(doc) {
			return s.unexpected(i, "a value")
		}
		switch c := doc[i]; c {
		case '"':
			i = s.text(i)
		case '{', '[':
			if depth+level == maxDepth {
				return s.fail(i, "it is nested too deeply")
			}
			if i = space(doc, i+1); i < len(doc) && doc[i] == c+2 { // '}' or ']'
				i++
				break
			}
			if level > 0 && level%64 == 0 {
				s.spilled = append(s.spilled, objects)
			}
			level++
			objects <<= 1
			if c == '{' {
				objects |= 1
				if i = s.name(i); i == failed {
					return failed
				}
			}
			continue
		case 't':
			i = s.word(i, "true")
		case 'f':
			i = s.word(i, "false")
		case 'n':
			i = s.word(i, "null")
		default:
			if s.loose {
				i = s.literal(i)
				break
			}
			i = s.number(i)
		}
		if i == failed {
			return failed
		}
		for {
			if level == 0 {
				return i
			}
			if i = space(doc, i); i >= len(doc) {
				return s.unexpected(i, "a comma")
			}
			isObject := objects&1 != 0
			c := doc[i]
			if c == ',' {
				if i = space(doc, i+1); s.endsAfterComma(i) {
					continue
				}
				if isObject {
					if i = s.name(i); i == failed {
						return failed
					}
				}
				break
			}
			if c != '}' && c != ']' || (c == '}') != isObject {
				return s.fail(i, "it should be a comma or the end of the object or array")
			}
			i++
			objects >>= 1
			if level--; level > 0 && level%64 == 0 {
				last := len(s.spilled) - 1
				objects, s.spilled = s.spilled[last], s.spilled[:last]
			}
		}
	}
}

// name reads the name of an object's member up to its value.
func (s *scan) name(i int) int {
	doc := s.doc
	if i >= len(doc) || doc[i] != '"' {
		return s.unexpected(i, "a name in quotes")
	}
	if i = s.text(i); i == failed {
		return failed
	}
	if i+2 < len(doc) && doc[i] == ':' { // as most write it, with a space or without
		if doc[i+1] > ' ' {
			return i + 1
		}
		if doc[i+1] == ' ' && doc[i+2] > ' ' {
			return i + 2
		}
	}
	return s.colon(i)
}

// quoted reads the name of an object's member.
func (s *scan) quoted(i int) int {
	if i >= len(s.doc) || s.doc[i] != '"' {
		return s.unexpected(i, "a name in quotes")
	}
	return s.text(i)
}

// colon reads what stands between a name and its value.
func (s *scan) colon(i int) int {
	if i = space(s.doc, i); i >= len(s.doc) || s.doc[i] != ':' {
		return s.unexpected(i, "a colon")
	}
	return space(s.doc, i+1)
}

func (s *scan) word(i int, word string) int {
	if s.loose {
		return s.literal(i)
	}
	if rest := s.doc[i:]; len(rest) < len(word) || string(rest[:len(word)]) != word {
		return s.fail(i, "it should be a value")
	}
	return i + len(word)
}

// number reads -? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?
func (s *scan) number(i int) int {
	doc := s.doc
	if doc[i] == '-' {
		i++
	}
	switch {
	case i < len(doc) && doc[i] == '0':
		i++
	default:
		end := digits(doc, i)
		if end == i {
			return s.unexpected(i, "a value")
		}
		i = end
	}
	if i < len(doc) && doc[i] == '.' {
		end := digits(doc, i+1)
		if end == i+1 {
			return s.unexpected(end, "a digit")
		}
		i = end
	}
	if i < len(doc) && doc[i]|0x20 == 'e' {
		if i++; i < len(doc) && (doc[i] == '+' || doc[i] == '-') {
			i++
		}
		end := digits(doc, i)
		if end == i {
			return s.unexpected(end, "a digit")
		}
		i = end
	}
	return i
}

func digits(doc []byte, i int) int {
	for i < len(doc) && doc[i]-'0' <= 9 {
		i++
	}
	return i
}

func space(doc []byte, i int) int {
	for i < len(doc) && doc[i] <= ' ' && (doc[i] == ' ' || doc[i] == '\n' || doc[i] == '\r' || doc[i] == '\t') {
		i++
	}
	return i
}
