package handlers

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// expandCredentials returns a copy of config in which placeholders such as
// {env.NAME} and {file./path} are replaced. The original keeps them, so that
// no secret appears where configurations are shown. Errors name the
// placeholder, never its value. White space around the values is left out; the
// logger, if it is not nil, is told.
func expandCredentials(config verify.Config, logger *zap.Logger) (verify.Config, error) {
	expand := trimmer{logger}.expand
	var err error
	if config.Secrets, err = expand("secret", config.Secrets); err != nil {
		return config, err
	}
	if config.Tokens, err = expand("token", config.Tokens); err != nil {
		return config, err
	}
	headers := make([]verify.TokenHeader, len(config.TokenHeaders))
	for i, header := range config.TokenHeaders {
		headers[i].Name = header.Name
		if headers[i].Values, err = expand("token_header "+header.Name, header.Values); err != nil {
			return config, err
		}
	}
	config.TokenHeaders = headers
	accounts := make([]verify.Account, len(config.Basic))
	for i, account := range config.Basic {
		pair, err := expand(fmt.Sprintf("basic account %d, value", i+1), []string{account.Username, account.Password})
		if err != nil {
			return config, err
		}
		accounts[i] = verify.Account{Username: pair[0], Password: pair[1]}
	}
	config.Basic = accounts
	if config.Issued != nil {
		issued := *config.Issued
		if issued.Keys, err = expand("issued key", issued.Keys); err != nil {
			return config, err
		}
		config.Issued = &issued
	}
	if config.JWT != nil {
		jwt := *config.JWT
		if jwt.Keys, err = expand("jwt key", jwt.Keys); err != nil {
			return config, err
		}
		for _, part := range []struct {
			name  string
			value *string
		}{{"jwks_url", &jwt.JWKSURL}, {"issuer", &jwt.Issuer}, {"audience", &jwt.Audience}} {
			expanded, err := expand("jwt "+part.name+", value", []string{*part.value})
			if err != nil {
				return config, err
			}
			*part.value = expanded[0]
		}
		config.JWT = &jwt
	}
	return config, nil
}

// expand replaces the placeholders in values.
func (t trimmer) expand(what string, values []string) ([]string, error) {
	repl := caddy.NewReplacer()
	expanded := make([]string, len(values))
	for i, value := range values {
		if strings.HasPrefix(value, `{"`) {
			expanded[i] = value // a JSON Web Key, not a placeholder
			continue
		}
		var err error
		if expanded[i], err = repl.ReplaceOrErr(value, true, true); err != nil {
			return nil, fmt.Errorf("%s %d cannot be used: %s", what, i+1, explainPlaceholder(value))
		}
		expanded[i] = t.trim(fmt.Sprintf("%s %d", what, i+1), value, expanded[i])
	}
	return expanded, nil
}

// placeholder is one that stands for a secret from elsewhere.
var placeholder = regexp.MustCompile(`\{(?:env|file)\.[^{}]*\}`)

// explainPlaceholder tells why a value cannot be expanded. It repeats only what
// names a place, because the rest of the value may be the secret itself.
func explainPlaceholder(value string) string {
	if name := placeholder.FindString(value); name != "" {
		return name + " is empty or unknown (is the variable set, or the file there?)"
	}
	return `it contains a brace that begins no placeholder such as {env.NAME}; write \{ for a brace`
}

// What a 401 says where a token of webhook_token is expected. A sender whose
// token was refused has to know that, or it would not fetch another one.
const (
	bearerChallenge = `Bearer realm="webhooks"` //nolint:gosec // names a kind of credential, and holds none
	renewChallenge  = bearerChallenge + `, error="invalid_token"`
)

// credentialPlaces returns where a request holds what proves who has sent it:
// tokens and signatures, but for those in the body. Headers are in canonical
// form.
func credentialPlaces(spec *verify.Spec, config *verify.Config) []string {
	var places []string
	for _, way := range spec.Ways() {
		if way.Token != nil {
			places = append(places, way.Token.From)
		}
		if way.JWT != nil {
			places = append(places, way.JWT.From)
		}
		if way.Signature != nil {
			places = append(places, way.Signature.From...)
		}
	}
	for _, header := range config.TokenHeaders {
		places = append(places, "header."+header.Name)
	}
	if config.JWT != nil {
		places = append(places, "header."+config.JWT.HeaderName(spec))
	}
	if config.Issued != nil {
		places = append(places, "header."+config.Issued.HeaderName())
	}
	for i, place := range places {
		if name, ok := strings.CutPrefix(place, "header."); ok {
			places[i] = "header." + http.CanonicalHeaderKey(name)
		}
	}
	return places
}

// challenges returns what a 401 says in WWW-Authenticate. It depends on the
// configuration only, not on what was wrong with a request.
func challenges(spec *verify.Spec, config *verify.Config) []string {
	var values []string
	if len(config.Basic) > 0 {
		values = append(values, `Basic realm="webhooks", charset="UTF-8"`)
	}
	if len(config.Tokens) > 0 && spec.Token == nil || config.JWT.IsBearer(spec) {
		values = append(values, bearerChallenge)
	}
	if config.Issued != nil {
		values = append(values, bearerChallenge)
	}
	return values
}

// Sign puts the configured credentials into a request, as the provider would.
// The claims are added to those of a JSON Web Token.
func (a *Auth) Sign(r *verify.Request, claims map[string]any) error {
	config, err := expandCredentials(a.Config, nil)
	if err != nil {
		return err
	}
	client := testClient
	if a.gate != nil {
		if client, config, err = a.ofTenant(r); err != nil {
			return err
		}
	}
	if err := verify.SignWithClaims(a.verifier.Provider().Spec, &config, r, claims); err != nil || a.receiver == nil {
		return err
	}
	return a.receiver.sign(a.Issued, r, client)
}
