package verify

import (
	"encoding/json"
	"fmt"
	"time"
)

// Duration is a time span in JSON: "5m", "90s", or "off" where nothing is to
// be limited. A bare number is nanoseconds, as in Caddy's own configuration.
type Duration time.Duration

// Off is the Duration that switches a limit off.
const Off Duration = -1

// ParseDuration reads a positive time span or "off".
func ParseDuration(text string) (Duration, error) {
	if text == "off" {
		return Off, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("%q is not a duration; write something like 5m or off", text)
	}
	return Duration(d), nil
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
