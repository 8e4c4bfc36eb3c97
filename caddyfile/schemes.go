package caddyfile

import (
	"errors"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// AnnounceSchemes has descriptions of providers checked while a Caddyfile is adapted, when no module
// is provisioned: schemes that there are modules for are known, and verify nothing.
func AnnounceSchemes(specs ...*verify.Spec) {
	for _, spec := range specs {
		for _, name := range spec.GuestSchemes() {
			if _, err := caddy.GetModule(verify.SchemeNamespace + "." + name); err == nil {
				spec.UseScheme(name, announced{})
			}
		}
	}
}

// announced is a scheme that is not loaded yet.
type announced struct{}

func (announced) NewScheme(*verify.Spec, []string) (verify.Scheme, error) { return announced{}, nil }

func (announced) Admit(*verify.Request) error {
	return errors.New("the scheme's module is not loaded")
}

func (announced) Verify(*verify.Request) (verify.Coverage, error) {
	return verify.SignedNothing, errors.New("the scheme's module is not loaded")
}
