package diagnose

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
)

// text is a value of a request under the name by which a provider's
// description can say where it is.
type text struct {
	name     string // such as header.X-Id
	value    string
	repeated bool   // one of several lines of a header
	holder   string // of a value in JSON: the object that it belongs to
}

// The bounds of what is looked at.
const (
	maxTexts   = 200
	maxText    = 512 // bytes of a value that may be part of what is signed
	maxNesting = 5
	maxItems   = 2 // elements of an array
)

// headerTexts returns the values of the headers, by name.
func headerTexts(header http.Header) []text {
	var texts []text
	for _, name := range slices.Sorted(maps.Keys(header)) {
		for _, value := range header[name] {
			texts = append(texts, text{name: "header." + name, value: value, repeated: len(header[name]) > 1})
		}
	}
	return texts
}

// valueTexts returns those of a query or a form that are not ambiguous, in the
// order of their names.
func valueTexts(root string, values url.Values) []text {
	var texts []text
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if list := values[name]; len(list) == 1 && nameable(name) {
			texts = append(texts, text{name: root + "." + name, value: list[0], holder: root})
		}
	}
	return texts
}

// nameable reports whether a name can stand in a template.
func nameable(name string) bool { return name != "" && !strings.ContainsAny(name, "{}\\\n`") }

// jsonTexts returns the texts and numbers of a JSON document, the outer ones
// before the inner ones, in the document's order.
func jsonTexts(document []byte) []text {
	w := jsonWalk{dec: json.NewDecoder(bytes.NewReader(document))}
	w.dec.UseNumber()
	if w.value(nil) != nil {
		return nil
	}
	slices.SortStableFunc(w.texts, func(a, b text) int {
		return strings.Count(a.holder, ".") - strings.Count(b.holder, ".")
	})
	return w.texts
}

type jsonWalk struct {
	dec     *json.Decoder
	texts   []text
	passing int // how many arrays are being passed whose first elements suffice
}

// value reads the next value, which stands at path.
func (w *jsonWalk) value(path payload.Path) error {
	token, err := w.dec.Token()
	if err != nil {
		return err
	}
	switch token := token.(type) {
	case json.Delim:
		return w.inside(token, path)
	case string:
		w.add(path, token)
	case json.Number:
		w.add(path, token.String())
	}
	return nil
}

func (w *jsonWalk) add(path payload.Path, value string) {
	if w.passing > 0 || len(w.texts) >= maxTexts || len(path) == 0 || len(path) > maxNesting || len(value) > 2*maxText {
		return
	}
	for _, part := range path {
		if !nameable(part) {
			return
		}
	}
	holder := "body"
	if len(path) > 1 {
		holder += "." + path[:len(path)-1].String()
	}
	w.texts = append(w.texts, text{name: "body." + path.String(), value: value, holder: holder})
}

// inside reads the members or elements of what has begun.
func (w *jsonWalk) inside(opened json.Delim, path payload.Path) error {
	if len(path) > 1000 {
		return fmt.Errorf("nested too deeply")
	}
	passing := w.passing
	for i := 0; w.dec.More(); i++ {
		if opened == '[' && i == maxItems {
			w.passing++
		}
		name := strconv.Itoa(i)
		if opened == '{' {
			token, err := w.dec.Token()
			if err != nil {
				return err
			}
			name, _ = token.(string)
		}
		if err := w.value(append(slices.Clip(path), name)); err != nil {
			return err
		}
	}
	w.passing = passing
	_, err := w.dec.Token()
	return err
}

// timeUnit returns how a text states a time, if it does: in one of the units
// of a provider's description.
func timeUnit(value string) (string, bool) {
	if strings.Trim(value, "0123456789") == "" {
		switch {
		case len(value) == 10 && value[0] == '1':
			return "s", true
		case len(value) == 13 && value[0] == '1':
			return "ms", true
		}
		return "", false
	}
	for _, unit := range []string{"rfc3339", "http_date"} {
		if _, ok := statedTime(value, unit); ok {
			return unit, true
		}
	}
	return "", false
}

// layouts are how times are written that are not numbers.
var layouts = map[string][]string{
	"rfc3339":   {time.RFC3339, "2006-01-02T15:04:05-0700", "2006-01-02 15:04:05Z07:00"},
	"http_date": {http.TimeFormat},
}

// statedTime returns the time that a text states.
func statedTime(value, unit string) (time.Time, bool) {
	for _, layout := range layouts[unit] {
		if t, err := time.Parse(layout, value); err == nil {
			return t, true
		}
	}
	n, err := strconv.ParseInt(value, 10, 64)
	switch {
	case err != nil || layouts[unit] != nil:
		return time.Time{}, false
	case unit == "ms":
		return time.UnixMilli(n), true
	default:
		return time.Unix(n, 0), true
	}
}
