package delivery

import (
	"regexp"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
)

// placeholder is one as it stands in a configuration.
var placeholder = regexp.MustCompile(`\{([^{}"\\\s]+)\}`)

// anew are the beginnings of placeholders that each attempt's own request answers
// for, or nobody's.
var anew = []string{
	"http.request.", "http.webhook.", "http.vars.", "http.reverse_proxy.", "http.response.", "http.error.",
	"env.", "file.", "system.", "time.",
}

// outerPlaceholders are those named in the configuration of destinations that may
// come from what stands in front of webhook_deliver.
func outerPlaceholders(config []byte) (names []string) {
	for _, found := range placeholder.FindAllSubmatch(config, -1) {
		name := string(found[1])
		if !slices.ContainsFunc(anew, func(prefix string) bool { return strings.HasPrefix(name, prefix) }) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// savedPlaceholders returns what is known of placeholders. The others are a
// destination's own.
func savedPlaceholders(repl *caddy.Replacer, names []string) map[string]string {
	saved := make(map[string]string)
	for _, name := range names {
		if value, ok := repl.GetString(name); ok {
			saved[name] = value
		}
	}
	return saved
}
