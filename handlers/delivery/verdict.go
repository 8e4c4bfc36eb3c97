package delivery

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-webhooks/caddy-webhooks/deliver"
)

// temporary are those of 4xx that do not mean that a request will never be
// taken: it came too late or too early, is in conflict with another, or there
// are too many.
var temporary = []int{
	http.StatusRequestTimeout, http.StatusConflict, http.StatusTooEarly, http.StatusTooManyRequests,
}

// verdict is what an app's status means. 0 is no answer.
func (d *Deliver) verdict(status int) deliver.Verdict {
	switch {
	case among(d.Success, status):
		return deliver.Delivered
	case among(d.RetryOn, status):
		return deliver.Failed
	case status/100 == 4 && !slices.Contains(temporary, status):
		return deliver.Refused
	default:
		return deliver.Failed
	}
}

// among reports whether a status is one of codes, of which 2 to 5 are classes.
func among(codes []int, status int) bool {
	return slices.ContainsFunc(codes, func(code int) bool { return caddyhttp.StatusCodeMatches(status, code) })
}

// retryAfterOf reads what an app asks for: seconds or a date.
func retryAfterOf(header http.Header, now time.Time) time.Duration {
	value := header.Get("Retry-After")
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second //nolint:gosec // 31 bits
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}
