package verify

import "encoding/json"

// Spec describes how one provider sends webhooks. The built-in ones are the
// JSON files in the folder providers; operators define their own with the same
// fields.
//
// Fields that name a part of a request use one notation: "header.NAME",
// "query.NAME", "form.NAME", "body.PATH" (a dotted path into the JSON payload),
// "method", "path", "url". Where text surrounds them they stand in braces, as
// in "{header.X-Timestamp}.{body}"; Caddy's long placeholder names such as
// {http.request.header.X-Timestamp} mean the same.
type Spec struct {
	// The provider's name in the Caddyfile: lower case, with hyphens.
	Name string `json:"name,omitempty"`

	// The provider's name as people write it.
	Title string `json:"title,omitempty"`

	// Where the provider documents its webhooks.
	Docs string `json:"docs,omitempty"`

	// What an operator should know: how sure the facts are, what is left open.
	Note string `json:"note,omitempty"`

	// The kinds of credentials the provider can send: secret (a key of its
	// own scheme), token (static, in a header) and basic.
	Credentials []string `json:"credentials,omitempty"`

	// How secrets are used: hmac (RFC 2104), digest (a plain hash of content
	// that holds the key) or token (a secret is the static token). Where the
	// provider has no scheme of its own it is none, basic or left out.
	Scheme string `json:"scheme,omitempty"`

	// The hash of hmac and digest: sha1, sha256, sha384 or sha512. Default: sha256.
	Hash string `json:"hash,omitempty"`

	// How the text of a secret becomes key bytes: utf8 (as it is), hex, base64
	// or whsec (base64 after the prefix whsec_). Default: utf8.
	Key string `json:"key,omitempty"`

	// Where the signature is and how it is written.
	Signature *Signature `json:"signature,omitempty"`

	// The header and prefix of a static token. Default: Authorization with
	// "Bearer ".
	Token *Token `json:"token,omitempty"`

	// Where the time is that the provider states.
	Timestamp *Timestamp `json:"timestamp,omitempty"`

	// What is signed: a template, or several where order matters and a part
	// may be absent. {body} is the body as it came over the wire.
	Content Content `json:"content,omitempty"`

	// Refuse signed values that contain the text that separates them in
	// content: one signature would then be good for several payloads.
	RefuseSeparators bool `json:"refuse_separators,omitempty"`

	// The form field that holds the JSON payload when a request is a form.
	FormField string `json:"form_field,omitempty"`

	// Where the event's name is: the first of these that is present. An entry
	// is a field (body.type), a template ({body.type}.{body.action}), a fixed
	// name, or, last, an expression after an equals sign (=body.a ?? "b").
	Event []string `json:"event,omitempty"`

	// Where the delivery's id is, in the same notation as event.
	ID []string `json:"id,omitempty"`

	// The HTTP methods the provider uses. Default: POST.
	Methods []string `json:"methods,omitempty"`

	// The addresses the provider publishes as its own, in CIDR notation.
	Sources []string `json:"sources,omitempty"`

	// The event names the provider documents. Other names are never refused.
	Events []string `json:"events,omitempty"`
}

// Signature says where a signature is and how it is written.
type Signature struct {
	// The fields that may hold it, such as header.X-Hub-Signature-256. With
	// several, any may match.
	From []string `json:"from,omitempty"`

	// Every line of a repeated header counts, and any may match. By default a
	// repeated header is ambiguous and refused.
	Repeated bool `json:"repeated,omitempty"`

	// Text that must stand before the signature, such as "sha256=".
	Prefix string `json:"prefix,omitempty"`

	// How a header lists several signatures. Absent: it holds a single one.
	List *List `json:"list,omitempty"`

	// How bytes are written: hex, base64 or base64url. Default: hex.
	Encoding string `json:"encoding,omitempty"`
}

// List is a header value that holds several entries, any of which may match.
type List struct {
	// What stands between entries: a comma, a semicolon or a space.
	Separator string `json:"separator,omitempty"`

	// What stands between an entry's tag and its value. Absent: no tags.
	Assign string `json:"assign,omitempty"`

	// The tag of the signatures. Entries with other tags are ignored.
	Tag string `json:"tag,omitempty"`
}

// Token says where a provider sends a static token.
type Token struct {
	// The name of the header.
	Header string `json:"header,omitempty"`

	// Text that must stand before the token, such as "Bearer ".
	Prefix string `json:"prefix,omitempty"`
}

// Timestamp says where a provider states the time of sending.
type Timestamp struct {
	// The field that holds it.
	From string `json:"from,omitempty"`

	// The tag that holds it inside the signature's list, instead of from.
	Tag string `json:"tag,omitempty"`

	// How it is written: s or ms since 1970, or rfc3339. Default: s.
	Unit string `json:"unit,omitempty"`

	// The clock window, both directions, that an operator gets by default.
	// Default: off.
	Tolerance Duration `json:"tolerance,omitempty"`
}

// Content is what a provider signs: segments in their order.
type Content []Segment

// Segment is a piece of signed content. In JSON it is a string where nothing
// but its text is said.
type Segment struct {
	// A template.
	Text string `json:"text"`

	// What to do when a field of text is absent: refuse, empty (the field is
	// an empty string) or drop (the segment is left out). Default: refuse.
	Absent string `json:"absent,omitempty"`

	// Lower-case the segment.
	Lower bool `json:"lower,omitempty"`
}

// MarshalJSON writes a single plain segment as a string.
func (c Content) MarshalJSON() ([]byte, error) {
	if len(c) == 1 && c[0] == (Segment{Text: c[0].Text}) {
		return json.Marshal(c[0].Text)
	}
	return json.Marshal([]Segment(c))
}

// UnmarshalJSON reads a string, or a list of strings and objects.
func (c *Content) UnmarshalJSON(data []byte) error {
	var text string
	if json.Unmarshal(data, &text) == nil {
		*c = Content{{Text: text}}
		return nil
	}
	return json.Unmarshal(data, (*[]Segment)(c))
}

// UnmarshalJSON reads a string or an object.
func (s *Segment) UnmarshalJSON(data []byte) error {
	if json.Unmarshal(data, &s.Text) == nil {
		return nil
	}
	type plain Segment
	return json.Unmarshal(data, (*plain)(s))
}

// usesSecret reports whether the provider's own scheme needs a secret.
func (s *Spec) usesSecret() bool { return s.Scheme != "" && s.Scheme != "none" && s.Scheme != "basic" }

// tokenHeader returns where a static token is expected.
func (s *Spec) tokenHeader() (header, prefix string) {
	if s.Token == nil || s.Token.Header == "" {
		return "Authorization", "Bearer "
	}
	return s.Token.Header, s.Token.Prefix
}
