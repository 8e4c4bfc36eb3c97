// Package interop holds tests only. In them the official Go libraries of
// providers meet a running Caddy: what a library signs Caddy must let pass
// unchanged, and what a library refuses Caddy must refuse. What Caddy makes for
// the app, CloudEvents and signatures, the official libraries must read.
//
// It is a module of its own, so that the libraries are no dependencies of the
// Caddy module.
package interop
