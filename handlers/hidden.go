package handlers

import (
	"net/url"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// redacted stands in a log for a credential, as it does where Caddy hides one.
const redacted = "REDACTED"

// hidden are the places of credentials in requests, by the names that logs have
// for them. It is not changed once it is made.
type hidden struct {
	headers  map[string]bool // in lower case, with hyphens
	numbered []string        // beginnings of headers that end in a number
	query    map[string]bool
}

// hiding is what the encoder webhook_redact hides. Logs are set up before apps
// and outlive a reload, so it is of the process: the names of all configurations
// that run, the old one and the new one while both do.
var hiding hidingPlaces

// hidingPlaces counts by how many endpoints each place is used.
type hidingPlaces struct {
	mu      sync.Mutex
	used    map[string]int // by "header." or "query." and the name
	current atomic.Pointer[hidden]
}

// placesOf returns where credentials are, but for those in bodies, which no log
// has.
func placesOf(c verify.Credentials) []string {
	places := make([]string, 0, len(c.Headers)+len(c.Query))
	for _, name := range c.Headers {
		places = append(places, "header."+name)
	}
	for _, name := range c.Query {
		places = append(places, "query."+name)
	}
	return places
}

// now returns what is hidden at present.
func (h *hidingPlaces) now() *hidden {
	if current := h.current.Load(); current != nil {
		return current
	}
	return new(hidden)
}

// add hides places until remove is called with them.
func (h *hidingPlaces) add(places []string) { h.change(places, 1) }

func (h *hidingPlaces) remove(places []string) { h.change(places, -1) }

func (h *hidingPlaces) change(places []string, by int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.used == nil {
		h.used = make(map[string]int)
	}
	made := &hidden{headers: make(map[string]bool), query: make(map[string]bool)}
	for _, place := range places {
		if h.used[place] += by; h.used[place] == 0 {
			delete(h.used, place)
		}
	}
	for place := range h.used {
		kind, name, _ := strings.Cut(place, ".")
		name = strings.ToLower(name)
		if kind == "query" {
			made.query[name] = true
			continue
		}
		name = strings.ReplaceAll(name, "_", "-")
		if prefix, ok := strings.CutSuffix(name, "#"); ok {
			made.numbered = append(made.numbered, prefix)
		} else {
			made.headers[name] = true
		}
	}
	h.current.Store(made)
}

// longestHeader bounds the names that are looked up without memory of their own.
const longestHeader = 128

// header reports whether a header holds a credential. Requests are logged before
// Caddy drops headers with underscores, so these count as hyphens.
func (h *hidden) header(name string) bool {
	if len(h.headers) == 0 && len(h.numbered) == 0 {
		return false
	}
	var room [longestHeader]byte
	lower := room[:0]
	for i := range len(name) {
		c := name[i]
		switch {
		case c >= 'A' && c <= 'Z':
			c |= ' '
		case c == '_':
			c = '-'
		}
		lower = append(lower, c)
	}
	if h.headers[string(lower)] {
		return true
	}
	for _, prefix := range h.numbered {
		if rest, ok := strings.CutPrefix(string(lower), prefix); ok && strings.Trim(rest, "0123456789") == "" {
			return true
		}
	}
	return false
}

// variable reports whether a variable of CGI is a header that holds a credential.
func (h *hidden) variable(name string) bool {
	header, ok := strings.CutPrefix(name, "HTTP_")
	return ok && h.header(header)
}

// text returns a text without the values of parameters that are credentials, in
// every URL that it may hold, also in one that is itself a parameter's value, and
// in one that is a query alone.
func (h *hidden) text(text string) string {
	if len(h.query) == 0 || !strings.ContainsAny(text, "=%") {
		return text
	}
	var made strings.Builder
	kept := 0 // of text, up to where it is in made
	for i := 0; i < len(text); {
		length, escaped := separator(text[i:])
		if length == 0 && i > 0 {
			i++
			continue
		}
		i += length // a query alone begins without one
		name, equals := parameter(text[i:], escaped)
		if name == 0 || !h.isParameter(text[i:i+name], escaped) {
			if i == 0 {
				i++
			}
			continue
		}
		value := i + name + equals
		end := value + valueLength(text[value:], escaped)
		made.WriteString(text[kept:value])
		made.WriteString(redacted)
		i, kept = end, end
	}
	if kept == 0 {
		return text
	}
	made.WriteString(text[kept:])
	return made.String()
}

// separator returns how long what separates parameters is that a text begins
// with, and whether it is percent-encoded; 0 if there is none.
func separator(text string) (length int, escaped bool) {
	switch {
	case text[0] == '?', text[0] == '&':
		return 1, false
	case text[0] != '%' || len(text) < 3:
		return 0, false
	}
	switch strings.ToLower(text[1:3]) {
	case "3f", "26":
		return 3, true
	}
	return 0, false
}

// parameter returns how long the name is that a text begins with, and what stands
// between it and its value; both are 0 if it is no parameter.
func parameter(text string, escaped bool) (name, equals int) {
	for i := range len(text) {
		switch {
		case text[i] == '=' && !escaped:
			return i, 1
		case escaped && len(text) >= i+3 && strings.EqualFold(text[i:i+3], "%3d"):
			return i, 3
		}
		if length, other := separator(text[i:]); length > 0 && (!other || escaped) || isSpace(text[i]) {
			return 0, 0
		}
	}
	return 0, 0
}

// isParameter reports whether a parameter's name, as it is written, is one of a
// credential.
func (h *hidden) isParameter(name string, escaped bool) bool {
	for range 2 {
		plain, err := url.QueryUnescape(name)
		if err != nil {
			return false
		}
		if name = plain; !escaped {
			break
		}
	}
	return h.query[strings.ToLower(name)]
}

// valueLength returns how long the value is that a text begins with. A text that
// is more than a URL has quotes and the like, which values can have, too: they are
// hidden with it.
func valueLength(text string, escaped bool) int {
	for i := range len(text) {
		if length, other := separator(text[i:]); text[i] == '&' || length > 0 && other && escaped || isSpace(text[i]) {
			return i
		}
	}
	return len(text)
}

func isSpace(c byte) bool { return c <= ' ' }
