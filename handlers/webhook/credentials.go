package webhook

import (
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/caddy-webhooks/caddy-webhooks/route"
)

// WithoutCredentialHeaders copies headers, save those that prove who has sent
// a request. There is room for one that an attempt adds.
func WithoutCredentialHeaders(header http.Header, event *route.Event) http.Header {
	clean := make(http.Header, len(header)+1)
	lines := make([]string, 0, len(header)) // of most headers there is one
	for name, values := range header {
		if !isCredential(name, event) {
			first := len(lines)
			lines = append(lines, values...)
			clean[name] = lines[first:len(lines):len(lines)]
		}
	}
	return clean
}

// isCredential reports whether a header proves who has sent a request.
func isCredential(name string, event *route.Event) bool {
	switch name {
	case "Authorization", "Proxy-Authorization", "Cookie":
		return true
	}
	if isSignature(name, event.StaleHeaders) {
		return true
	}
	for _, place := range event.Credentials {
		if header, ok := strings.CutPrefix(place, "header."); ok && header == name {
			return true
		}
	}
	return false
}

// WithoutCredentials returns a URL without what proves who has sent a request.
// It is the same one if there is nothing to leave out.
func WithoutCredentials(u *url.URL, event *route.Event) *route.SnapshotURL {
	clean := u
	for _, place := range event.Credentials {
		name, ok := strings.CutPrefix(place, "query.")
		if !ok || u.RawQuery == "" {
			continue
		}
		if query := clean.Query(); query.Has(name) {
			query.Del(name)
			without := *clean
			without.RawQuery = query.Encode()
			clean = &without
		}
	}
	return (*route.SnapshotURL)(clean)
}

// RemoveSignatures removes headers by the beginnings of their names, after
// which there may be a number.
func RemoveSignatures(header http.Header, signatures []string) {
	maps.DeleteFunc(header, func(name string, _ []string) bool { return isSignature(name, signatures) })
}

func isSignature(name string, signatures []string) bool {
	for _, signature := range signatures {
		if rest, ok := strings.CutPrefix(name, signature); ok && (rest == "" || isNumber(rest)) {
			return true
		}
	}
	return false
}

func isNumber(text string) bool {
	_, err := strconv.ParseUint(text, 10, 16)
	return err == nil
}
