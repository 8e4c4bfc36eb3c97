// Package route decides where a verified webhook goes and what its payload
// becomes on the way.
//
// Event carries all that is known of a request from its verification on.
// Patterns choose by the event's name, a Rule by an expression (expr-lang),
// and a Rewriter makes the payload, headers and URI that go upstream.
//
// Rules are the operator's, payloads may be an attacker's: what one evaluation
// can cost is bounded when a rule is compiled.
package route
