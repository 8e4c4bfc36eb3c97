// Package tenant knows the customers of a platform: who they are, by which
// credentials their webhooks are verified, and what else the platform says of
// them.
//
// A Source finds a tenant by its id. The id comes from a stranger's request, so
// it is held to CheckID before anybody uses it, and it never is a path. A Cache
// stands in front of a Source: it asks once for all that wait, remembers what it
// has heard for a while, and serves the last good answer while the Source fails.
//
// The sources here read a directory, a file and Caddy's storage, and ask a web
// service. Package tenanttest has the tests that a Source must pass.
package tenant
