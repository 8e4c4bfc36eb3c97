package interop

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twilio/twilio-go/client"
)

func TestTwilio(t *testing.T) { twilioProvider.run(t) }

const (
	twilioHeader = "X-Twilio-Signature"
	twilioSite   = "https://hooks.example.com"
	formType     = "application/x-www-form-urlencoded"
)

// twilioProvider signs as Twilio documents it: the library can only verify.
var twilioProvider = &provider{
	preset:  "twilio",
	secret:  "12345",
	older:   "1c892n40nd03kdnc0112slzkl3091j20",
	other:   "12346",
	options: "public_url " + twilioSite,
	headers: []string{twilioHeader},
	fields:  true,
	sign: func(secret string, _ time.Time, m *message) {
		signTwilio(secret, twilioSite+m.uri, m)
	},
	verify: func(secret string, m message) error {
		validator := client.NewRequestValidator(secret)
		if !validator.ValidateBody(twilioSite+m.uri, m.body, m.request().Header.Get(twilioHeader)) {
			return errors.New("invalid")
		}
		return nil
	},
	samples: []sample{
		{
			name: "message", typ: formType,
			body:  "ToCountry=US&SmsMessageSid=SM1&NumMedia=0&SmsStatus=received&Body=50%25+off%21+Gr%C3%B6%C3%9Fe+%F0%9F%98%80+%26+more%2B&To=%2B18005551212&From=%2B14158675309&FromCity=&AccountSid=AC1&ApiVersion=2010-04-01",
			event: "received",
		},
		{
			name: "call", typ: formType, query: "?foo=1&bar=a%20b%2Fc+d",
			body:  "Digits=1234&To=%2B18005551212&From=%2B14158675309&Caller=%2B14158675309&CallSid=CA1234567890ABCDE&CallStatus=completed",
			event: "completed",
		},
		{name: "no fields", typ: formType, query: "?a=b"},
		{name: "GET", method: http.MethodGet, query: "?CallSid=CA1&From=%2B14158675309"},
		twilioJSON("event stream", `[{"specversion":"1.0","type":"com.twilio.messaging.message.delivered","source":"/x","id":"EV1","data":{"n":1.10}}]`, "com.twilio.messaging.message.delivered", "EV1"),
		twilioJSON("JSON object", `{"a": "ö", "b": [1, 2]}`, "", ""),
	},
	more: twilioTrials,
	differ: map[string]difference{
		"two signature lines, the first is right": {
			accepts: library, why: "the library is given the first line, but the app behind may read another",
		},
		"field sent twice": {
			accepts: library, why: "the library takes the first value and leaves the others unsigned; Twilio's library for JavaScript signs all",
		},
	},
}

// twilioJSON is a request with a body that Twilio does not sign itself: its
// hash is part of the URL.
func twilioJSON(name, body, event, id string) sample {
	return sample{name: name, query: fmt.Sprintf("?x=1&bodySHA256=%x", sha256.Sum256([]byte(body))), body: body, event: event, id: id}
}

func signTwilio(token, target string, m *message) {
	mac := hmac.New(sha1.New, []byte(token))
	mac.Write([]byte(target))
	if m.header.Get("Content-Type") == formType {
		form, err := url.ParseQuery(string(m.body))
		if err != nil {
			panic(err)
		}
		var names []string
		for name := range form {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			mac.Write([]byte(name + form.Get(name)))
		}
	}
	m.header.Set(twilioHeader, base64.StdEncoding.EncodeToString(mac.Sum(nil)))
}

func twilioTrials(p *provider) []trial {
	form, json := p.samples[1], p.samples[4]
	as := func(name, target string, s sample, accept bool) trial {
		m := p.unsigned(s)
		signTwilio(p.secret, strings.Replace(target, "*", m.uri, 1), &m)
		return trial{name: name, message: m, good: accept}
	}
	edit := func(name string, s sample, accept bool, change func(*message)) trial {
		return trial{name: name, good: accept, message: p.signed(s).with(change)}
	}
	return []trial{
		as("URL with the standard port", "https://hooks.example.com:443*", form, true),
		as("URL with another port", "https://hooks.example.com:8443*", form, false),
		as("URL of http", "http://hooks.example.com*", form, false),
		as("URL of another host", "https://hooks.example.org*", form, false),
		as("URL without the query", "https://hooks.example.com/twilio", form, false),
		as("URL in capitals", "https://HOOKS.example.com*", form, false),
		edit("query changed", form, false, func(m *message) { m.uri += "&x" }),
		edit("fields in another order", form, true, func(m *message) {
			fields := strings.Split(string(m.body), "&")
			slices.Reverse(fields)
			m.body = []byte(strings.Join(fields, "&"))
		}),
		edit("fields encoded in another way", form, true, func(m *message) {
			m.body = []byte(strings.ReplaceAll(string(m.body), "%2B", "%2b"))
		}),
		edit("field added", form, false, func(m *message) { m.body = append(m.body, "&x=1"...) }),
		edit("field added that is empty", form, false, func(m *message) { m.body = append(m.body, "&x="...) }),
		edit("field taken away", form, false, func(m *message) {
			m.body = m.body[:strings.LastIndex(string(m.body), "&")]
		}),
		edit("field sent twice", form, false, func(m *message) { m.body = append(m.body, "&Digits=9999"...) }),
		edit("JSON changed", json, false, func(m *message) { m.body[len(m.body)-4] ^= 1 }),
		edit("JSON without its hash", json, false, func(m *message) { m.uri = "/twilio?x=1" }),
		as("JSON signed without its hash", "*", sample{query: "?x=1", body: json.body}, false),
		as("JSON signed with the hash of another", twilioSite+"*", sample{query: json.query, body: `[{"type":"x","id":"1"}]`}, false),
	}
}
