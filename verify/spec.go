package verify

// Spec describes how one provider sends webhooks. The built-in ones are the
// JSON files in the folder providers; operators define their own with the same
// fields.
//
// Fields that name a part of a request use one notation: "header.NAME",
// "query.NAME", "form.NAME", "body.PATH" (a dotted path into the JSON payload),
// "json.PATH" (the same value as it stands there: a text with its quotation
// marks, an object, a boolean), "body", "method", "path", "uri" (path and query as requested), "url", "url.base"
// (without the query), "crc32" (of the body, decimal), "sha256.hex" and "sha256.base64" (of the body), "headers" and "headers.names" (see headers), "form.sorted" (names and values of a form, sorted by
// name and joined bare), "form.php" (the form without its signature, as PHP
// serializes it), "timestamp", "id" and "key". Where text surrounds them they
// stand in braces, as in "{header.X-Timestamp}.{body}", and the text may have the
// escapes \{, \\, \n, \r and \t of a single backslash; Caddy's long
// placeholder names such as {http.request.header.X-Timestamp} mean the same.
type Spec struct {
	// The provider's name in the Caddyfile: lower case, with hyphens.
	Name string `json:"name,omitempty"`

	// The provider that this one is like: what is not described here is as it is
	// there, events and handshakes included. A field that is described here
	// replaces the whole field. It is for operators' own providers.
	Like string `json:"like,omitempty"`

	// The provider's name as people write it.
	Title string `json:"title,omitempty"`

	// Where the provider documents its webhooks.
	Docs string `json:"docs,omitempty"`

	// Where the facts of a built-in provider come from, the best proof first.
	// It is not taken over by providers that are like it.
	Evidence []Evidence `json:"evidence,omitempty"`

	// What an operator should know: how sure the facts are, what is left open.
	Note string `json:"note,omitempty"`

	// The kinds of credentials the provider can send: secret (a key of its
	// own scheme), token (static, in a header), basic, and jwt (a token that
	// verifies by the keys at jwt.jwks_url).
	Credentials []string `json:"credentials,omitempty"`

	// How secrets are used: hmac (RFC 2104), digest (a plain hash of content
	// that holds the key), ed25519, ecdsa_p256, rsa_sha256, rsa_sha1 (secrets
	// are public keys), jwt, or token (a secret is the static token). Where the
	// provider has no scheme of its own it is none, basic or left out.
	Scheme string `json:"scheme,omitempty"`

	// The hash of hmac and digest: sha1, sha256, sha384 or sha512; or legacy_md5,
	// which is for providers that have nothing better. Default: sha256.
	Hash string `json:"hash,omitempty"`

	// How the text of a secret becomes the key of hmac, digest or jwt: utf8 (as
	// it is), hex, base64, whsec (base64 after an optional whsec_ or v1,whsec_), nfkd (UTF-8
	// in the normalization form NFKD) or sha1 (its hash). Default: utf8. Public
	// keys are recognized by their form: PEM (a key or a certificate), JWK,
	// base64 of SPKI, or 32 bytes for ed25519 in hex, base64 or after whpk_.
	Key string `json:"key,omitempty"`

	// What every secret of the provider begins with. Another one is warned of when
	// a configuration loads. Default: nothing is known.
	SecretPrefix string `json:"secret_prefix,omitempty"`

	// Where the signature is and how it is written.
	Signature *Signature `json:"signature,omitempty"`

	// Where a static token is. Default: the header Authorization with
	// "Bearer ".
	Token *Token `json:"token,omitempty"`

	// What a JSON Web Token must say.
	JWT *JWT `json:"jwt,omitempty"`

	// Where the time is that the provider states.
	Timestamp *Timestamp `json:"timestamp,omitempty"`

	// What is signed: a template, or several where order matters and a part
	// may be absent. {body} is the body as it came over the wire.
	Content Content `json:"content,omitempty"`

	// The headers that a request itself names as signed: {headers} in content.
	Headers *SignedHeaders `json:"headers,omitempty"`

	// How the URL is written that is part of content.
	URL *URL `json:"url,omitempty"`

	// Refuse signed values that contain the text that separates them in
	// content, and values of the payload that are empty: one signature would
	// then be good for several payloads, or say nothing.
	RefuseSeparators bool `json:"refuse_separators,omitempty"`

	// A hash of the body that the signed part of the request states.
	BodyHash *BodyHash `json:"body_hash,omitempty"`

	// The path of an array in the body, each element of which must verify.
	// Signature, token and content then name its fields "item.PATH".
	ForEach string `json:"for_each,omitempty"`

	// Header values that must be as given, such as the version of a scheme.
	Require map[string]string `json:"require,omitempty"`

	// Other ways in which the provider signs, by what differs from the description.
	// A request is taken that verifies in any of them: the description's is the
	// first, and the last one signs no more than any other does. Only what is
	// signed in all of them counts as signed.
	Or []Way `json:"or,omitempty"`

	// The form field that holds the JSON payload when a request is a form. A
	// star stands for the only field that holds a JSON object, whatever its name.
	FormField string `json:"form_field,omitempty"`

	// What a payload must be: json (a body that is not JSON to its end is
	// refused) or any. Default: any.
	Payload string `json:"payload,omitempty"`

	// Where the event's name is: the first of these that is present. An entry
	// is a field (body.type), a template ({body.type}.{body.action}), a fixed
	// name, or, last, an expression after an equals sign (=body.a ?? "b").
	Event []string `json:"event,omitempty"`

	// Where the delivery's id is, in the same notation as event.
	ID []string `json:"id,omitempty"`

	// Requests that are no events but part of setting a webhook up.
	Handshakes []Handshake `json:"handshakes,omitempty"`

	// The HTTP methods the provider uses for events. Default: POST.
	Methods []string `json:"methods,omitempty"`

	// The addresses the provider publishes as its own, in CIDR notation.
	Sources []string `json:"sources,omitempty"`

	// How long the provider waits for an answer. 0 where it does not say.
	AnswerWithin Duration `json:"answer_within,omitempty"`

	// The provider asks, and wants the app's own answer: see the field of the same
	// name of webhook_auth.
	Synchronous bool `json:"synchronous,omitempty"`

	// The event names the provider documents. Other names are never refused.
	Events []string `json:"events,omitempty"`

	// Event names that one source alone gives, by that source as event has it.
	// A rule on such a name at an endpoint without the source is a warning. A
	// source that is a fixed name stands for endpoints of their own, whose
	// subdirective event gives that name.
	EventSources map[string][]string `json:"event_sources,omitempty"`

	// What the provider's pages or older versions call events that have another
	// name here, with that name. A rule on such a word is a warning that says so.
	Synonyms map[string]string `json:"synonyms,omitempty"`

	// Groups of events, by which they can be routed together. An event may be
	// in several.
	Categories []Category `json:"categories,omitempty"`

	// The paths of personal data in the payload, such as names, addresses and
	// telephone numbers. A star in a path stands for all elements of an array,
	// or all members of an object.
	Personal []string `json:"personal,omitempty"`

	// The paths of values in the payload that open something for whoever has
	// them, such as tokens, codes, and links with a token.
	Secrets []string `json:"secrets,omitempty"`

	// contentID are the id's sources that content means, whatever an operator
	// makes the delivery's id.
	contentID []string

	origin string                   // see Origin
	guests map[string]SchemeFactory // see UseScheme
}

// Category is a group of events.
type Category struct {
	// The name of the group: lower case, with hyphens.
	Name string `json:"name,omitempty"`

	// The names of its events. A star stands for any characters. Default: all.
	Events []string `json:"events,omitempty"`

	// An expression over the event that must be true besides, where a field
	// tells the groups apart, such as body?.type == "Delivery".
	When string `json:"when,omitempty"`
}

// Signature says where a signature is and how it is written.
type Signature struct {
	// The fields that may hold it, such as header.X-Hub-Signature-256. With
	// several, any may match. A header's name that ends in # stands for the
	// headers numbered from 1 on.
	From []string `json:"from,omitempty"`

	// Every line of a repeated header counts, and any may match. By default a
	// repeated header is ambiguous and refused.
	Repeated bool `json:"repeated,omitempty"`

	// Text that must stand before the signature, such as "sha256=". One star in it
	// stands for any text, such as the id of a key in "*/SHA256/".
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

	// The tag of the signatures. Entries with other tags are ignored. A star
	// takes any tag.
	Tag string `json:"tag,omitempty"`
}

// Token says where a provider sends a static token.
type Token struct {
	// The field that holds it, such as header.X-Token or body.passcode.
	From string `json:"from,omitempty"`

	// Text that must stand before the token, such as "Bearer ".
	Prefix string `json:"prefix,omitempty"`

	// The token is sent in handshakes only.
	HandshakeOnly bool `json:"handshake_only,omitempty"`
}

// JWT says what a provider's JSON Web Token (RFC 7519) must say.
type JWT struct {
	// The field that holds it. Default: header.Authorization.
	From string `json:"from,omitempty"`

	// Text that must stand before the token. Default: "Bearer " in the header
	// Authorization, nothing elsewhere.
	Prefix *string `json:"prefix,omitempty"`

	// The signature algorithms that are accepted (RFC 7518). The token's own
	// word for its algorithm is never trusted.
	Algorithms []string `json:"algorithms,omitempty"`

	// The issuer that the claim iss must name.
	Issuer string `json:"issuer,omitempty"`

	// An audience that the claim aud must name.
	Audience string `json:"audience,omitempty"`

	// Where the provider publishes its keys as a JSON Web Key Set. There are no
	// secrets then; operators write the subdirective jwt.
	JWKSURL string `json:"jwks_url,omitempty"`

	// What an operator has to say in the subdirective jwt, because without it
	// the tokens of strangers would pass: issuer, audience or require, each
	// with an example.
	Needs map[string]string `json:"needs,omitempty"`

	// An expression over the claims that must be true besides, such as
	// claims.email_verified == true. It needs jwks_url.
	Require string `json:"require,omitempty"`

	// The subject that the claim sub must name.
	Subject string `json:"subject,omitempty"`

	// The greatest age by the claim iat, which must then be present.
	MaxAge Duration `json:"max_age,omitempty"`

	// The claim that holds the SHA-256 of the body, and its encoding: hex,
	// base64 or base64url.
	BodyHash *ClaimHash `json:"body_hash,omitempty"`

	// The claim qsh must be the hash of the request line that Atlassian
	// Connect defines.
	RequestHash bool `json:"request_hash,omitempty"`
}

// ClaimHash is a claim that holds a hash of the body.
type ClaimHash struct {
	// The name of the claim.
	Claim string `json:"claim,omitempty"`

	// How it is written: hex, base64 or base64url. Default: hex.
	Encoding string `json:"encoding,omitempty"`
}

// Timestamp says where a provider states the time of sending.
type Timestamp struct {
	// The fields that may hold it; the first that is present counts.
	From []string `json:"from,omitempty"`

	// The tag that holds it inside the signature's list, instead of from. In a
	// list without tags it is 1, for the first entry.
	Tag string `json:"tag,omitempty"`

	// How it is written: s or ms since 1970, rfc3339, datetime (the same without a
	// zone: it is UTC) or http_date. A number in
	// another unit is known by its size, unless there is a tolerance and the
	// unit is stated. Default: s.
	Unit string `json:"unit,omitempty"`

	// The clock window, both directions, that an operator gets by default.
	// Default: off.
	Tolerance Duration `json:"tolerance,omitempty"`
}

// URL says how a provider writes the URL that it signs.
type URL struct {
	// The standard port of the scheme may be written or left out.
	EitherPort bool `json:"either_port,omitempty"`

	// The characters whose percent-encoding is undone before signing.
	Decode string `json:"decode,omitempty"`
}

// BodyHash is a hash of the body that another, signed part of the request
// states.
type BodyHash struct {
	// The field that holds it, such as query.bodySHA256.
	From string `json:"from,omitempty"`

	// How it is written: hex, base64 or base64url. Default: hex.
	Encoding string `json:"encoding,omitempty"`

	// A form need not have it, because its fields are signed.
	ExceptForms bool `json:"except_forms,omitempty"`
}

// Handshake is a request by which a provider makes sure that the receiver
// wants its webhooks. It is answered here and never forwarded.
type Handshake struct {
	// What makes a request this handshake.
	When When `json:"when"`

	// What must be right before it is answered: none, token (the field that
	// spec.token names holds a configured token) or signature (everything that
	// an event needs). Default: signature.
	Verify string `json:"verify,omitempty"`

	// The answer.
	Respond Respond `json:"respond"`

	// A field with the secret that the provider makes up. It is shown in the log
	// while "pending" is one of the endpoint's secrets.
	Show string `json:"show,omitempty"`
}

// When says which requests are a handshake. All that it says must hold.
type When struct {
	// The HTTP method.
	Method string `json:"method,omitempty"`

	// Fields that must be present.
	Present []string `json:"present,omitempty"`

	// Fields that must be absent.
	Absent []string `json:"absent,omitempty"`

	// Fields that must have these values.
	Equal map[string]string `json:"equal,omitempty"`
}

// Respond is the answer to a handshake. Templates may use {hmac}.
type Respond struct {
	// The status code. Default: 200.
	Status int `json:"status,omitempty"`

	// Headers, as templates.
	Headers map[string]string `json:"headers,omitempty"`

	// The body, as a template. It is sent as text/plain.
	Text string `json:"text,omitempty"`

	// The members of a JSON object, as templates, instead of text.
	JSON map[string]any `json:"json,omitempty"`

	// The field whose HMAC is {hmac}: with the secret that has verified the
	// handshake, or the first one where nothing of it is signed.
	HMAC string `json:"hmac,omitempty"`

	// How {hmac} is written: hex or base64. Default: hex.
	HMACEncoding string `json:"hmac_encoding,omitempty"`
}

// usesSecret reports whether the provider's own scheme needs a secret.
func (s *Spec) usesSecret() bool {
	return s.Scheme != "" && s.Scheme != "none" && s.Scheme != "basic" && !s.PublishesKeys()
}

// PublishesKeys reports whether the provider's tokens verify by keys that it
// publishes.
func (s *Spec) PublishesKeys() bool { return s.Scheme == "jwt" && s.JWT != nil && s.JWT.JWKSURL != "" }
