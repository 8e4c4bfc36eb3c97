// Package deliver keeps verified webhooks until the apps they are for have
// them. It knows nothing of Caddy, of HTTP or of a particular database: a
// [Store] keeps [Record]s for destinations, and hands out what is due.
//
// The promise is at least once to each destination, and never lost once
// Append has returned without an error. Package storetest holds every engine
// to it.
package deliver
