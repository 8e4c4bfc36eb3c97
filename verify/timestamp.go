package verify

import (
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// timestampReader finds the time that a provider states.
type timestampReader struct {
	from      sources // empty where the signature's list holds it
	layouts   []string
	unit      time.Duration
	tolerance Duration
}

// rfc3339Layouts are the spellings of RFC 3339 that providers use, and those
// they mistake for it: an offset without a colon, an hour of one digit.
var rfc3339Layouts = []string{time.RFC3339, "2006-01-02T15:04:05-0700", "2006-01-02 15:04:05Z07:00"}

func compileTimestamp(spec *Spec) (*timestampReader, error) {
	t := &timestampReader{unit: time.Second}
	if spec.Timestamp == nil {
		return t, nil
	}
	t.tolerance = spec.Timestamp.Tolerance
	switch spec.Timestamp.Unit {
	case "", "s":
	case "ms":
		t.unit = time.Millisecond
	case "rfc3339":
		t.layouts = rfc3339Layouts
	case "http_date":
		t.layouts = []string{http.TimeFormat}
	default:
		return nil, fmt.Errorf("timestamp: unit is %q; it can be s, ms, rfc3339 or http_date", spec.Timestamp.Unit)
	}
	var err error
	if t.from, err = parseSources(spec.Timestamp.From); err != nil {
		return nil, fmt.Errorf("timestamp: %w", err)
	}
	if name, fixed := t.from.fixed(); fixed {
		return nil, fmt.Errorf("timestamp: %q is not a field; write something like header.X-Timestamp", name)
	}
	if t.tolerance > 0 && len(t.from.templates) == 0 && spec.Timestamp.Tag == "" {
		return nil, fmt.Errorf("tolerance: %s states no time that could be checked; leave tolerance out, or "+
			"define a provider with a timestamp", spec.Name)
	}
	return t, nil
}

// parse reads the text of a timestamp.
func (t *timestampReader) parse(text string) (time.Time, error) {
	for _, layout := range t.layouts {
		if parsed, err := time.Parse(layout, text); err == nil {
			return parsed, nil
		}
	}
	if t.layouts != nil {
		return time.Time{}, fmt.Errorf("not a time")
	}
	// More digits than these would overflow a time.Duration.
	n, err := strconv.ParseUint(text, 10, 63)
	if err != nil || len(text) > 15 {
		return time.Time{}, fmt.Errorf("not a number of %s since 1970", t.unit)
	}
	if t.unit == time.Millisecond {
		return time.UnixMilli(int64(n)), nil
	}
	return time.Unix(int64(n), 0), nil
}

// format writes a time as the provider would.
func (t *timestampReader) format(at time.Time) string {
	switch {
	case len(t.layouts) == 1:
		return at.UTC().Format(t.layouts[0])
	case t.layouts != nil:
		return at.UTC().Format("2006-01-02T15:04:05.000Z07:00")
	case t.unit == time.Millisecond:
		return strconv.FormatInt(at.UnixMilli(), 10)
	default:
		return strconv.FormatInt(at.Unix(), 10)
	}
}

// check returns the stated time, and refuses one outside the window. It is
// called after the signature was found good, so that only the provider can
// provoke it.
func (t *timestampReader) check(text string, received time.Time) (time.Time, error) {
	if text == "" && t.tolerance <= 0 {
		return time.Time{}, nil
	}
	stated, err := t.parse(text)
	if t.tolerance <= 0 {
		return stated, nil // the zero Time where it cannot be read
	}
	switch {
	case text == "":
		return stated, refuse(Stale, "no timestamp was sent")
	case err != nil:
		return stated, refuse(Stale, "the timestamp is %v", err)
	}
	if skew := received.Sub(stated).Round(time.Second); skew.Abs() > time.Duration(t.tolerance) {
		return stated, refuse(Stale, "the timestamp differs by %s from the clock here; %s is allowed", skew, t.tolerance)
	}
	return stated, nil
}
