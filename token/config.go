package token

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// Config is what an operator says of one endpoint at which providers fetch
// tokens.
type Config struct {
	// The issuer's name: lower-case letters, digits, dots, hyphens and
	// underscores, at most 64. Endpoints with the same name, also those of other
	// instances that share Caddy's storage, issue the same tokens. Default:
	// "webhooks".
	Issuer string `json:"issuer,omitempty"`

	// Who gets tokens. There must be one at least. A client may be listed with
	// several secrets, any one of which is right.
	Clients []Client `json:"clients,omitempty"`

	// The names of id and secret in the body, whichever its format is. Default:
	// "client_id" and "client_secret".
	Fields *Names `json:"fields,omitempty"`

	// The names of headers that hold id and secret. Default: none; HTTP Basic
	// authentication is always possible.
	Headers *Names `json:"headers,omitempty"`

	// How long a token is valid, from one minute to 24 hours. Default: 1h.
	TTL verify.Duration `json:"ttl,omitempty"`

	// The field of the answer that holds the token, as a dotted path. Default:
	// "access_token".
	Field string `json:"field,omitempty"`

	// The status of the answer, from 200 to 299 but not 204 or 205, which have
	// no body. Default: 200.
	Status int `json:"status,omitempty"`

	// Keys that sign tokens: shared secrets of 32 bytes or more, or private
	// Ed25519 keys in PEM (PKCS #8) or as JSON Web Keys. The first one signs, and
	// tokens of any one are good. Placeholders such as {env.NAME} and
	// {file./path} are replaced when the configuration loads. Default: keys that
	// are made when the first token is asked for, kept in Caddy's storage, and
	// replaced every 30 days.
	Keys []string `json:"keys,omitempty"`
}

// Client is somebody who may fetch tokens.
type Client struct {
	// The client's id.
	ID string `json:"id,omitempty"`

	// The client's secret, usually a placeholder, which is replaced when the
	// configuration loads. It has at least 16 bytes.
	Secret string `json:"secret,omitempty"`

	// The providers whose webhooks the client's tokens are good for, at all of
	// their endpoints, or the names of endpoints. Default: the provider whose
	// endpoints take tokens of this issuer; it must be given where there are
	// several.
	For []string `json:"for,omitempty"`
}

// Names are the names of the two parts of a client's credentials.
type Names struct {
	// The name of the client's id.
	ID string `json:"id,omitempty"`

	// The name of the client's secret.
	Secret string `json:"secret,omitempty"`
}

const (
	// DefaultTTL is how long a token is valid where nothing is said.
	DefaultTTL = time.Hour

	// DefaultField is the field of the answer that holds the token.
	DefaultField = "access_token"

	minTTL = time.Minute

	// MaxTTL is the longest that a token can be valid. Keys are kept longer.
	MaxTTL = 24 * time.Hour
)

// Check finds mistakes that can be seen while credentials are still
// placeholders. Values that are not set count as their defaults.
func (c *Config) Check() error {
	if err := CheckIssuer(c.Issuer); err != nil {
		return err
	}
	if len(c.Clients) == 0 {
		return errors.New("there is nobody to give tokens to; write client <id> <secret>")
	}
	for i, client := range c.Clients {
		switch {
		case strings.TrimSpace(client.ID) == "":
			return fmt.Errorf("client %d has no id", i+1)
		case strings.TrimSpace(client.Secret) == "":
			return fmt.Errorf("client %d has an empty secret", i+1)
		case len(strings.TrimSpace(client.Secret)) < minClientSecret && !strings.Contains(client.Secret, "{"):
			return shortSecret(i, client)
		case slices.Contains(client.For, ""):
			return fmt.Errorf("client %d is for a provider without a name", i+1)
		}
	}
	if err := c.checkNames(); err != nil {
		return err
	}
	if ttl := time.Duration(c.TTL); ttl != 0 && (ttl < minTTL || ttl > MaxTTL) {
		return fmt.Errorf("ttl is %s; it can be from %s to %s", c.TTL, minTTL, MaxTTL)
	}
	for i, key := range c.Keys {
		if strings.TrimSpace(key) == "" {
			return fmt.Errorf("key %d is empty", i+1)
		}
	}
	return c.checkAnswer()
}

// minClientSecret is the least length, in bytes, of a client's secret, which would be
// guessed otherwise.
const minClientSecret = 16

// CheckSecrets finds secrets that are too short, once placeholders are replaced.
func (c *Config) CheckSecrets() error {
	for i, client := range c.Clients {
		if len(strings.TrimSpace(client.Secret)) < minClientSecret {
			return shortSecret(i, client)
		}
	}
	return nil
}

func shortSecret(i int, client Client) error {
	return fmt.Errorf("the secret of client %d, %s, has %d bytes; it needs %d or more, or it can be guessed: make one with "+
		"openssl rand -base64 32", i+1, client.ID, len(strings.TrimSpace(client.Secret)), minClientSecret)
}

func (c *Config) checkNames() error {
	for what, names := range map[string]*Names{"field": c.Fields, "header": c.Headers} {
		switch {
		case names == nil:
		case names.ID == "" || names.Secret == "":
			return fmt.Errorf("%s needs a name for the id and one for the secret", what)
		case names.ID == names.Secret, what == "header" && strings.EqualFold(names.ID, names.Secret):
			return fmt.Errorf("%s %s cannot hold both the id and the secret", what, names.ID)
		case what == "header" && (!httpguts.ValidHeaderFieldName(names.ID) || !httpguts.ValidHeaderFieldName(names.Secret)):
			return fmt.Errorf("header: %q or %q is not the name of a header", names.ID, names.Secret)
		case what == "header" && (isAuthorization(names.ID) || isAuthorization(names.Secret)):
			return errors.New("header: Authorization holds id and secret together, as HTTP Basic authentication, " +
				"which is possible without being named")
		case names.ID == grantType || names.Secret == grantType:
			return fmt.Errorf("%s %s has another meaning in OAuth", what, grantType)
		}
	}
	return nil
}

func isAuthorization(name string) bool { return strings.EqualFold(name, "Authorization") }

func (c *Config) checkAnswer() error {
	if c.Status != 0 && (c.Status < 200 || c.Status > 299 || c.Status == http.StatusNoContent || c.Status == http.StatusResetContent) {
		return fmt.Errorf("response: status is %d; it can be from 200 to 299, but not 204 or 205, which have no body", c.Status)
	}
	if c.Field == "" {
		return nil
	}
	path, err := payload.ParsePath(c.Field)
	if err != nil {
		return fmt.Errorf("response: %w", err)
	}
	if path[0] == "token_type" || path[0] == "expires_in" {
		return fmt.Errorf("response: %s stands in every answer with another meaning", path[0])
	}
	return nil
}

// CheckIssuer finds names that cannot be an issuer's: they are names of files,
// too, and of some file systems that do not tell cases apart. The empty name
// stands for the default.
func CheckIssuer(name string) error {
	if len(name) > 64 || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789._-") != "" || strings.HasPrefix(name, ".") {
		return fmt.Errorf("the issuer's name is %q; it can have lower-case letters, digits, hyphens, underscores and, "+
			"but for its beginning, dots, and 64 of them", name)
	}
	return nil
}

// SetDefaults fills in what was not given.
func (c *Config) SetDefaults() {
	if c.Issuer == "" {
		c.Issuer = verify.DefaultIssuer
	}
	if c.Fields == nil {
		c.Fields = &Names{ID: "client_id", Secret: "client_secret"}
	}
	if c.TTL == 0 {
		c.TTL = verify.Duration(DefaultTTL)
	}
	if c.Field == "" {
		c.Field = DefaultField
	}
	if c.Status == 0 {
		c.Status = http.StatusOK
	}
}
