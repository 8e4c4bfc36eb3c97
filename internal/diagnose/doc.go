// Package diagnose finds out how a captured webhook was authenticated: by
// which provider's scheme, or by which combination of hash, encoding, key and
// content, and what keeps a request from verifying that nearly does.
//
// It knows nothing of Caddy. What it reports holds neither secrets nor codes
// that were computed with them.
package diagnose
