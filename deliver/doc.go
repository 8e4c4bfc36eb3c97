// Package deliver keeps verified webhooks until the apps they are for have
// them. It knows nothing of Caddy, of HTTP or of a particular database: a
// [Store] keeps [Record]s for destinations, a [Runner] takes out what is due
// and has it attempted, and a [Schedule] says when to try again.
//
// The promise is at least once to each destination, and never lost once
// Append has returned without an error. Package storetest holds every engine
// to it; package bolt is the engine that needs no server.
package deliver
