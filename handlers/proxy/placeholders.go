package proxy

import (
	"strings"
	"time"
)

// placeholderPrefix begins the placeholders of Caddy's reverse_proxy.
const placeholderPrefix = "http.reverse_proxy."

// Placeholder answers for {http.reverse_proxy.*}, of what has happened so far. They
// are those of Caddy's reverse_proxy.
func (x *exchange) Placeholder(key string) (any, bool) {
	name, ok := strings.CutPrefix(key, placeholderPrefix)
	if !ok || x.upstream == nil {
		return nil, false
	}
	if value, ok := x.ofUpstream(name); ok {
		return value, true
	}
	switch name {
	case "duration":
		return x.duration, x.duration != 0
	case "duration_ms":
		return milliseconds(x.duration), x.duration != 0
	case "retries":
		return x.retries, x.duration != 0
	}
	if x.response == nil {
		return nil, false
	}
	switch name {
	case "upstream.latency":
		return x.latency, true
	case "upstream.latency_ms":
		return milliseconds(x.latency), true
	case "upstream.duration":
		return x.took, x.took != 0
	case "upstream.duration_ms":
		return milliseconds(x.took), x.took != 0
	case "status_code":
		return x.response.StatusCode, true
	case "status_text":
		return x.response.Status, true
	}
	if field, ok := strings.CutPrefix(name, "header."); ok {
		values, ok := x.response.Header[field]
		return strings.Join(values, ","), ok
	}
	return nil, false
}

// ofUpstream is what is known of the upstream when it is asked.
func (x *exchange) ofUpstream(name string) (any, bool) {
	switch name {
	case "upstream.address":
		return x.upstream.String(), true
	case "upstream.hostport":
		return x.upstream.Address, true
	case "upstream.host":
		return x.upstream.Host, true
	case "upstream.port":
		return x.upstream.Port, true
	case "upstream.requests":
		return int(x.requests), true
	case "upstream.max_requests", "upstream.fails":
		return 0, true // there is no limit, and nobody counts
	}
	return nil, false
}

func milliseconds(d time.Duration) float64 { return d.Seconds() * 1e3 }
