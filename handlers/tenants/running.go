package tenants

import "github.com/caddy-webhooks/caddy-webhooks/internal/running"

// started are the sets of the configurations that have started.
var started running.List[*Set]

// current returns the set whose configuration counts; an empty one if none does.
func current() *Set {
	if set := started.Current(); set != nil {
		return set
	}
	return new(Set)
}
