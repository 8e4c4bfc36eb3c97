package webhook

import (
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// tenantVar is the request variable that holds the id of the tenant whose webhook a
// request is said to be, if there is such a tenant.
const tenantVar = "webhook_tenant"

// SetTenant notes for logs and the inspector whose webhook a request is said to be.
func SetTenant(r *http.Request, id string) { caddyhttp.SetVar(r.Context(), tenantVar, id) }

// TenantOf returns what SetTenant has noted; empty if nothing.
func TenantOf(r *http.Request) string {
	id, _ := caddyhttp.GetVar(r.Context(), tenantVar).(string)
	return id
}
