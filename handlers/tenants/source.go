// Package tenants has the Caddy modules that know the customers of a platform, and
// what stands between them and the requests.
package tenants

import (
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/tenant"
)

// Namespace is that of the modules, which implement tenant.Source. They may also
// implement Starter, Refresher and Cached of this package, tenant.Store and
// tenant.Lister.
const Namespace = "webhooks.tenants"

// Starter is a source that has to be opened. Start is called when a configuration is
// taken into use, and not when it is only validated. Its error keeps the
// configuration from being used.
type Starter interface{ Start() error }

// Refresher is a source that has to look for changes by itself. Refresh is called
// several times a second while the source is in use. An error is logged once; the
// source goes on with what it had.
type Refresher interface {
	Refresh() (changed bool, err error)
}

// Cached is a source that says how its answers are kept.
type Cached interface{ Options() tenant.Options }

// defaultOptions are those of a source that says nothing.
var defaultOptions = tenant.Options{TTL: time.Minute, NegativeTTL: 10 * time.Second, Stale: time.Hour}
