package delivery

import (
	"net/http"
	"slices"
	"strconv"
	"time"

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
	case slices.Contains(d.Success, status) || slices.Contains(d.Success, status/100):
		return deliver.Delivered
	case slices.Contains(d.RetryOn, status) || slices.Contains(d.RetryOn, status/100):
		return deliver.Failed
	case status/100 == 4 && !slices.Contains(temporary, status):
		return deliver.Refused
	default:
		return deliver.Failed
	}
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
