package delivery

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-webhooks/caddy-webhooks/deliver"
	"github.com/caddy-webhooks/caddy-webhooks/route"
)

// Rate is how many attempts of a destination begin in a time, evenly.
type Rate struct {
	// How many.
	Count int `json:"count"`

	// In which time.
	Per caddy.Duration `json:"per"`
}

// Breaker spares an app that is down.
type Breaker struct {
	// After how many failed attempts in a row. 0: never.
	Failures int `json:"failures"`

	// How long nothing is attempted then, before each single one that is.
	Pause caddy.Duration `json:"pause,omitempty"`
}

// The breaker of who says nothing.
var defaultBreaker = Breaker{Failures: 10, Pause: caddy.Duration(30 * time.Second)}

// limits are those of each destination.
func (d *Deliver) limits() deliver.Limits {
	limits := deliver.Limits{Concurrency: d.Concurrency}
	if d.Rate != nil {
		limits.Rate, limits.Per = d.Rate.Count, time.Duration(d.Rate.Per)
	}
	breaker := defaultBreaker
	if d.Breaker != nil {
		breaker = *d.Breaker
	}
	limits.BreakAfter, limits.BreakPause = breaker.Failures, time.Duration(breaker.Pause)
	return limits
}

// checkLimits says what is wrong with what spares the apps.
func (d *Deliver) checkLimits() error {
	switch {
	case d.Concurrency < 0:
		return errors.New("concurrency cannot be negative")
	case d.Rate != nil && (d.Rate.Count <= 0 || d.Rate.Per <= 0):
		return errors.New("rate is so many attempts in a time, such as 10/s")
	case d.Breaker != nil && (d.Breaker.Failures < 0 || d.Breaker.Failures > 0 && d.Breaker.Pause <= 0):
		return errors.New("breaker is a number of failures and a pause, such as 10 30s")
	case d.Delay != "" && d.Mode != modeQueue:
		return errors.New("delay is for mode queue: in the mode spool the app is asked at once")
	}
	return nil
}

// compile compiles what is computed of each webhook.
func (d *Deliver) compile() (err error) {
	if d.Order != "" {
		if d.order, err = route.CompileValue(d.Order); err != nil {
			return fmt.Errorf("order: %w", err)
		}
	}
	if d.Delay == "" {
		return nil
	}
	if d.fixedDelay, err = caddy.ParseDuration(d.Delay); err == nil {
		if d.fixedDelay < 0 {
			return errors.New("delay cannot be negative")
		}
		return nil
	}
	if d.delay, err = route.CompileValue(d.Delay); err != nil {
		return fmt.Errorf("delay is a duration such as 5m, or an expression: %w", err)
	}
	return nil
}

// delayOf is how long a webhook is not to be attempted: what the expression comes
// to is a number of seconds, or a duration such as "5m".
func (d *Deliver) delayOf(event *route.Event) (time.Duration, error) {
	if d.delay == nil {
		return d.fixedDelay, nil
	}
	value, err := d.delay.Compute(event)
	if err != nil {
		return 0, fmt.Errorf("delay: %s", route.Failure(err))
	}
	if value == nil {
		return 0, nil
	}
	text, err := route.Text(value)
	if err != nil {
		return 0, errors.New("delay: it comes to neither a number of seconds nor a duration")
	}
	if seconds, err := strconv.ParseFloat(text, 64); err == nil {
		return clampDelay(seconds * float64(time.Second))
	}
	delay, err := caddy.ParseDuration(text)
	if err != nil {
		return 0, errors.New("delay: it comes to neither a number of seconds nor a duration")
	}
	return clampDelay(float64(delay))
}

// maxDelay is as long as a webhook can be put off.
const maxDelay = 365 * 24 * time.Hour

func clampDelay(nanoseconds float64) (time.Duration, error) {
	if nanoseconds != nanoseconds || nanoseconds > float64(maxDelay) {
		return 0, errors.New("delay: it is longer than a year")
	}
	return time.Duration(max(nanoseconds, 0)), nil
}
