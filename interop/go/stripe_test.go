package interop

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stripe/stripe-go/v82/webhook"
)

func TestStripe(t *testing.T) { stripeProvider.run(t) }

const stripeHeader = "Stripe-Signature"

var stripeProvider = &provider{
	preset:  "stripe",
	secret:  "whsec_bmV3IHNlY3JldCBvZiBhbiBlbmRwb2ludA==",
	older:   "whsec_olderSecretOfTheEndpoint",
	other:   "bmV3IHNlY3JldCBvZiBhbiBlbmRwb2ludA==", // the prefix is part of the secret
	headers: []string{stripeHeader},
	timed:   true,
	sign: func(secret string, at time.Time, m *message) {
		signed := webhook.GenerateTestSignedPayload(&webhook.UnsignedPayload{Payload: m.body, Secret: secret, Timestamp: at})
		m.header.Set(stripeHeader, signed.Header)
	},
	verify: func(secret string, m message) error {
		return webhook.ValidatePayload(m.body, m.request().Header.Get(stripeHeader), secret)
	},
	samples: []sample{
		{
			name:  "charge",
			body:  `{"id":"evt_1Pq","object":"event","api_version":"2025-08-27.basil","created":1763712000,"type":"charge.succeeded","data":{"object":{"id":"ch_1","amount":1999,"currency":"eur","description":"Café Größe 漢字 \ud83d\ude00"}},"livemode":false,"pending_webhooks":1}`,
			event: "charge.succeeded", id: "evt_1Pq",
		},
		{
			name:  "as Stripe prints it",
			body:  "{\n  \"id\": \"evt_2\",\n  \"object\": \"event\",\n  \"type\": \"invoice.paid\",\n  \"data\": {\n    \"object\": {\"id\": \"in_1\", \"total\": 9007199254740993, \"rate\": 1.10}\n  }\n}\r\n",
			event: "invoice.paid", id: "evt_2",
		},
		{
			name:  "event notification",
			body:  `{"id":"evt_test_3","object":"v2.core.event","type":"v1.billing.meter.error_report_triggered","created":"2026-01-02T03:04:05.678Z","related_object":{"id":"mtr_1","type":"billing.meter","url":"/v1/billing/meters/mtr_1"}}`,
			event: "v1.billing.meter.error_report_triggered", id: "evt_test_3",
		},
	},
	more: stripeTrials,
	differ: map[string]difference{
		"signed an hour ahead": {accepts: library, why: "the library checks the age only; a time to come would keep a recorded request good for longer"},
		"two signature lines, the first is right": {
			accepts: library, why: "the library is given the first line, but the app behind may read another",
		},
		"time in two forms":     {accepts: library, why: "the library takes the last of two times, others the first; Stripe sends one"},
		"time with a plus sign": {accepts: library, why: "the library parses the time and signs its own spelling; Caddy signs what was sent"},
		"time with a zero":      {accepts: library, why: "as with the plus sign"},
		"tag without a value":   {accepts: caddy, why: "the library gives up on the whole header; an entry that is not understood cannot make another one wrong"},
		"spaces after commas":   {accepts: caddy, why: "the spaces are no part of what is signed"},
	},
}

func stripeTrials(p *provider) []trial {
	sample := p.samples[0]
	now := time.Now()
	unix := fmt.Sprint(now.Unix())
	mac := hex.EncodeToString(webhook.ComputeSignature(now, []byte(sample.body), p.secret))
	older := hex.EncodeToString(webhook.ComputeSignature(now, []byte(sample.body), p.older))
	wrong := strings.Repeat("0", len(mac))
	header := func(name, value string, good bool) trial {
		m := p.unsigned(sample)
		m.header.Set(stripeHeader, value)
		return trial{name: name, message: m, good: good}
	}
	return []trial{
		header("wrong signature, then the right one", "t="+unix+",v1="+wrong+",v1="+mac, true),
		header("unreadable signature, then the right one", "t="+unix+",v1=bad_signature,v1="+mac, true),
		header("right signature, then an unreadable one", "t="+unix+",v1="+mac+",v1=bad_signature", true),
		header("signatures of both secrets", "t="+unix+",v1="+mac+",v1="+older, true),
		header("other scheme beside the right one", "t="+unix+",v1="+mac+",v0="+wrong, true),
		header("right signature under another scheme", "t="+unix+",v0="+mac, false),
		header("signature before the time", "v1="+mac+",t="+unix, true),
		header("signature in capitals", "t="+unix+",v1="+strings.ToUpper(mac), true),
		header("no time", "v1="+mac, false),
		header("empty time", "t=,v1="+mac, false),
		header("time is no number", "t=x"+unix+",v1="+mac, false),
		header("time with a fraction", "t="+unix+".0,v1="+mac, false),
		header("time changed", "t="+fmt.Sprint(now.Unix()-1)+",v1="+mac, false),
		header("time in two forms", "t=1,t="+unix+",v1="+mac, false),
		header("time with a plus sign", "t=+"+unix+",v1="+mac, false),
		header("time with a zero", "t=0"+unix+",v1="+mac, false),
		header("only the signature", mac, false),
		header("tag without a value", "t="+unix+",x,v1="+mac, false),
		header("spaces after commas", "t="+unix+", v1="+mac, false),
		header("semicolons", "t="+unix+";v1="+mac, false),
	}
}
