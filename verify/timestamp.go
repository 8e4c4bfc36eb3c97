package verify

import (
	"errors"
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
	signed    bool // it is part of the signed content, so it must be a time
	fixed     bool // nothing keeps it apart there, so it must have all digits of its unit
	zoneless  bool // a shorter text of it may begin a longer one
	exact     bool // it decides, and the description states its unit, so it has no other
}

// How many digits a number of seconds or milliseconds has from 2001 to 2286.
const secondsDigits, millisecondsDigits = 10, 13

// rfc3339Layouts are the spellings of RFC 3339 that providers use, and those
// they mistake for it: an offset without a colon, an hour of one digit.
var rfc3339Layouts = []string{time.RFC3339, "2006-01-02T15:04:05-0700", "2006-01-02 15:04:05Z07:00"}

func compileTimestamp(spec *Spec) (*timestampReader, error) {
	t := &timestampReader{unit: time.Second}
	if spec.Timestamp == nil {
		return t, nil
	}
	t.tolerance = spec.Timestamp.Tolerance
	t.exact = t.tolerance > 0 && spec.Timestamp.Unit != ""
	switch spec.Timestamp.Unit {
	case "", "s":
	case "ms":
		t.unit = time.Millisecond
	case "rfc3339":
		t.layouts = rfc3339Layouts
	case "datetime":
		t.layouts, t.zoneless = []string{"2006-01-02T15:04:05", "2006-01-02 15:04:05"}, true
	case "http_date":
		t.layouts = []string{http.TimeFormat}
	default:
		return nil, fmt.Errorf("timestamp: unit is %q; it can be s, ms, rfc3339, datetime or http_date", spec.Timestamp.Unit)
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
		return time.Time{}, errors.New("not a time")
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || text[0] < '0' || text[0] > '9' || text[0] == '0' && len(text) > 1 {
		return time.Time{}, fmt.Errorf("not a number of %s since 1970", t.unitName())
	}
	if t.fixed || t.exact {
		return t.inUnit(n)
	}
	return byMagnitude(n), nil
}

// inUnit returns the time of a number of the unit that the description names.
func (t *timestampReader) inUnit(n int64) (time.Time, error) {
	if n >= 1e15 { // a time.Duration could not hold it
		return time.Time{}, fmt.Errorf("not a number of %s since 1970", t.unitName())
	}
	if t.unit == time.Millisecond {
		return time.UnixMilli(n), nil
	}
	return time.Unix(n, 0), nil
}

// byMagnitude returns the time of a number since 1970 whose unit shows in its
// size: providers do not keep to one unit in all their products. Seconds reach
// the year 5138 before they could be milliseconds, which are later than March
// 1973 from there on; and so forth.
func byMagnitude(n int64) time.Time {
	switch {
	case n < 1e11:
		return time.Unix(n, 0)
	case n < 1e14:
		return time.UnixMilli(n)
	case n < 1e17:
		return time.UnixMicro(n)
	default:
		return time.Unix(0, n)
	}
}

func (t *timestampReader) unitName() string {
	if t.unit == time.Millisecond {
		return "milliseconds"
	}
	return "seconds"
}

// format writes a time as the provider would.
func (t *timestampReader) format(at time.Time) string {
	switch {
	case t.zoneless:
		return at.UTC().Format("2006-01-02T15:04:05.000000")
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

// The stated times that are believed are between these, the second from when
// the webhook arrives.
var (
	earliest   = time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC)
	latestSkew = 10 * 365 * 24 * time.Hour
)

// check returns the stated time, and refuses one outside the window. It is
// called after the signature was found good, so that only the provider can
// provoke it. The problem, which holds no value, is why there is no time though
// one was stated.
func (t *timestampReader) check(text string, received time.Time) (stated time.Time, problem, refusal error) {
	if text == "" {
		if t.tolerance > 0 {
			refusal = refuse(Stale, "no timestamp was sent")
		}
		return time.Time{}, nil, refusal
	}
	stated, err := t.parse(text)
	if err == nil && t.fixed && t.layouts == nil {
		err = t.checkDigits(text)
	}
	skew := received.Sub(stated).Round(time.Second)
	switch {
	case err != nil && t.tolerance > 0:
		return stated, nil, refuse(Stale, "the timestamp is %v", err)
	case err != nil && t.signed:
		return stated, nil, refuse(Malformed, "the signed timestamp is %v", err)
	case t.tolerance > 0 && skew.Abs() > time.Duration(t.tolerance):
		return stated, nil, refuse(Stale, "the timestamp differs by %s from the clock here; %s is allowed", skew, t.tolerance)
	case err != nil:
		return time.Time{}, err, nil
	case stated.Before(earliest):
		return time.Time{}, fmt.Errorf("before %d", earliest.Year()), nil
	case stated.After(received.Add(latestSkew)):
		return time.Time{}, errors.New("more than ten years ahead of the clock here"), nil
	}
	return stated, nil, nil
}

// checkDigits refuses a number of which digits could have been moved to its
// neighbour in the signed text.
func (t *timestampReader) checkDigits(text string) error {
	digits := secondsDigits
	if t.unit == time.Millisecond {
		digits = millisecondsDigits
	}
	if len(text) != digits {
		return fmt.Errorf("not a number of %d digits", digits)
	}
	return nil
}
