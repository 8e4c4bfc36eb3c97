// Package verify decides whether a webhook comes from the provider it claims
// to come from.
//
// What a provider does is data: a Spec, one JSON file for each built-in
// provider. What an operator wants of one endpoint is a Config. New joins both
// into a Verifier, which checks requests in two steps: Admit refuses what can
// be refused before a byte of the body is read, Verify does the rest and says
// which event arrived and how much of it the provider vouches for.
//
// The package does not know of any web server. Time, address and body are
// given with the Request.
package verify
