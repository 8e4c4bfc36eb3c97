package verify

import (
	"errors"
	"fmt"
	"regexp"
)

// Tenant says whose webhooks arrive at an endpoint that the customers of a platform
// share: each customer's are verified by credentials of its own.
type Tenant struct {
	// The tenant's id, as a placeholder of the request's head such as
	// {http.request.uri.path.1} or {http.request.host.labels.2}.
	ID string `json:"id,omitempty"`

	// The name of the source of tenants, among the tenants of the webhooks app.
	// Default: the only one.
	From string `json:"from,omitempty"`
}

// headPlaceholder is one that is known before a request's body is read, and that the
// request decides.
var headPlaceholder = regexp.MustCompile(`\{(?:http\.request\.(?:uri|host|hostport|header|cookie|orig_uri|tls)|http\.regexp|http\.vars|vars|re)\.?[^{}]*\}`)

// anyPlaceholder is one of whatever kind.
var anyPlaceholder = regexp.MustCompile(`\{[^{}]*\}`)

// Nobody returns the configuration with the credentials of nobody in the place of
// those that tenants have.
func (c *Config) Nobody(spec *Spec) (Config, error) {
	switch {
	case len(c.Secrets) > 0 || len(c.Tokens) > 0 || len(c.TokenHeaders) > 0 || len(c.Basic) > 0:
		return *c, errors.New("tenant means that each tenant has credentials of its own, and one that is good for all would let each " +
			"send for all others; remove it here and give it to the tenants")
	case c.Unverified:
		return *c, errors.New("unverified, anybody could send for any tenant; remove unverified or tenant")
	case !headPlaceholder.MatchString(c.Tenant.ID):
		return *c, fmt.Errorf("tenant: %q does not name a tenant by what a request says; write a placeholder such as {path.1}, "+
			"{labels.2} or {header.X-Shop}", c.Tenant.ID)
	}
	for _, name := range anyPlaceholder.FindAllString(c.Tenant.ID, -1) {
		if !headPlaceholder.MatchString(name) {
			return *c, fmt.Errorf("tenant: %s is not known when the tenant is looked up, which is before the body is read; "+
				"write a placeholder of the path, host, query or a header", name)
		}
	}
	config := *c
	config.Tenant = nil
	decoy, err := Decoy(spec)
	if err != nil {
		return config, fmt.Errorf("tenant: %w", err)
	}
	config.Secrets, config.Tokens, config.Basic = decoy.Secrets, decoy.Tokens, decoy.Basic
	return config, nil
}
