package diagnose

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// Notes say in sentences what was found, or what was seen where nothing was.
func (d *Diagnosis) Notes() []string {
	f := d.Finding
	if f == nil {
		if d.combinations.incomplete {
			return append(d.Clues, "the search was ended before all was tried, because the request is large")
		}
		return d.Clues
	}
	notes := f.origin()
	if f.Change != "" {
		notes = append(notes, "it verifies only "+f.Change+": something has changed it on its way")
	}
	if f.trimmed {
		notes = append(notes, "the secret has white space or quotation marks around it that are not part of it")
	}
	if f.Secret >= 0 && d.combinations.manySecrets() {
		notes = append(notes, fmt.Sprintf("secret %d is the right one", f.Secret+1))
	}
	if name := f.droppedHeader(d.request.Header); name != "" {
		note := "Caddy removes headers with an underscore or a dot in their name, such as " + name +
			": have what stands before Caddy keep the hyphens"
		if !f.Builtin {
			note += ", or name it in expected_underscore_headers or expected_dot_headers of the global option servers"
		}
		notes = append(notes, note)
	}
	if f.publicURL != "" {
		notes = append(notes, "the provider signs the URL and knows it as "+f.publicURL)
	}
	if at, ok := f.stated(); ok {
		notes = append(notes, d.timeNote(at))
	}
	if encoding := d.request.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		notes = append(notes, "the body is compressed; a running Caddy refuses that")
	}
	return notes
}

// droppedHeader is a header that the provider's scheme reads, and that a
// running Caddy would not see.
func (f *Finding) droppedHeader(header http.Header) string {
	provider, err := verify.Compile(f.spec)
	if err != nil {
		return ""
	}
	for _, name := range slices.Sorted(maps.Keys(header)) {
		if !strings.ContainsAny(name, "_.") {
			continue
		}
		hyphens := http.CanonicalHeaderKey(strings.NewReplacer("_", "-", ".", "-").Replace(name))
		if names := provider.HeaderNames(); slices.Contains(names, name) || slices.Contains(names, hyphens) {
			return name
		}
	}
	return ""
}

// origin says whose scheme it is and what it signs.
func (f *Finding) origin() []string {
	var notes []string
	switch {
	case f.Handshake && f.Secret < 0:
		notes = append(notes, "a handshake of a built-in provider: it is answered whatever the secret, so it proves nothing of it")
	case f.Handshake:
		notes = append(notes, "a signed handshake of a built-in provider")
	case f.Builtin:
		notes = append(notes, "a built-in provider")
	default:
		notes = append(notes, "no built-in provider: define it as below")
		notes = append(notes, f.relatives()...)
	}
	if len(f.Also) > 0 {
		notes = append(notes, "these built-in providers sign alike: "+strings.Join(f.Also, ", "))
	}
	provider, err := verify.Compile(f.spec)
	if err != nil || f.Secret < 0 {
		return notes
	}
	if fields := provider.SignedFields(); len(fields) > 0 && provider.Coverage() != verify.SignedNothing {
		notes = append(notes, "signed: "+strings.Join(fields, ", "))
	} else {
		notes = append(notes, "nothing is signed: the secret says who sends, not that the request is unchanged")
	}
	return notes
}

// timeNote compares the stated time with that of arrival.
func (d *Diagnosis) timeNote(at time.Time) string {
	age := age(d.request.Received.Sub(at))
	note := fmt.Sprintf("it states the time %s, %s", at.UTC().Format(time.RFC3339), age)
	if t := d.Finding.spec.Timestamp; t != nil && t.Tolerance > 0 {
		note += fmt.Sprintf("; a running Caddy allows %s by default", t.Tolerance)
	}
	return note
}

func (c *combinations) manySecrets() bool { return len(c.in.Secrets) > 1 }

// relatives are built-in providers that sign in the same place, with what is
// different there.
func (f *Finding) relatives() []string {
	var notes []string
	if f.spec.Signature == nil {
		return nil
	}
	for _, name := range verify.BuiltinNames() {
		spec, _ := verify.Builtin(name)
		if spec.Signature == nil || !slices.ContainsFunc(spec.Signature.From, func(from string) bool {
			return strings.EqualFold(from, f.spec.Signature.From[0])
		}) {
			continue
		}
		notes = append(notes, fmt.Sprintf("%s signs in the same place, but otherwise: %s", name, strings.Join(differences(spec, f.spec), ", ")))
	}
	return notes
}

// differences names the parts of two descriptions that are not alike.
func differences(theirs, ours *verify.Spec) []string {
	var list []string
	compare := func(name, theirs, ours string) {
		if theirs != ours {
			list = append(list, fmt.Sprintf("%s %s instead of %s", name, orNone(theirs), orNone(ours)))
		}
	}
	compare("scheme", theirs.Scheme, ours.Scheme)
	compare("hash", cmp.Or(theirs.Hash, "sha256"), cmp.Or(ours.Hash, "sha256"))
	compare("key", cmp.Or(theirs.Key, "utf8"), cmp.Or(ours.Key, "utf8"))
	compare("encoding", cmp.Or(theirs.Signature.Encoding, "hex"), cmp.Or(ours.Signature.Encoding, "hex"))
	compare("prefix", theirs.Signature.Prefix, ours.Signature.Prefix)
	compare("tag", tagOf(theirs), tagOf(ours))
	compare("content", contentOf(theirs), contentOf(ours))
	return list
}

func tagOf(spec *verify.Spec) string {
	if spec.Signature.List == nil {
		return ""
	}
	return spec.Signature.List.Tag
}

func contentOf(spec *verify.Spec) string {
	var out strings.Builder
	for _, segment := range spec.Content {
		out.WriteString(segment.Text)
	}
	return out.String()
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return strings.ReplaceAll(text, "\n", `\n`)
}
