package proxy

import (
	"maps"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"golang.org/x/net/http/httpguts"
)

// prepare makes the request for the upstreams of one that came in. That one stays as
// it is, because logs and error routes may look at it yet: what differs is in maps and
// structures of its own, and values are replaced, never changed.
func (x *exchange) prepare(r *http.Request) {
	x.trace.Got1xxResponse = x.interim
	x.out = r.WithContext(httptrace.WithClientTrace(r.Context(), &x.trace))
	x.url = *r.URL
	x.url.Scheme = schemeHTTP
	if x.forward.Scheme == schemeHTTPS {
		x.url.Scheme = schemeHTTPS
	}
	x.out.URL = &x.url
	x.out.Close = false
	x.out.Trailer = nil // nobody vouches for it
	if r.ContentLength == 0 {
		x.out.Body = nil
	}
	header := maps.Clone(r.Header)
	x.out.Header = header
	if _, ok := header["User-Agent"]; !ok {
		header["User-Agent"] = noUserAgent
	}
	if r.TLS != nil && !r.TLS.HandshakeComplete { // https://www.rfc-editor.org/rfc/rfc8470
		header["Early-Data"] = []string{"1"}
	}
	removeNamed(header)
	trailers := httpguts.HeaderValuesContainsToken(header["Te"], "trailers")
	removeListed(header)
	if trailers { // an app may want to know whether its own would be passed on
		header["Te"] = []string{"trailers"}
	}
	x.setForwarded(header, r)
	addVia(header, r.ProtoMajor, r.ProtoMinor)
}

// noUserAgent keeps net/http from adding one.
var noUserAgent = []string{""}

// The headers that say for whom the request is made, as indexes of what they say.
const (
	forwardedFor = iota
	forwardedProto
	forwardedHost
)

var forwardedHeaders = [...]string{"X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host"}

// setForwarded says for whom the request is made. What it says itself of that counts
// only if it comes from a proxy that the server trusts. A header that another handler
// has set to nil is not to be sent.
func (x *exchange) setForwarded(header http.Header, r *http.Request) {
	trusted, _ := caddyhttp.GetVar(r.Context(), caddyhttp.TrustedProxyVarKey).(bool)
	client, known := peer(r)
	if !known && (!trusted || r.RemoteAddr != unixPeer) {
		for _, name := range forwardedHeaders {
			delete(header, name)
		}
		return
	}
	x.forwarded = [...]string{forwardedFor: client, forwardedProto: "http", forwardedHost: r.Host}
	if r.TLS != nil {
		x.forwarded[forwardedProto] = "https"
	}
	for i, name := range forwardedHeaders {
		prior, ok := header[name]
		if ok && prior == nil {
			continue
		}
		if trusted && len(prior) > 0 {
			x.forwarded[i] = withPrior(i, prior, x.forwarded[i])
		}
		if x.forwarded[i] != "" || i != forwardedFor {
			header[name] = x.forwarded[i : i+1 : i+1]
		}
	}
}

// withPrior returns what to say after what a trusted proxy has said: addresses make a
// list, and of all else the last value counts.
func withPrior(index int, prior []string, own string) string {
	if index != forwardedFor {
		if last := prior[len(prior)-1]; last != "" {
			return last
		}
		return own
	}
	list := strings.Join(prior, ", ")
	switch {
	case list == "":
		return own
	case own == "":
		return list
	}
	return list + ", " + own
}

// unixPeer is what net/http says of who has come by a Unix socket.
const unixPeer = "@"

// peer returns the address next to this server, and whether there is one.
func peer(r *http.Request) (string, bool) {
	address, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return "", false
	}
	address, _, _ = strings.Cut(address, "%") // the zone
	return address, true
}

// addVia adds this server to those that have passed a message on.
func addVia(header http.Header, major, minor int) {
	header["Via"] = append(slices.Clip(header["Via"]), via(major, minor))
}

func via(major, minor int) string {
	switch {
	case major == 1 && minor == 1:
		return "1.1 Caddy"
	case major == 2 && minor == 0:
		return "2.0 Caddy"
	}
	return strconv.Itoa(major) + "." + strconv.Itoa(minor) + " Caddy"
}

// hopByHop are headers that end at the next hop, also if Connection does not name
// them.
var hopByHop = [...]string{
	"Alt-Svc", "Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization",
	"Te", "Trailer", "Transfer-Encoding", "Upgrade",
}

func removeHopByHop(header http.Header) {
	removeNamed(header)
	removeListed(header)
}

func removeListed(header http.Header) {
	for _, name := range hopByHop {
		delete(header, name)
	}
}

// removeNamed removes the headers that Connection names.
func removeNamed(header http.Header) {
	for _, line := range header["Connection"] {
		for name := range strings.SplitSeq(line, ",") {
			if name = textproto.TrimString(name); name != "" {
				header.Del(name)
			}
		}
	}
}

// addHeader adds the headers of one message to those of another.
func addHeader(to, from http.Header) {
	for name, values := range from {
		to[name] = append(slices.Clip(to[name]), values...)
	}
}
