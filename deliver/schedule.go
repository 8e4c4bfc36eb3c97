package deliver

import (
	"math/rand/v2"
	"time"
)

// Schedule says how long to wait after each failed attempt. After one more
// failed attempt than it has entries, a delivery is given up.
type Schedule []time.Duration

// DefaultSchedule tries for about a day and a half.
var DefaultSchedule = Schedule{
	10 * time.Second, time.Minute, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 6 * time.Hour, 24 * time.Hour,
}

// MaxRetryAfter bounds how long an app can put off the next attempt.
const MaxRetryAfter = 24 * time.Hour

// Next returns when the attempt after failed ones is due, and false if there
// is none. It is never earlier than an app asked for by Retry-After, and up to
// a tenth later than the schedule says, so that what failed together does not
// come back together. How much later is decided by the nanosecond, which is as good
// as chance, and the same when a simulation is run again.
func (s Schedule) Next(now time.Time, failed int, retryAfter time.Duration) (time.Time, bool) {
	if failed > len(s) {
		return time.Time{}, false
	}
	delay := max(s[max(failed, 1)-1], min(retryAfter, MaxRetryAfter))
	chance := rand.New(rand.NewPCG(uint64(now.UnixNano()), uint64(failed))) //nolint:gosec // nothing secret
	jitter := time.Duration(chance.Int64N(int64(delay)/10 + 1))
	return now.Add(delay + jitter), true
}

// Span is the longest time from the first to the last attempt, if the app asks
// for no more.
func (s Schedule) Span() time.Duration {
	var span time.Duration
	for _, delay := range s {
		span += delay + delay/10
	}
	return span
}
