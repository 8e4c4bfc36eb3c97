package command

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// tamper spoils what protects a signed request: what is signed, or else the
// credential.
func tamper(spec *verify.Spec, config *verify.Config, r *verify.Request, body []byte) ([]byte, error) {
	provider, err := verify.Compile(spec.Ways()[0]) // in which it was signed
	if err != nil {
		return nil, err
	}
	switch {
	case len(config.Secrets) > 0 && provider.Coverage() == verify.SignedBody:
		return append(slices.Clone(body), ' '), nil
	case len(config.Secrets) > 0 && provider.Coverage() == verify.SignedFields:
		return tamperField(provider, r, body)
	case config.JWT != nil:
		return body, tamperToken(config.JWT, spec, r)
	case config.Unverified:
		return nil, errors.New("nothing protects this webhook, so there is nothing to spoil; give a secret, token or basic")
	}
	err = verify.Sign(spec, spoil(config), r)
	return r.Body.Bytes(), err
}

// spoil returns credentials that are wrong and otherwise alike.
func spoil(config *verify.Config) *verify.Config {
	wrong := &verify.Config{Provider: config.Provider}
	for _, secret := range config.Secrets {
		wrong.Secrets = append(wrong.Secrets, secret+"x")
	}
	for _, token := range config.Tokens {
		wrong.Tokens = append(wrong.Tokens, token+"x")
	}
	for _, header := range config.TokenHeaders {
		wrong.TokenHeaders = append(wrong.TokenHeaders, verify.TokenHeader{Name: header.Name, Values: []string{header.Values[0] + "x"}})
	}
	for _, account := range config.Basic {
		account.Password += "x"
		wrong.Basic = append(wrong.Basic, account)
	}
	return wrong
}

// tamperToken changes the signature of a JSON Web Token.
func tamperToken(credential *verify.JWTCredential, spec *verify.Spec, r *verify.Request) error {
	header := credential.HeaderName(spec)
	token := r.Header.Get(header)
	at := strings.LastIndexByte(token, '.') + 1
	if at == 0 || at == len(token) {
		return fmt.Errorf("%s holds no token that could be spoilt", header)
	}
	first := "A"
	if token[at] == 'A' {
		first = "B"
	}
	r.Header.Set(header, token[:at]+first+token[at+1:])
	return nil
}

// tamperField changes the last signed field that stands in the body or in a
// header.
func tamperField(provider *verify.Provider, r *verify.Request, body []byte) ([]byte, error) {
	for _, name := range slices.Backward(provider.SignedFields()) {
		if path, ok := strings.CutPrefix(name, "body."); ok {
			return changeField(body, path, func(old string) string { return old + "X" })
		}
		if header, ok := strings.CutPrefix(name, "header."); ok {
			r.Header.Set(header, r.Header.Get(header)+"X")
			return body, nil
		}
		if path, ok := strings.CutPrefix(name, "item."); ok {
			array := strings.TrimPrefix(provider.Spec.ForEach, "body.")
			return changeField(body, array+".0."+path, func(old string) string { return old + "X" })
		}
		if field, ok := strings.CutPrefix(name, "form."); ok {
			return changeForm(body, field)
		}
	}
	return nil, errors.New("cannot spoil any of the signed fields")
}

// changeForm changes a field of a form; where the whole form is signed, it
// adds one.
func changeForm(body []byte, field string) ([]byte, error) {
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, err
	}
	if field == "sorted" || field == "php" {
		field = "Tampered"
	}
	form.Set(field, form.Get(field)+"X")
	return []byte(form.Encode()), nil
}
