package interop

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/slack-go/slack"
)

func TestSlack(t *testing.T) {
	slackProvider.run(t)
	t.Run("URL verification", testSlackURLVerification)
}

const (
	slackSignature = "X-Slack-Signature"
	slackTime      = "X-Slack-Request-Timestamp"
)

// slackProvider signs as Slack documents it: the library can only verify.
var slackProvider = &provider{
	preset:  "slack",
	secret:  "8f742231b10e8888abcd99yyyzzz85a5",
	older:   "e6b19c573432dcc6b075501d51b51bb8",
	other:   "8F742231B10E8888ABCD99YYYZZZ85A5",
	headers: []string{slackSignature, slackTime},
	timed:   true,
	sign: func(secret string, at time.Time, m *message) {
		signSlack(secret, fmt.Sprint(at.Unix()), m)
	},
	verify: func(secret string, m message) error {
		verifier, err := slack.NewSecretsVerifier(m.request().Header, secret)
		if err != nil {
			return err
		}
		if _, err := verifier.Write(m.body); err != nil {
			return err
		}
		return verifier.Ensure()
	},
	samples: []sample{
		{
			name:  "event",
			body:  `{"token":"x","team_id":"T1","api_app_id":"A1","event":{"type":"app_mention","user":"U1","text":"<@U2> Größe \u00e9 😀","ts":"1763712000.000100"},"type":"event_callback","event_id":"Ev123ABC","event_time":1763712000}`,
			event: "app_mention", id: "Ev123ABC",
		},
		{name: "rate limit", body: `{"token":"x","type":"app_rate_limited","team_id":"T1","minute_rate_limited":1763712000}`, event: "app_rate_limited"},
		{
			name: "slash command", typ: "application/x-www-form-urlencoded",
			body:  "token=x&team_id=T1&command=%2Fweather&text=94070+caf%C3%A9&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2F1&trigger_id=13345224609.738474920.8088930838d88f008e0",
			event: "/weather",
		},
		{
			name: "interaction", typ: "application/x-www-form-urlencoded",
			body:  "payload=" + url.QueryEscape(`{"type":"block_actions","user":{"id":"U1"},"actions":[{"action_id":"a","value":"50% & more"}]}`),
			event: "block_actions",
		},
	},
	more: slackTrials,
	differ: map[string]difference{
		"two signature lines, the first is right": {
			accepts: library, why: "the library is given the first line, but the app behind may read another",
		},
		"two lines of " + slackTime: {accepts: library, why: "as with two signature lines"},
		"time with a plus sign":     {accepts: library, why: "Caddy takes digits only"},
		"time with a zero":          {accepts: library, why: "Caddy takes a number in one spelling only"},
	},
}

func signSlack(secret, at string, m *message) {
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "v0:%s:%s", at, m.body)
	m.header.Set(slackTime, at)
	m.header.Set(slackSignature, "v0="+hex.EncodeToString(mac.Sum(nil)))
}

func slackTrials(p *provider) []trial {
	sample := p.samples[0]
	now := time.Now()
	good := p.signedBy(p.secret, now, sample)
	right := strings.TrimPrefix(good.header.Get(slackSignature), "v0=")
	at := func(name, text string, accept bool) trial {
		m := p.unsigned(sample)
		signSlack(p.secret, text, &m)
		return trial{name: name, message: m, good: accept}
	}
	signature := func(name, value string, accept bool) trial {
		return trial{name: name, good: accept, message: good.with(func(m *message) { m.header.Set(slackSignature, value) })}
	}
	unix := fmt.Sprint(now.Unix())
	return []trial{
		signature("signature in capitals", "v0="+strings.ToUpper(right), true),
		signature("prefix in capitals", "V0="+right, false),
		signature("another version", "v1="+right, false),
		signature("no version", right, false),
		signature("wrong signature, then the right one", "v0="+strings.Repeat("0", 64)+",v0="+right, false),
		at("time with a zero", "0"+unix, false),
		at("time with a plus sign", "+"+unix, false),
		at("time with a fraction", unix+".0", false),
		at("time is no number", "x", false),
		{name: "time changed", message: good.with(func(m *message) { m.header.Set(slackTime, fmt.Sprint(now.Unix()-1)) })},
	}
}

// Slack's test of a new URL is answered by Caddy, once the signature is right.
func testSlackURLVerification(t *testing.T) {
	const challenge = "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P"
	m := slackProvider.signed(sample{body: `{"token":"x","challenge":"` + challenge + `","type":"url_verification"}`})
	if err := slackProvider.verify(slackProvider.secret, m); err != nil {
		t.Fatal(err)
	}
	if a := m.send(t); a.status != 200 || a.text != challenge || len(a.app) > 0 {
		t.Errorf("Caddy answered %d %q, the app got %d requests", a.status, a.text, len(a.app))
	}
	m.header.Set(slackSignature, slackProvider.signed(slackProvider.samples[0]).header.Get(slackSignature))
	m.send(t).requireRefused(t, 401)
}
