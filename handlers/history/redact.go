package history

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/caddy-webhooks/caddy-webhooks/internal/inspect"
	"github.com/caddy-webhooks/caddy-webhooks/payload"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// redactor leaves out of the requests of an endpoint what must not be written down.
type redactor struct {
	tokens    verify.Credentials
	kept      map[string]bool // headers that the provider's scheme reads, signatures among them
	keptQuery map[string]bool // parameters that are signatures
	fields    map[string]bool // of forms that are tokens
	paths     []payload.Path  // of values in JSON

	hidden  sync.Map     // by the names of headers, whether they are left out: most come again
	decided atomic.Int64 // how many names are in it
}

// maxDecided bounds the names that are remembered: anybody can make up more.
const maxDecided = 500

func newRedactor(verifier *verify.Verifier, paths []payload.Path) *redactor {
	described := verifier.Provider()
	r := &redactor{
		tokens: verifier.Tokens(), kept: make(map[string]bool), keptQuery: make(map[string]bool), fields: make(map[string]bool), paths: paths,
	}
	for _, name := range slices.Concat(described.HeaderNames(), described.SignatureHeaders()) {
		r.kept[name] = true
	}
	for _, name := range verifier.Credentials().Query {
		r.keptQuery[name] = true
	}
	for _, way := range described.Spec.Ways() {
		if way.Token != nil {
			if name, ok := strings.CutPrefix(way.Token.From, "form."); ok {
				r.fields[name] = true
			}
		}
	}
	for _, path := range paths {
		if len(path) == 1 {
			r.fields[path[0]] = true // of a form that holds no JSON
		}
	}
	return r
}

// telling are parts of the names of headers, parameters and fields that hold credentials,
// though the verifier does not read them. Signatures are none: each is good for one
// webhook, and verifies it again.
var telling = []string{"auth", "cookie", "credential", "jwt", "key", "passw", "secret", "token"}

func tells(name string) bool {
	lower := strings.ToLower(name)
	return slices.ContainsFunc(telling, func(part string) bool { return strings.Contains(lower, part) })
}

// hidesHeader reports whether a header is left out.
func (r *redactor) hidesHeader(name string) bool {
	if hides, ok := r.hidden.Load(name); ok {
		return hides.(bool)
	}
	hides := r.tokens.HoldHeader(name) || !r.kept[name] && tells(name)
	if r.decided.Add(1) <= maxDecided {
		r.hidden.Store(strings.Clone(name), hides)
	}
	return hides
}

// hidesParameter reports whether a parameter of the query is left out.
func (r *redactor) hidesParameter(name string) bool {
	return slices.Contains(r.tokens.Query, name) || !r.keptQuery[name] && tells(name)
}

// hidesField reports whether a field of a form is left out.
func (r *redactor) hidesField(name string) bool { return r.fields[name] || tells(name) }

// oneLine is what a value of a header is written by.
var oneLine = strings.NewReplacer("\r", " ", "\n", " ")

// head returns the line and the headers of a request, in the order of their names, but for
// those that say how its body was sent.
func (r *redactor) head(method, uri, host string, header http.Header) []byte {
	to := make([]byte, 0, 1024)
	to = append(append(append(to, method...), ' '), uri...)
	to = append(to, " HTTP/1.1\r\nHost: "...)
	to = append(append(to, oneLine.Replace(host)...), "\r\n"...)
	var room [32]string
	names := room[:0]
	for name := range header {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		switch name {
		case "Content-Length", "Transfer-Encoding", "Trailer", "Expect", "Connection", "Host":
			continue
		}
		for _, value := range header[name] {
			if r.hidesHeader(name) {
				value = inspect.Redacted
			}
			to = append(append(append(to, name...), ": "...), oneLine.Replace(value)...)
			to = append(to, "\r\n"...)
		}
	}
	return to
}

// uri returns a path and query without the parameters that are credentials.
func (r *redactor) uri(uri string) string {
	path, query, ok := strings.Cut(uri, "?")
	if !ok {
		return uri
	}
	return path + "?" + redactForm(query, url.QueryEscape(inspect.Redacted), r.hidesParameter)
}

// redactForm replaces values of a query, or of a form. All else stays as it is written.
func redactForm(text, by string, hides func(name string) bool) string {
	pairs := strings.Split(text, "&")
	for i, pair := range pairs {
		name, _, ok := strings.Cut(pair, "=")
		plain, err := url.QueryUnescape(name)
		if ok && (err != nil || hides(plain)) {
			pairs[i] = name + "=" + by
		}
	}
	return strings.Join(pairs, "&")
}

// What is said of a body that is not kept, because values in it are to be left out and
// cannot be found.
const (
	notStrict = "values in it are to be left out, and it is not strict JSON, or takes too much memory to be read"
	inForm    = "values in it are to be left out, and it is a form of another kind"
)

// maxDecoded is how much memory the values of a body may take that is read to leave some
// of them out, in bytes.
const maxDecoded = 32 << 20

// body returns a body as it is kept, or why it is not. It is the same one if nothing is
// left out.
func (r *redactor) body(body *payload.Body) (kept []byte, omitted string) {
	whole := body.Bytes()
	switch {
	case len(whole) == 0:
		return whole, ""
	case body.IsMultipart() && len(r.paths)+len(r.fields) > 0, body.IsForm() && body.FormField() != "" && len(r.paths) > 0:
		return nil, inForm
	case body.IsForm():
		return r.form(whole), ""
	case len(r.paths) == 0 || body.IsMultipart():
		return whole, ""
	}
	document := body.Document()
	if _, _, err := payload.DecodeWithin(document, maxDecoded); err != nil {
		return nil, notStrict
	}
	kept = document
	for _, path := range r.paths {
		var err error
		if kept, err = payload.Replace(kept, path, []byte(`"`+inspect.Redacted+`"`)); err != nil {
			return nil, notStrict
		}
	}
	if string(kept) == string(document) {
		return whole, ""
	}
	return kept, ""
}

// form returns a form without the fields that are left out.
func (r *redactor) form(whole []byte) []byte {
	text := string(whole)
	if redacted := redactForm(text, url.QueryEscape(inspect.Redacted), r.hidesField); redacted != text {
		return []byte(redacted)
	}
	return whole
}
