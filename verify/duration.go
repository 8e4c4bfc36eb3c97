package verify

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"time"
)

// Duration is a time span in JSON: "5m", "90s", "7d", or "off" where nothing is
// to be limited. A bare number is nanoseconds, as in Caddy's own configuration.
type Duration time.Duration

// Off is the Duration that switches a limit off.
const Off Duration = -1

// ParseDuration reads a positive time span or "off".
func ParseDuration(text string) (Duration, error) {
	if text == "off" {
		return Off, nil
	}
	d, err := parseSpan(text)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("%q is not a duration; write something like 5m or off", text)
	}
	return Duration(d), nil
}

// maxSpan is how long the text of a time span may be.
const maxSpan = 1024

// days is a number of days in the text of a time span.
var days = regexp.MustCompile(`[0-9.+-]*d`)

// parseSpan reads what Caddy reads as a time span: units of Go, and d for days of
// 24 hours.
func parseSpan(text string) (time.Duration, error) {
	if len(text) > maxSpan {
		return 0, fmt.Errorf("longer than %d bytes", maxSpan)
	}
	var err error
	inHours := days.ReplaceAllStringFunc(text, func(part string) string {
		number, invalid := strconv.ParseFloat(part[:len(part)-1], 64)
		if invalid != nil {
			err = invalid
		}
		return strconv.FormatFloat(number*24, 'f', -1, 64) + "h"
	})
	if err != nil {
		return 0, err
	}
	return time.ParseDuration(inHours)
}

func (d Duration) String() string {
	if d < 0 {
		return "off"
	}
	return time.Duration(d).String()
}

// MarshalText writes the form that ParseDuration reads.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalJSON reads a string or a number of nanoseconds.
func (d *Duration) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err == nil {
		parsed, err := ParseDuration(text)
		*d = parsed
		return err
	}
	return json.Unmarshal(data, (*int64)(d))
}
