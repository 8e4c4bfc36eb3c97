package caddyfile_test

import (
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// spans are texts that are, or are not, a time span.
var spans = []string{
	"7d", "1d", "0.5d", "1d12h", "1d1d", "2h1d", "1.5d30m", "30m", "1h2m3.5s", "100ms", "0", "0d", "-1d", "+1d", "d", "1dd", "1d-",
	"7", "7 d", "", " 1d", "7days", "1w", "one", "1d2", "d1", "1e3d", "..d", "999999999d", "1µs", "5mm", "٣d",
}

// Our durations are what Caddy's are, save that they are positive.
func TestDurationsAreCaddys(t *testing.T) {
	for _, text := range spans {
		checkSpan(t, text)
	}
}

func FuzzDuration(f *testing.F) {
	for _, text := range spans {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) { checkSpan(t, text) })
}

func checkSpan(t *testing.T, text string) {
	t.Helper()
	if text == "off" {
		return
	}
	want, wantErr := caddy.ParseDuration(text)
	got, err := verify.ParseDuration(text)
	switch {
	case wantErr != nil || want <= 0:
		if err == nil {
			t.Errorf("%q is read as %s; Caddy says %v, %v", text, got, want, wantErr)
		}
	case err != nil || got != verify.Duration(want):
		t.Errorf("%q is %v, %v; Caddy says %s", text, got, err, want)
	}
}
