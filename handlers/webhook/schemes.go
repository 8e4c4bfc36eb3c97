package webhook

import (
	"fmt"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// LoadSchemes loads the modules of the schemes that providers name and that are not
// built in. Caddy provisions and validates each once, and cleans it up with the
// context.
func LoadSchemes(ctx caddy.Context, specs ...*verify.Spec) error {
	loaded := make(map[string]verify.SchemeFactory)
	for _, spec := range specs {
		for _, name := range spec.GuestSchemes() {
			if _, err := caddy.GetModule(verify.SchemeNamespace + "." + name); err != nil {
				continue // compiling the description says so
			}
			if loaded[name] == nil {
				module, err := ctx.LoadModuleByID(verify.SchemeNamespace+"."+name, nil)
				if err != nil {
					return fmt.Errorf("provider %s: scheme %s: %w", spec.Name, name, err)
				}
				factory, ok := module.(verify.SchemeFactory)
				if !ok {
					return fmt.Errorf("provider %s: scheme %s: %T makes no schemes", spec.Name, name, module)
				}
				loaded[name] = factory
			}
			spec.UseScheme(name, loaded[name])
		}
	}
	return nil
}
