package interop

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	paddle "github.com/PaddleHQ/paddle-go-sdk/v4"
)

func TestPaddle(t *testing.T) { paddleProvider.run(t) }

const paddleHeader = "Paddle-Signature"

// paddleProvider signs as Paddle documents it: the library can only verify.
var paddleProvider = &provider{
	preset:  "paddle",
	secret:  "pdl_ntfset_01gkdqmb2z2tfqjmbz5w3gfqjx_Xr2lOL5vwFV8LdFvGHi7GCn/xkKbmEUC",
	older:   "pdl_ntfset_01gkdolder_abcdef",
	other:   "01gkdqmb2z2tfqjmbz5w3gfqjx_Xr2lOL5vwFV8LdFvGHi7GCn/xkKbmEUC", // the prefix is part of the secret
	headers: []string{paddleHeader},
	timed:   true,
	sign: func(secret string, at time.Time, m *message) {
		signPaddle(secret, fmt.Sprint(at.Unix()), m)
	},
	verify: func(secret string, m message) error {
		// Off by default in the library; five minutes is Caddy's own default.
		verifier := paddle.NewWebhookVerifier(secret, paddle.VerifierWithTimestampTolerance(5*time.Minute))
		good, err := verifier.Verify(m.request())
		if err == nil && !good {
			err = errors.New("invalid")
		}
		return err
	},
	samples: []sample{
		{
			name:  "transaction",
			body:  `{"event_id":"evt_01hv8x2acma2gz7he8kg3s7hna","event_type":"transaction.completed","occurred_at":"2026-01-02T03:04:05.678901Z","notification_id":"ntf_01hv8x2af2vvj5v7v3g8f9q1k2","data":{"id":"txn_1","details":{"totals":{"total":"1100"}},"name":"Zoë"}}`,
			event: "transaction.completed", id: "evt_01hv8x2acma2gz7he8kg3s7hna",
		},
		{
			name:  "subscription",
			body:  "{\n  \"event_id\": \"evt_2\",\n  \"event_type\": \"subscription.canceled\",\n  \"data\": {\"items\": []}\n}\n",
			event: "subscription.canceled", id: "evt_2",
		},
	},
	more: paddleTrials,
	differ: map[string]difference{
		"two signature lines, the first is right": {
			accepts: library, why: "the library is given the first line, but the app behind may read another",
		},
		"two signatures, the first is right":  {accepts: caddy, why: "Paddle documents several signatures for when a secret is rotated; this library reads one only"},
		"two signatures, the second is right": {accepts: caddy, why: "as with the first"},
		"signature before the time":           {accepts: caddy, why: "the library wants a fixed order"},
		"other tag beside the right one":      {accepts: caddy, why: "the library wants nothing else; Caddy ignores what it does not know, for schemes to come"},
		"signature in capitals":               {accepts: caddy, why: "the library wants small letters; the bytes are the same"},
		"time with a zero":                    {accepts: library, why: "Caddy takes a number in one spelling only"},
		"spaces after semicolons":             {accepts: caddy, why: "the spaces are no part of what is signed"},
	},
}

func signPaddle(secret, at string, m *message) {
	m.header.Set(paddleHeader, "ts="+at+";h1="+paddleMAC(secret, at, m.body))
}

func paddleMAC(secret, at string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "%s:%s", at, body)
	return hex.EncodeToString(mac.Sum(nil))
}

func paddleTrials(p *provider) []trial {
	unix := fmt.Sprint(time.Now().Unix())
	unsigned := p.unsigned(p.samples[0])
	right := paddleMAC(p.secret, unix, unsigned.body)
	wrong := strings.Repeat("0", 64)
	header := func(name, value string, good bool) trial {
		return trial{name: name, good: good, message: unsigned.with(func(m *message) { m.header.Set(paddleHeader, value) })}
	}
	at := func(name, text string, accept bool) trial {
		return trial{name: name, good: accept, message: unsigned.with(func(m *message) { signPaddle(p.secret, text, m) })}
	}
	return []trial{
		header("two signatures, the first is right", "ts="+unix+";h1="+right+";h1="+wrong, true),
		header("two signatures, the second is right", "ts="+unix+";h1="+wrong+";h1="+right, true),
		header("signature before the time", "h1="+right+";ts="+unix, true),
		header("other tag beside the right one", "ts="+unix+";h1="+right+";h2="+wrong, true),
		header("right signature under another tag", "ts="+unix+";h2="+right, false),
		header("signature in capitals", "ts="+unix+";h1="+strings.ToUpper(right), true),
		header("spaces after semicolons", "ts="+unix+"; h1="+right, true),
		header("commas", "ts="+unix+",h1="+right, false),
		header("no time", "h1="+right, false),
		header("two times", "ts=1;ts="+unix+";h1="+right, false),
		header("only the signature", right, false),
		at("time with a zero", "0"+unix, false),
		at("time with a plus sign", "+"+unix, false),
		at("time with a fraction", unix+".0", false),
		at("time is no number", "x", false),
		at("empty time", "", false),
	}
}
