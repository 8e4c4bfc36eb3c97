package route

import (
	"errors"
	"fmt"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// claimsEnv is what an expression over the claims of a token sees.
type claimsEnv struct {
	Claims map[string]any `expr:"claims"`
	Meter  *meter         `expr:"the meter"`
}

// CompileClaims compiles an expression over the claims of a token, whose result
// must be a boolean.
func CompileClaims(source string) (verify.ClaimsRule, error) {
	p, err := compileBool(source, claimsEnv{})
	if errors.Is(err, errAny) {
		err = errors.New("the result is not known to be a boolean before a token is there; " +
			"compare it, as in claims.email_verified == true")
	}
	if err != nil {
		return nil, err
	}
	return func(claims map[string]any) (bool, error) {
		m := new(meter)
		result, err := p.counted(m, 0, claimsEnv{claims, m})
		if err != nil {
			return false, err
		}
		matched, ok := result.(bool)
		if !ok {
			return false, fmt.Errorf("the result is %T, not a boolean", result)
		}
		return matched, nil
	}, nil
}
