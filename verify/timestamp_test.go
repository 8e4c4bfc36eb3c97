package verify_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// stamped is a webhook by listSpec with the given timestamp, signed with key.
func stamped(stamp, key string) hook {
	return hook{header: with("X-Signature", "t="+stamp+",v1="+mac(key, stamp+".body")), body: "body"}
}

func TestTolerance(t *testing.T) {
	tests := []struct {
		name string
		skew time.Duration
		want verify.Reason
	}{
		{"now", 0, ""},
		{"as old as allowed", -5 * time.Minute, ""},
		{"one second too old", -5*time.Minute - time.Second, verify.Stale},
		{"one day old", -24 * time.Hour, verify.Stale},
		{"as early as allowed", 5 * time.Minute, ""},
		{"one second too early", 5*time.Minute + time.Second, verify.Stale},
		{"in a century", 100 * 365 * 24 * time.Hour, verify.Stale},
	}
	v := custom(t, listSpec, &verify.Config{Secrets: []string{secret}})
	off := custom(t, listSpec, &verify.Config{Secrets: []string{secret}, Tolerance: verify.Off})
	wide := custom(t, listSpec, &verify.Config{Secrets: []string{secret}, Tolerance: verify.Duration(200 * 365 * 24 * time.Hour)})
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			stated := now.Add(test.skew)
			h := stamped(strconv.FormatInt(stated.Unix(), 10), secret)
			h.expect(t, v, test.want)
			h.expect(t, off, "")
			h.expect(t, wide, "")
			result, _ := h.send(t, off)
			if plausible := test.skew < 10*365*24*time.Hour; plausible != result.Timestamp.Equal(stated) || plausible != (result.NoTime == nil) {
				t.Errorf("the timestamp is %s, %v; want %s if that can be", result.Timestamp, result.NoTime, stated)
			}
		})
	}
}

func TestTimestampText(t *testing.T) {
	v := custom(t, listSpec, &verify.Config{Secrets: []string{secret}})
	off := custom(t, listSpec, &verify.Config{Secrets: []string{secret}, Tolerance: verify.Off})
	for _, stamp := range []string{
		"x", "-1715688000", "+1715688000", "1715688000.0", "1.715688e9", "0x66434bc0", "1715688000x", "９",
		"9223372036854775807", "9223372036854775808", "18446744073709551615",
		"99999999999999999999", "0001715688000000000", "0000001715688000", "01715688000", "2024-05-14T12:00:00Z", "0", "1",
	} {
		stamped(stamp, secret).expect(t, v, verify.Stale)
		if !slices.Contains([]string{"9223372036854775807", "0", "1"}, stamp) {
			stamped(stamp, secret).expect(t, off, verify.Malformed) // it is signed, so it must be a time
			continue
		}
		result, refused := stamped(stamp, secret).send(t, off)
		if refused != "" || !result.Timestamp.IsZero() || result.NoTime == nil || strings.Contains(result.NoTime.Error(), stamp+" ") {
			t.Errorf("%q: refused for %q; the time is %s, %v; want none, and to be told", stamp, refused, result.Timestamp, result.NoTime)
		}
	}
	stamped("1715688000", secret).expect(t, v, "")
}

// Where nothing separates the time from its neighbour in what is signed, a digit
// may be either one's: the unit is then the one that the description names. Else
// one that it does not name is known by the number's size.
func TestTimestampUnitBesideField(t *testing.T) {
	for content, told := range map[string]bool{
		"{timestamp}.{body}":                           true,
		"v0:{timestamp}:{header.X-Id}":                 true,
		"{body}.{timestamp}":                           true,
		"{timestamp}{header.X-Id}.{body}":              false,
		"{header.X-Id}{timestamp}.{body}":              false,
		"{body}{timestamp}":                            false,
		"{header.X-Timestamp}{header.X-Id}.{body}":     false,
		"{timestamp}{header.X-Id}{header.X-Timestamp}": false,
	} {
		for unit, stamps := range map[string][2]string{
			"s": {"1715688000", "1715688000000"}, "ms": {"1715688000000", "1715688000"}, "": {"1715688000", "1715688000000"},
		} {
			v := custom(t, `{"name":"x","scheme":"hmac","signature":{"from":["header.X-Signature"]},"content":"`+content+`",
				"timestamp":{"from":["header.X-Timestamp"],"unit":"`+unit+`","tolerance":"1m"}}`, &verify.Config{Secrets: []string{secret}})
			for i, stamp := range stamps {
				const body = `{"a":1}`
				signed := strings.NewReplacer("{timestamp}", stamp, "{header.X-Timestamp}", stamp, "{header.X-Id}", "7", "{body}", body).Replace(content)
				h := hook{header: with("X-Signature", mac(secret, signed), "X-Timestamp", stamp, "X-Id", "7"), body: body}
				want := verify.Reason("")
				if i == 1 && (!told || unit != "") {
					want = verify.Stale
				}
				if _, got := h.send(t, v); got != want {
					t.Errorf("%s, unit %s: %s is refused for %q; want %q", content, unit, stamp, got, want)
				}
			}
		}
	}
}

// Only the provider can learn that a signature is right but late.
func TestStaleAfterSignature(t *testing.T) {
	v := custom(t, listSpec, &verify.Config{Secrets: []string{secret}})
	stamped("1", "other").expect(t, v, verify.BadSignature)
	stamped("1", secret).expect(t, v, verify.Stale)
}

func TestTimestampInHeader(t *testing.T) {
	spec := func(unit string) string {
		return `{"name":"x","scheme":"hmac","signature":{"from":["header.X-Signature"]},"content":"{timestamp}.{body}",
			"timestamp":{"from":["header.X-Timestamp"],"unit":"` + unit + `","tolerance":"1m"}}`
	}
	tests := []struct {
		unit, stamp string
		want        verify.Reason
	}{
		{"s", "1715688000", ""},
		{"s", "1715688061", verify.Stale},
		{"s", "1715687939", verify.Stale},
		{"s", "1715688000000", verify.Stale}, // a window holds for the unit that is stated
		{"", "1715688000", ""},
		{"", "1715688000000", ""},
		{"", "1715688000000000", ""},
		{"", "1715688000000000000", ""},
		{"", "1715688061000", verify.Stale},
		{"ms", "1715688060000", ""},
		{"ms", "1715688061000", verify.Stale},
		{"ms", "1715688000", verify.Stale},
		{"rfc3339", "2024-05-14T12:00:59Z", ""},
		{"rfc3339", "2024-05-14T12:00:00.123456789Z", ""},
		{"rfc3339", "2024-05-14T14:00:00+02:00", ""},
		{"rfc3339", "2024-05-14T14:00:00+0200", ""},
		{"rfc3339", "2024-05-14 12:00:00Z", ""},
		{"rfc3339", "2024-05-14T12:00:00+02:00", verify.Stale},
		{"rfc3339", "2024-05-14T12:01:01Z", verify.Stale},
		{"rfc3339", "1715688000", verify.Stale},
		{"rfc3339", "2024-05-14", verify.Stale},
		{"rfc3339", "2024-02-30T12:00:00Z", verify.Stale},
	}
	for _, test := range tests {
		v := custom(t, spec(test.unit), &verify.Config{Secrets: []string{secret}})
		h := hook{header: with("X-Signature", mac(secret, test.stamp+".body"), "X-Timestamp", test.stamp), body: "body"}
		if _, got := h.send(t, v); got != test.want {
			t.Errorf("%s in %s: refused for %q; want %q", test.stamp, test.unit, got, test.want)
		}
	}
	v := custom(t, spec("s"), &verify.Config{Secrets: []string{secret}})
	hook{header: with("X-Signature", mac(secret, ".body")), body: "body"}.expect(t, v, verify.MissingSignature)
	twice := with("X-Signature", mac(secret, "1715688000.body"), "X-Timestamp", "1715688000", "X-Timestamp", "1715688000")
	hook{header: twice, body: "body"}.expect(t, v, verify.BadSignature)
}

// Instaleap's own example writes the hour with one digit and the offset
// without a colon.
func TestInstaleapTolerance(t *testing.T) {
	const body = `{"id":"90aa7525-3b40-4f9e-a7ff-347630d38aae","created_at":"2022-01-01T0:00:00+0000","type":"PICKING_FINISHED"}`
	h := job(body, "90aa7525-3b40-4f9e-a7ff-347630d38aae&2022-01-01T0:00:00+0000&PICKING_FINISHED")
	midnight := time.Date(2022, 1, 1, 0, 0, 0, 0, time.UTC)
	v := builtin(t, "instaleap", &verify.Config{Secrets: []string{secret}, Tolerance: verify.Duration(time.Hour)})
	tests := []struct {
		skew time.Duration
		want verify.Reason
	}{
		{0, ""},
		{time.Hour, ""},
		{-time.Hour, ""},
		{time.Hour + time.Second, verify.Stale},
		{-time.Hour - time.Second, verify.Stale},
	}
	for _, test := range tests {
		h.received = midnight.Add(test.skew)
		if _, got := h.send(t, v); got != test.want {
			t.Errorf("%s after the stated time: refused for %q; want %q", test.skew, got, test.want)
		}
	}
	h.received = now
	h.expect(t, v, verify.Stale)
	result, refused := h.send(t, signed(t, "instaleap"))
	if refused != "" || !result.Timestamp.Equal(midnight) {
		t.Errorf("without tolerance: %+v, %q; want the stated time", result, refused)
	}
	job(`{"id":"a","created_at":"yesterday","type":"b"}`, "a&yesterday&b").expect(t, v, verify.Stale)
	job(`{"id":"a","created_at":"","type":"b"}`, "a&&b").expect(t, v, verify.Malformed)
}
