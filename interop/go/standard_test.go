package interop

import (
	"fmt"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	svix "github.com/svix/svix-webhooks/go"
)

func TestStandardWebhooks(t *testing.T) { standardProvider.run(t) }

func TestSvix(t *testing.T) { svixProvider.run(t) }

// standardSamples are what both libraries sign: the scheme is the same.
var standardSamples = []sample{
	{
		name:  "user",
		body:  `{"type":"user.created","timestamp":"2026-01-02T03:04:05Z","data":{"id":12345678901234567890,"name":"Zoë Ångström 漢字"}}`,
		event: "user.created", id: "msg_2LJDMgkzVL0ZzhdVQOh6OIAUMnd",
	},
	{name: "with line breaks", body: "{\r\n\t\"type\": \"invoice.paid\",\r\n\t\"data\": {}\r\n}\r\n", event: "invoice.paid", id: "msg_2LJDMgkzVL0ZzhdVQOh6OIAUMnd"},
	{name: "no type", body: `{"test":2432232314}`, id: "msg_2LJDMgkzVL0ZzhdVQOh6OIAUMnd"},
}

const messageID = "msg_2LJDMgkzVL0ZzhdVQOh6OIAUMnd"

var standardProvider = &provider{
	preset:  "standard-webhooks",
	secret:  "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
	older:   "b2xkZXIgc2VjcmV0IG9mIHRoZSBlbmRwb2ludA==", // the prefix may be left out
	other:   "whsec_b3RoZXIgc2VjcmV0IG9mIHRoZSBlbmRwb2ludA==",
	headers: []string{"webhook-signature", "webhook-timestamp", "webhook-id"},
	timed:   true,
	sign: func(secret string, at time.Time, m *message) {
		signStandard("webhook", messageID, at, m, func() (string, error) {
			webhook, err := standardwebhooks.NewWebhook(secret)
			if err != nil {
				return "", err
			}
			return webhook.Sign(messageID, at, m.body)
		})
	},
	verify: func(secret string, m message) error {
		webhook, err := standardwebhooks.NewWebhook(secret)
		if err != nil {
			return err
		}
		return webhook.Verify(m.body, m.request().Header)
	},
	samples:   standardSamples,
	more:      func(p *provider) []trial { return standardTrials(p, "webhook") },
	differ:    standardDifferences("webhook"),
	malformed: standardMalformed,
}

var svixProvider = &provider{
	preset:  "svix",
	secret:  "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
	older:   "b2xkZXIgc2VjcmV0IG9mIHRoZSBlbmRwb2ludA==",
	other:   "whsec_b3RoZXIgc2VjcmV0IG9mIHRoZSBlbmRwb2ludA==",
	headers: []string{"svix-signature", "svix-timestamp", "svix-id"},
	timed:   true,
	sign: func(secret string, at time.Time, m *message) {
		signStandard("svix", messageID, at, m, func() (string, error) {
			webhook, err := svix.NewWebhook(secret)
			if err != nil {
				return "", err
			}
			return webhook.Sign(messageID, at, m.body)
		})
	},
	verify: func(secret string, m message) error {
		webhook, err := svix.NewWebhook(secret)
		if err != nil {
			return err
		}
		return webhook.Verify(m.body, m.request().Header)
	},
	samples: standardSamples,
	more: func(p *provider) []trial {
		good := p.signed(standardSamples[0])
		rename := func(name string, good bool, m message, which ...string) trial {
			return trial{name: name, good: good, message: m.with(func(m *message) {
				for _, suffix := range which {
					m.header.Set("webhook-"+suffix, m.header.Get("svix-"+suffix))
					m.header.Del("svix-" + suffix)
				}
			})}
		}
		return append(
			standardTrials(p, "svix"),
			rename("headers named webhook-*", true, good, "id", "timestamp", "signature"),
			rename("headers of both kinds, each once", false, good, "signature"),
			trial{name: "headers of both kinds, those of Svix are right", good: true, message: good.with(func(m *message) {
				m.header.Set("webhook-id", "msg_other")
				m.header.Set("webhook-timestamp", "1")
				m.header.Set("webhook-signature", "v1,AAAA")
			})},
			trial{name: "headers of both kinds, those of Svix are wrong", message: good.with(func(m *message) {
				for _, suffix := range []string{"id", "timestamp", "signature"} {
					m.header.Set("webhook-"+suffix, m.header.Get("svix-"+suffix))
				}
				m.header.Set("svix-id", "msg_other")
			})},
		)
	},
	differ:    svixDifferences(),
	malformed: standardMalformed,
}

// signStandard sets the headers of Standard Webhooks.
func signStandard(prefix, id string, at time.Time, m *message, sign func() (string, error)) {
	signature, err := sign()
	if err != nil {
		panic(err)
	}
	m.header.Set(prefix+"-id", id)
	m.header.Set(prefix+"-timestamp", fmt.Sprint(at.Unix()))
	m.header.Set(prefix+"-signature", signature)
}

func standardDifferences(prefix string) map[string]difference {
	return map[string]difference{
		"two lines of " + prefix + "-timestamp": {accepts: library, why: "as with two signature lines"},
		"two lines of " + prefix + "-id":        {accepts: library, why: "as with two signature lines"},
		"two signature lines, the first is right": {
			accepts: library, why: "the library is given the first line, but the app behind may read another",
		},
		"time with a plus sign": {accepts: library, why: "the library parses the time and signs its own spelling; Caddy signs what was sent"},
		"time with a zero":      {accepts: library, why: "as with the plus sign"},
		"dot in the id": {
			accepts: library,
			why:     "one signature would be good for other ids and times: the dot separates what is signed",
		},
	}
}

func svixDifferences() map[string]difference {
	all := standardDifferences("svix")
	all["headers of both kinds, each once"] = difference{
		accepts: caddy, why: "the signature is right, and the library for JavaScript takes it too",
	}
	return all
}

var standardMalformed = map[string]string{
	"time with a fraction": "the dot separates what is signed",
	"dot in the id":        "as with the fraction",
}

func standardTrials(p *provider, prefix string) []trial {
	now := time.Now()
	good := p.signedBy(p.secret, now, p.samples[0])
	right := good.header.Get(prefix + "-signature")
	older := p.signedBy(p.older, now, p.samples[0]).header.Get(prefix + "-signature")
	wrong := "v1," + strings.Repeat("A", 43) + "="
	set := func(name, suffix, value string, good bool, m message) trial {
		return trial{name: name, good: good, message: m.with(func(m *message) { m.header.Set(prefix+"-"+suffix, value) })}
	}
	signature := func(name, value string, accept bool) trial { return set(name, "signature", value, accept, good) }
	unix := fmt.Sprint(now.Unix())
	dotted := p.unsigned(p.samples[0])
	signStandard(prefix, "msg.1", now, &dotted, func() (string, error) {
		webhook, err := standardwebhooks.NewWebhook(p.secret)
		if err != nil {
			return "", err
		}
		return webhook.Sign("msg.1", now, dotted.body)
	})
	return []trial{
		signature("wrong signature, then the right one", wrong+" "+right, true),
		signature("unreadable signature, then the right one", "v1,=!= v1 "+right, true),
		signature("right signature, then an unreadable one", right+" v1,=!=", true),
		signature("signatures of both secrets", right+" "+older, true),
		signature("other version beside the right one", "v1a,"+strings.Repeat("A", 86)+"== "+right+" v2,x", true),
		signature("right signature under another version", strings.Replace(right, "v1,", "v2,", 1), false),
		signature("right signature without its version", strings.TrimPrefix(right, "v1,"), false),
		signature("no padding", strings.TrimSuffix(right, "="), false),
		signature("commas between signatures", wrong+","+right, false),
		signature("two spaces between signatures", wrong+"  "+right, true),
		set("time is no number", "timestamp", "x", false, good),
		set("time with a fraction", "timestamp", unix+".0", false, good),
		set("time with a plus sign", "timestamp", "+"+unix, false, good),
		set("time with a zero", "timestamp", "0"+unix, false, good),
		set("time changed", "timestamp", fmt.Sprint(now.Unix()-1), false, good),
		set("id changed", "id", "msg_other", false, good),
		{name: "dot in the id", message: dotted},
	}
}
