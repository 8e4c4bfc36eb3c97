package payload

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Path names a value inside a JSON document: object member names and array
// indexes from the outside in.
type Path []string

// ParsePath reads the dotted form, such as "job.items.0.sku". A dot or a
// backslash that belongs to a name is written "\." or "\\".
func ParsePath(text string) (Path, error) {
	if text == "" {
		return nil, errors.New("empty path")
	}
	if !utf8.ValidString(text) {
		return nil, errors.New("path " + strconv.Quote(text) + " is not UTF-8")
	}
	var path Path
	var name strings.Builder
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case '\\':
			if i++; i == len(text) {
				return nil, errors.New("path " + strconv.Quote(text) + " ends in a backslash")
			}
			name.WriteByte(text[i])
		case '.':
			path = append(path, name.String())
			name.Reset()
		default:
			name.WriteByte(c)
		}
	}
	path = append(path, name.String())
	if slices.Contains(path, "") {
		return nil, errors.New("path " + strconv.Quote(text) + " has an empty part")
	}
	return path, nil
}

// String returns the dotted form that ParsePath reads.
func (p Path) String() string {
	escape := strings.NewReplacer(`\`, `\\`, `.`, `\.`)
	parts := make([]string, len(p))
	for i, part := range p {
		parts[i] = escape.Replace(part)
	}
	return strings.Join(parts, ".")
}

// index reports the array index that a part of a path stands for.
func index(part string) (int, bool) {
	if part != "0" && strings.HasPrefix(part, "0") {
		return 0, false
	}
	n, err := strconv.ParseUint(part, 10, 31)
	return int(n), err == nil
}
