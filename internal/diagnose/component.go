package diagnose

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// component is a part of what may be signed.
type component struct {
	field string // as a template writes it, such as {body}; or literal text
	value []byte
	kind  componentKind

	time      *verify.Timestamp // of a stated time
	publicURL string            // of a URL: what makes it so
	lower     bool              // the value is the field's in lower case
	holder    string            // of a value in JSON or a form: what it belongs to
	name      string            // its name there
}

type componentKind int

const (
	fieldComponent componentKind = iota
	bodyComponent
	timeComponent
	urlComponent
	methodComponent
	hashComponent // of the body, as the verifier computes it
	keyComponent  // the secret itself; its value differs from key to key
	literalComponent
)

// components are the parts of a request that may be signed.
type components struct {
	body   []component // the body, and other forms of all that it says
	within []component // hashes of the body, and members of it as they were sent
	times  []component
	others []component // headers and parameters, the likelier ones first
	urls   []component
	method []component
	fields []component // values out of JSON, forms and queries
}

var keyPart = component{field: "{key}", kind: keyComponent}

func literal(value string) component {
	return component{field: strings.ReplaceAll(value, "{", `\{`), value: []byte(value), kind: literalComponent}
}

// newComponents takes a request apart. What is itself the candidate of a code is left
// out.
func newComponents(r *Request, candidates []candidate, publicURL string) components {
	a := components{method: []component{
		{field: "{method}", value: []byte(r.Method), kind: methodComponent},
		{field: "{method}", value: []byte(strings.ToLower(r.Method)), kind: methodComponent, lower: true},
	}}
	body := payload.New(r.Body, r.Header.Get("Content-Type"), "")
	a.body = []component{{field: "{body}", value: r.Body, kind: bodyComponent}}
	form, _ := body.Form()
	if len(form) > 0 {
		a.body = append(a.body, component{field: "{form.sorted}", value: []byte(joinSorted(form)), kind: bodyComponent})
	}
	a.addWithin(r.Body)
	a.urls = Components(r, publicURL)
	for _, p := range candidates {
		if p.timeTag != "" {
			unit, _ := timeUnit(p.time)
			a.times = append(a.times, component{
				field: "{timestamp}", value: []byte(p.time), kind: timeComponent,
				time: &verify.Timestamp{Tag: p.timeTag, Unit: unit},
			})
		}
	}
	a.addHeaders(r.Header, candidates)
	a.addFields(valueTexts("query", r.URL.Query()), candidates)
	a.addFields(valueTexts("form", form), candidates)
	if !body.IsForm() {
		a.addFields(jsonTexts(r.Body), candidates)
	}
	return a
}

// maxMembers is how many members of the payload are tried as they were sent.
const maxMembers = 6

// addWithin adds what stands for the body in shorter schemes: its hash, and each
// object and array at the top of the payload.
func (a *components) addWithin(body []byte) {
	sum := sha256.Sum256(body)
	a.within = []component{
		{field: "{sha256.hex}", value: []byte(hex.EncodeToString(sum[:])), kind: hashComponent},
		{field: "{sha256.base64}", value: []byte(base64.StdEncoding.EncodeToString(sum[:])), kind: hashComponent},
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(body, &members) != nil {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		_, err := payload.ParsePath(name)
		if value := members[name]; err == nil && !strings.Contains(name, ".") && (value[0] == '{' || value[0] == '[') {
			a.within = append(a.within, component{field: "{json." + name + "}", value: value})
		}
	}
	a.within = upTo(a.within, 2+maxMembers)
}

// holdsCode reports whether a text is in one of the candidates.
func holdsCode(name string, candidates []candidate) bool {
	return slices.ContainsFunc(candidates, func(p candidate) bool { return p.signature.From[0] == name })
}

// usual are headers that HTTP and proxies need, and that no one signs, or
// hardly anyone.
var usual = []string{
	"Accept", "Accept-Charset", "Accept-Encoding", "Accept-Language", "Authorization", "Cache-Control", "Connection",
	"Content-Encoding", "Cookie", "Expect", "Forwarded", "From", "Host", "Keep-Alive", "Origin", "Pragma", "Referer", "Te",
	"Traceparent", "Tracestate", "Transfer-Encoding", "Upgrade", "User-Agent", "Via", "X-Forwarded-For",
	"X-Forwarded-Host", "X-Forwarded-Port", "X-Forwarded-Proto", "X-Real-Ip",
}

// late are headers that are tried last.
var late = []string{"Content-Type", "Content-Length", "Content-Md5", "Date"}

func (a *components) addHeaders(header http.Header, candidates []candidate) {
	for _, t := range headerTexts(header) {
		name := strings.TrimPrefix(t.name, "header.")
		if t.repeated || t.value == "" || len(t.value) > maxText || slices.Contains(usual, name) {
			continue
		}
		// A hash of the body has the form of a signature, and may be signed.
		if holdsCode(t.name, candidates) && hashOfBody(t.value, a.body[0].value) == "" {
			continue
		}
		if unit, ok := timeUnit(t.value); ok {
			a.times = append(a.times, component{
				field: "{timestamp}", value: []byte(t.value), kind: timeComponent,
				time: &verify.Timestamp{From: []string{t.name}, Unit: unit},
			})
			continue
		}
		a.others = append(a.others, component{field: "{" + t.name + "}", value: []byte(t.value), name: name})
	}
	slices.SortStableFunc(a.others, func(x, y component) int { return likelihood(x.name) - likelihood(y.name) })
}

// likelihood ranks headers by their names: what is often signed comes first.
func likelihood(name string) int {
	if slices.Contains(late, name) {
		return len(likely) + 1
	}
	rank := slices.IndexFunc(likely, func(words []string) bool {
		return slices.ContainsFunc(words, func(word string) bool { return strings.Contains(strings.ToLower(name), word) })
	})
	if rank < 0 {
		return len(likely)
	}
	return rank
}

// likely are words in the names of headers that are signed, by likelihood.
var likely = [][]string{
	{"nonce", "delivery", "request", "-id", "salt"}, {"sha256", "digest", "hash", "key", "version"}, {"event", "topic", "type"},
}

func (a *components) addFields(texts []text, candidates []candidate) {
	for _, t := range texts {
		if len(t.value) > maxText || holdsCode(t.name, candidates) {
			continue
		}
		if unit, ok := timeUnit(t.value); ok && t.holder == "query" {
			a.times = append(a.times, component{
				field: "{timestamp}", value: []byte(t.value), kind: timeComponent,
				time: &verify.Timestamp{From: []string{t.name}, Unit: unit},
			})
		}
		name := strings.TrimPrefix(t.name, t.holder+".")
		a.fields = append(a.fields, component{field: "{" + t.name + "}", value: []byte(t.value), holder: t.holder, name: name})
	}
}

// joinSorted writes a form as the field form.sorted does.
func joinSorted(form url.Values) string {
	var out strings.Builder
	for _, name := range sortedNames(form) {
		values := slices.Clone(form[name])
		slices.Sort(values)
		for _, value := range slices.Compact(values) {
			out.WriteString(name + value)
		}
	}
	return out.String()
}

// Components are the ways in which the URL may be written. A captured request
// does not say by which scheme and host the provider knows the endpoint.
func Components(r *Request, publicURL string) []component {
	var list []component
	add := func(field, value, public string) {
		known := func(a component) bool { return string(a.value) == value }
		if value != "" && !slices.ContainsFunc(list, known) {
			list = append(list, component{field: field, value: []byte(value), kind: urlComponent, publicURL: public})
		}
	}
	uri := r.URL.RequestURI()
	bases := publicURLs(r, publicURL)
	for i, base := range bases {
		if i == 2 {
			if r.URL.EscapedPath() == r.URL.Path {
				add("{path}", r.URL.Path, "")
			}
			add("{uri}", uri, "")
		}
		add("{url}", fullURL(base, r), base)
	}
	for _, base := range bases {
		bare, _, _ := strings.Cut(fullURL(base, r), "?")
		add("{url.base}", bare, base)
	}
	return list
}

// fullURL is the URL of a request at a public URL, as the verifier writes it.
func fullURL(base string, r *Request) string {
	parsed, err := url.Parse(base)
	switch {
	case err == nil && parsed.Path == "":
		return base + r.URL.RequestURI()
	case err == nil && parsed.RawQuery == "" && r.URL.RawQuery != "":
		return base + "?" + r.URL.RawQuery
	default:
		return base
	}
}

// publicURLs are the URLs by which the provider may know the endpoint: the
// given one, then what the request says, with and without a port, at last with
// or without a slash at the end. One without a path means the request's own.
func publicURLs(r *Request, given string) []string {
	var urls []string
	add := func(text string) {
		if text != "" && !slices.Contains(urls, text) {
			urls = append(urls, text)
		}
	}
	add(given)
	schemes := []string{"https", "http"}
	if r.URL.Scheme == "http" {
		schemes = []string{"http", "https"}
	}
	slash := r.URL.EscapedPath() + "/"
	if trimmed, ok := strings.CutSuffix(r.URL.EscapedPath(), "/"); ok {
		slash = trimmed
	}
	hosts := slices.DeleteFunc([]string{
		r.URL.Host, r.Header.Get("X-Forwarded-Host"), r.Header.Get("X-Original-Host"), r.URL.Hostname(),
	}, func(host string) bool { return host == "" || strings.ContainsAny(host, " ,/") })
	for _, path := range []string{"", slash} {
		for _, host := range hosts {
			for _, scheme := range schemes {
				add(scheme + "://" + host + path)
			}
		}
		for _, host := range hosts {
			if !strings.Contains(host, ":") && path == "" {
				add("https://" + host + ":443")
				add("http://" + host + ":80")
			}
		}
	}
	return urls
}

// sortedNames returns the names of a form.
func sortedNames(form url.Values) []string { return slices.Sorted(maps.Keys(form)) }

// hashOfBody returns the encoding in which a text is the SHA-256 of the body;
// empty if it is not.
func hashOfBody(value string, body []byte) string {
	for _, p := range codes(value) {
		if isHashOf(p.code, body) {
			return p.signature.Encoding
		}
	}
	return ""
}

func isHashOf(code, body []byte) bool {
	sum := sha256.Sum256(body)
	return bytes.Equal(code, sum[:])
}
