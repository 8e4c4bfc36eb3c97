package verify

import (
	"fmt"
	"net"
	"net/url"
	"strings"
)

// parsePublicURL reads the URL under which a provider knows an endpoint.
func parsePublicURL(text string) (*url.URL, error) {
	if text == "" {
		return nil, nil
	}
	parsed, err := url.Parse(text)
	if err != nil || parsed.Host == "" || parsed.Scheme != "https" && parsed.Scheme != "http" {
		return nil, fmt.Errorf("public_url: %q is not a URL such as https://hooks.example.com/path", text)
	}
	return parsed, nil
}

// url is the URL as the provider knows it: the configured one, to which the
// request's path (if it has none) and query belong, else what was asked for.
func (m *message) url() string {
	target := *m.URL
	if public := m.publicURL; public != nil {
		target.Scheme, target.Host = public.Scheme, public.Host
		if public.Path != "" {
			target.Path, target.RawPath = public.Path, public.RawPath
		}
		if public.RawQuery != "" {
			target.RawQuery = public.RawQuery
		}
	}
	if m.otherPort {
		target.Host = toggleStandardPort(target.Scheme, target.Host)
	}
	var user string
	if m.publicURL != nil && m.publicURL.User != nil {
		user = m.publicURL.User.String() + "@"
	}
	text := target.Scheme + "://" + user + target.Host + target.RequestURI()
	if spec := m.provider.Spec.URL; spec != nil {
		text = decodeOnly(text, spec.Decode)
	}
	return text
}

// toggleStandardPort adds or removes the port that a scheme has by default.
func toggleStandardPort(scheme, host string) string {
	port := "443"
	if scheme == "http" {
		port = "80"
	}
	if name, given, err := net.SplitHostPort(host); err == nil {
		if given == port && strings.Contains(name, ":") {
			return "[" + name + "]" // an IPv6 address
		}
		if given == port {
			return name
		}
		return host
	}
	return host + ":" + port
}

// decodeOnly undoes the percent-encoding of some characters.
func decodeOnly(text, characters string) string {
	for _, c := range []byte(characters) {
		upper := fmt.Sprintf("%%%02X", c)
		text = strings.NewReplacer(upper, string(c), strings.ToLower(upper), string(c)).Replace(text)
	}
	return text
}
