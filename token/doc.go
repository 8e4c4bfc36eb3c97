// Package token issues tokens to providers and verifies them: signed, expiring
// JSON Web Tokens (RFC 7519) of which nothing is stored. Whoever has the keys
// of an issuer can verify what any of its instances has issued.
//
// It knows of no web server: headers, bodies, addresses, the time and the place
// where keys are kept are given to it.
package token
