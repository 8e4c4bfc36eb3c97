package verify

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// requestHash is the hash of a request line that Atlassian Connect puts into
// the claim qsh: method, path and sorted query, without the token itself.
func requestHash(method string, u *url.URL) string {
	query := u.Query()
	query.Del("jwt")
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(query)) {
		values := make([]string, len(query[name]))
		for i, value := range query[name] {
			values[i] = percentEncode(value)
		}
		slices.Sort(values)
		pairs = append(pairs, percentEncode(name)+"="+strings.Join(values, ","))
	}
	path := u.EscapedPath()
	if path != "/" {
		path = strings.TrimSuffix(path, "/")
	}
	if path == "" {
		path = "/"
	}
	sum := sha256.Sum256([]byte(strings.ToUpper(method) + "&" + path + "&" + strings.Join(pairs, "&")))
	return hex.EncodeToString(sum[:])
}

// percentEncode encodes as RFC 3986 demands, a space as %20.
func percentEncode(text string) string {
	return strings.ReplaceAll(url.QueryEscape(text), "+", "%20")
}
