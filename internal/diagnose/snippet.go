package diagnose

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// liveWindow is the clock window that is proposed for schemes that sign the
// time.
const liveWindow = 5 * time.Minute

// Caddyfile returns what to write into a Caddyfile: for a provider that is not
// built in the global option that describes it, and the directive. The secret
// is left to the environment.
func (d *Diagnosis) Caddyfile() string {
	f := d.Finding
	var out strings.Builder
	if !f.Builtin {
		out.WriteString("{\n\twebhooks {\n")
		writeProvider(&out, f.spec, d.request.Received.Sub(d.statedOr(d.request.Received)))
		out.WriteString("\t}\n}\n\n")
	}
	fmt.Fprintf(&out, "handle_webhook %s %s", token(d.endpoint()), f.Provider)
	variable := "{env." + strings.ToUpper(strings.ReplaceAll(f.Provider, "-", "_"))
	if f.basic {
		fmt.Fprintf(&out, " {\n\tbasic %s_USER} %s_PASSWORD}\n", variable, variable)
	} else {
		fmt.Fprintf(&out, " %s_SECRET} {\n", variable)
	}
	if f.publicURL != "" {
		fmt.Fprintf(&out, "\tpublic_url %s\n", token(f.publicURL))
	}
	if !acceptsMethod(f.spec, d.request.Method) {
		fmt.Fprintf(&out, "\tmethods %s\n", d.request.Method)
	}
	out.WriteString("\totherwise {\n\t\twebhook_proxy localhost:3000\n\t}\n}\n")
	return emptyBlock.ReplaceAllString(out.String(), "\n")
}

// emptyBlock is what need not be written: nothing in braces.
var emptyBlock = regexp.MustCompile(` \{\n\t*\}\n`)

func (d *Diagnosis) statedOr(fallback time.Time) time.Time {
	if at, ok := d.Finding.stated(); ok {
		return at
	}
	return fallback
}

func acceptsMethod(spec *verify.Spec, method string) bool {
	methods := spec.Methods
	if len(methods) == 0 {
		methods = []string{"POST"}
	}
	return slices.Contains(methods, method)
}

// writeProvider writes the definition of a provider. A window that would
// refuse the captured request itself stands there as a comment.
func writeProvider(out *strings.Builder, spec *verify.Spec, age time.Duration) {
	line := func(depth int, words ...string) {
		out.WriteString(strings.Repeat("\t", depth) + strings.Join(words, " ") + "\n")
	}
	line(2, "provider", spec.Name, spec.Scheme, "{")
	if spec.Hash != "" {
		line(3, "hash", spec.Hash)
	}
	if spec.Key != "" {
		line(3, "key", spec.Key)
	}
	if s := spec.Signature; s != nil {
		line(3, "signature", token(s.From[0]), "{")
		if s.Repeated {
			line(4, "repeated")
		}
		if s.Prefix != "" {
			line(4, "prefix", token(s.Prefix))
		}
		if l := s.List; l != nil {
			line(4, "list", token(l.Separator), "{")
			if l.Assign != "" {
				line(5, "assign", token(l.Assign))
				line(5, "tag", token(l.Tag))
			}
			line(4, "}")
		}
		line(4, "encoding", s.Encoding)
		line(3, "}")
	}
	if t := spec.Token; t != nil {
		line(3, "token", token(t.From), "{")
		if t.Prefix != "" {
			line(4, "prefix", token(t.Prefix))
		}
		line(3, "}")
	}
	if j := spec.JWT; j != nil {
		line(3, "jwt", token(j.From), "{")
		line(4, "prefix", token(*j.Prefix))
		line(4, "algorithms", j.Algorithms[0])
		line(3, "}")
	}
	if t := spec.Timestamp; t != nil {
		line(3, slices.Concat([]string{"timestamp"}, tokens(t.From), []string{"{"})...)
		if t.Tag != "" {
			line(4, "tag", token(t.Tag))
		}
		if t.Unit != "" {
			line(4, "unit", t.Unit)
		}
		if window := []string{"tolerance", "5m"}; age.Abs() < liveWindow/2 {
			line(4, window...)
		} else if t.Unit != "" {
			line(4, "# tolerance 5m  # without the first #, once live: the captured request is older than that")
		}
		line(3, "}")
	}
	for _, segment := range spec.Content {
		words := []string{"content", token(segment.Text)}
		if segment.Lower {
			words = append(words, "lower")
		}
		if segment.Ambiguous {
			words = append(words, "ambiguous")
		}
		line(3, words...)
	}
	if spec.RefuseSeparators {
		line(3, "refuse_separators")
	}
	if h := spec.BodyHash; h != nil {
		line(3, "body_hash", token(h.From), "{")
		line(4, "encoding", h.Encoding)
		line(3, "}")
	}
	if len(spec.Event) > 0 {
		line(3, append([]string{"event"}, tokens(spec.Event)...)...)
	}
	if len(spec.ID) > 0 {
		line(3, append([]string{"id"}, tokens(spec.ID)...)...)
	}
	line(2, "}")
}

func tokens(values []string) []string {
	quoted := make([]string, len(values))
	for i, value := range values {
		quoted[i] = token(value)
	}
	return quoted
}

// token writes a value as one token of a Caddyfile.
func token(value string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~:/?&=+*{}@%!,;|"
	switch {
	case value != "" && strings.Trim(value, plain) == "" && value != "{" && value != "}" && !strings.HasSuffix(value, "{") &&
		!strings.HasSuffix(value, ","):
		return value
	case !strings.Contains(value, "`"):
		return "`" + value + "`"
	default:
		return `"` + strings.ReplaceAll(value, `"`, `\"`) + `"`
	}
}
