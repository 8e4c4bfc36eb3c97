package verify

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// references are texts that stand for a value elsewhere: the name of a variable,
// or a place in a store of secrets, that nothing has replaced by its value.
var references = []*regexp.Regexp{
	regexp.MustCompile(`^\$`),                                                           // $NAME, ${NAME}, $(command), $env.NAME
	regexp.MustCompile(`\s\$[A-Za-z_{(]`),                                               // Bearer $NAME
	regexp.MustCompile(`\{\$|\$\{`),                                                     // {$NAME without its other brace, text-${NAME}
	regexp.MustCompile(`^%[A-Za-z_][A-Za-z0-9_.]*%$`),                                   // %NAME%
	regexp.MustCompile(`^\{?\{?\s*(?:env|file)\.[^\s{}]+$`),                             // env.NAME, {env.NAME
	regexp.MustCompile(`^(?:env|file)\.[^\s{}]+\}`),                                     // env.NAME}
	regexp.MustCompile(`(?i)^(?:process\.|os\.)?env(?:iron)?[.[(]`),                     // process.env.NAME, ENV[NAME]
	regexp.MustCompile(`(?i)^env:[A-Za-z_]`),                                            // env:NAME
	regexp.MustCompile(`^[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*_(?:SECRET|TOKEN|KEY|PASSWORD)$`), // NAME_SECRET
	regexp.MustCompile("^`[^`]*`$"),                                                     // `command`
	regexp.MustCompile(`^(?:op|vault|secret|ssm|awssm|gcpsm|azkv|bao)://`),
	regexp.MustCompile(`^(?:ref\+|vault:|ssm:|!(?:Ref|Sub|vault)\b)`),
	regexp.MustCompile(`^\{\{.*\}\}$|^<%.*%>$`), // {{ .Name }}
}

// CheckWritten refuses what cannot be meant as a credential, as it stands in a
// configuration: anybody could guess it, so it would open the gate. Own reports
// the names of the operator's own providers. Errors do not repeat the text,
// unless it is a provider's name.
func CheckWritten(text string, own func(name string) bool) error {
	for _, reference := range references {
		if reference.MatchString(text) {
			return errors.New("is the name of a variable or of a secret elsewhere, not its value: nothing replaces it here; " +
				"write {env.NAME} or {file./path} (a value that does look like this can come from there)")
		}
	}
	if strings.HasPrefix(text, "{") && !strings.HasPrefix(text, `{"`) && !strings.Contains(text, "}") {
		return errors.New("begins with a brace that is not closed; write {env.NAME} or {file./path}")
	}
	if _, builtin := Builtin(strings.ToLower(text)); len(text) > 1 && (builtin || own != nil && own(text)) {
		return fmt.Errorf("is the name of the provider %s, so anybody can guess it; an endpoint has one provider: write a block for each", text)
	}
	return nil
}

// CheckWritten refuses a configuration with such a credential.
func (c *Config) CheckWritten(own func(name string) bool) error {
	check := func(what string, values []string) error {
		for i, value := range values {
			if err := CheckWritten(value, own); err != nil {
				return fmt.Errorf("%s %d %w", what, i+1, err)
			}
		}
		return nil
	}
	err := errors.Join(check("secret", c.Secrets), check("token", c.Tokens))
	for _, header := range c.TokenHeaders {
		err = errors.Join(err, check("token_header "+header.Name+": value", header.Values))
	}
	for i, account := range c.Basic {
		err = errors.Join(err, check(fmt.Sprintf("basic account %d: password", i+1), []string{account.Password}))
	}
	if c.Issued != nil {
		err = errors.Join(err, check("issued: key", c.Issued.Keys))
	}
	if c.JWT != nil {
		err = errors.Join(err, check("jwt: key", c.JWT.Keys))
	}
	return err
}

// IsLikeSecret reports whether a secret begins as the provider's secrets do.
func (s *Spec) IsLikeSecret(secret string) bool { return strings.HasPrefix(secret, s.SecretPrefix) }

// NotOffered names the kinds of credentials in a configuration that the provider
// does not offer, as far as that is known.
func (c *Config) NotOffered(spec *Spec) []string {
	var kinds []string
	for _, kind := range []struct {
		name, as string
		given    bool
	}{
		{"secret", "secret", len(c.Secrets) > 0},
		{"token", "token", len(c.Tokens) > 0},
		{"token_header", "token", len(c.TokenHeaders) > 0},
		{"basic", "basic", len(c.Basic) > 0},
		{"issued", "token", c.Issued != nil},
		{"jwt", "jwt", c.JWT != nil},
	} {
		if kind.given && len(spec.Credentials) > 0 && !slices.Contains(spec.Credentials, kind.as) {
			kinds = append(kinds, kind.name)
		}
	}
	return kinds
}
