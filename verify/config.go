package verify

import (
	"slices"
)

// Config is what an operator says of one endpoint: whose webhooks arrive
// there, by which credentials they are known, and where the provider's own
// description does not fit.
//
// Different kinds of credentials, and different token headers, that are given
// together must all be right. Values of one kind or header are alternatives,
// so that they can be rotated. A configuration without credentials is an
// error unless it says unverified.
type Config struct {
	// The provider: a built-in one or one defined by the webhooks app.
	Provider string `json:"provider,omitempty"`

	// Keys of the provider's own scheme. Any one may verify. Placeholders such
	// as {env.NAME} and {file./path} are replaced when the configuration loads.
	Secrets []string `json:"secrets,omitempty"`

	// Static tokens in the header the provider uses for them, by default
	// `Authorization: Bearer`. Placeholders are replaced as in secrets.
	Tokens []string `json:"tokens,omitempty"`

	// Static tokens in headers that the operator named at the provider. Each
	// header must be right. Placeholders are replaced as in secrets.
	TokenHeaders []TokenHeader `json:"token_headers,omitempty"`

	// Basic authentication accounts. Any one may match. Placeholders are
	// replaced as in secrets.
	Basic []Account `json:"basic,omitempty"`

	// A token that webhook_token has issued to the provider, here or on another
	// instance.
	Issued *Issued `json:"issued,omitempty"`

	// A JSON Web Token of the operator's own OAuth server, or of a provider
	// that publishes its keys.
	JWT *JWTCredential `json:"jwt,omitempty"`

	// Whose webhook it is, where many customers share the endpoint. Each has
	// credentials of its own, in the place of secrets, tokens, token_headers and
	// basic here; issued and jwt must be right besides.
	Tenant *Tenant `json:"tenant,omitempty"`

	// Nothing is checked. It cannot be combined with credentials.
	Unverified bool `json:"unverified,omitempty"`

	// The addresses that may send, in CIDR notation, compared with Caddy's
	// client IP. "published" stands for those the provider publishes.
	// Default: any.
	Sources []string `json:"sources,omitempty"`

	// The HTTP methods that are accepted. Default: the provider's.
	Methods []string `json:"methods,omitempty"`

	// What is signed, where the provider's description is wrong.
	Content Content `json:"content,omitempty"`

	// The event's name or the fields that hold it, instead of the provider's.
	Event []string `json:"event,omitempty"`

	// The fields that hold the delivery's id, instead of the provider's.
	ID []string `json:"id,omitempty"`

	// What a payload must be, instead of what the provider's description says:
	// json (a body that is not JSON to its end is refused as malformed, also
	// where its signature is right) or any.
	Payload string `json:"payload,omitempty"`

	// The clock window, both directions, or "off". Default: the provider's.
	Tolerance Duration `json:"tolerance,omitempty"`

	// The requests are questions: the sender wants the app's own answer, which goes
	// back as it is, whatever its status. Neither `replay` nor `map_status` nor
	// webhook_deliver can be used. Default: what the provider's description says.
	Synchronous bool `json:"synchronous,omitempty"`

	// The URL under which the provider knows this endpoint, for schemes that
	// sign the URL. A URL without a path stands for all paths of the request,
	// and the request's query is added to a URL without one. Default: what the
	// client asked for.
	PublicURL string `json:"public_url,omitempty"`

	// Answer Amazon SNS's verified request to confirm the subscription of an
	// allowed topic, instead of forwarding it. Default: false.
	ConfirmSubscription bool `json:"confirm_subscription,omitempty"`
}

// TokenHeader is a header with the tokens it may hold.
type TokenHeader struct {
	// The name of the header.
	Name string `json:"name,omitempty"`

	// The tokens, any one of which may match the header's whole value.
	Values []string `json:"values,omitempty"`
}

// Account is a user with a password.
type Account struct {
	// The name of the user.
	Username string `json:"username,omitempty"`

	// The password in plain text, usually a placeholder.
	Password string `json:"password,omitempty"`
}

// Effective returns a provider's description with the corrections of config.
func (c *Config) Effective(provider *Spec) *Spec {
	spec := *provider
	spec.contentID = provider.ID
	spec.Or = slices.Clone(provider.Or)
	if len(c.Content) > 0 {
		spec.Content = c.Content
		for i := range spec.Or {
			spec.Or[i].Content = nil
		}
	}
	if len(c.Event) > 0 {
		spec.Event = c.Event
	}
	if len(c.ID) > 0 {
		spec.ID = c.ID
	}
	if len(c.Methods) > 0 {
		spec.Methods = c.Methods
	}
	if c.Payload != "" {
		spec.Payload = c.Payload
	}
	spec.Synchronous = spec.Synchronous || c.Synchronous
	if c.Tolerance != 0 {
		timestamp := Timestamp{}
		if spec.Timestamp != nil {
			timestamp = *spec.Timestamp
		}
		timestamp.Tolerance = c.Tolerance
		spec.Timestamp = &timestamp
		for i, way := range spec.Or {
			if way.Timestamp != nil {
				timestamp := *way.Timestamp
				timestamp.Tolerance = c.Tolerance
				spec.Or[i].Timestamp = &timestamp
			}
		}
	}
	return &spec
}

// hasCredentials reports whether anything proves who sends.
func (c *Config) hasCredentials() bool {
	return len(c.Secrets) > 0 || len(c.Tokens) > 0 || len(c.TokenHeaders) > 0 || len(c.Basic) > 0 ||
		c.Issued != nil || c.JWT != nil
}
