package handlers

import (
	"encoding/json"
	"fmt"
)

// namedEndpoint is an endpoint of the configuration, and what it says.
type namedEndpoint struct{ provider, config string }

// claimName makes sure that an endpoint's name is its own. The same endpoint may
// stand in several servers. Names that nobody has written, which come from
// matchers or are the provider's, may meet: what is not told apart is warned of.
func (a *App) claimName(auth *Auth) error {
	name := auth.EndpointName()
	if a.hasProvider(name) && name != auth.Provider {
		return fmt.Errorf("the endpoint's name %s is that of a provider; write another one: name <endpoint>", name)
	}
	config, err := json.Marshal(auth.Endpoint)
	if err != nil {
		return err
	}
	this := namedEndpoint{auth.Provider, string(config)}
	for _, other := range a.names[name] {
		switch {
		case other == this:
			return nil
		case auth.IsNamed():
			return fmt.Errorf("two endpoints are called %s, one for %s and one for %s, and their configurations differ; "+
				"give each a name of its own: name <endpoint>", name, other.provider, this.provider)
		case other.provider == this.provider:
			auth.logger.Warn("two endpoints of one provider are not told apart in metrics, logs and the inspector; "+
				"give each a name: name <endpoint>", auth.observer.Endpoint.Field())
		}
	}
	if a.names == nil {
		a.names = make(map[string][]namedEndpoint)
	}
	a.names[name] = append(a.names[name], this)
	return nil
}
