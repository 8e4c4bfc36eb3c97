package interop

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/line/line-bot-sdk-go/v8/linebot/webhook"
)

func TestLINE(t *testing.T) {
	lineProvider.run(t)
	t.Run("Verify button", testLINEVerify)
}

const lineHeader = "X-Line-Signature"

// lineProvider signs as LINE documents it: the library can only verify.
var lineProvider = &provider{
	preset:  "line",
	secret:  "8c570fa6dd201bb328f1c1eac23a96d8",
	older:   "0123456789abcdef0123456789abcdef",
	other:   "8C570FA6DD201BB328F1C1EAC23A96D8",
	headers: []string{lineHeader},
	sign: func(secret string, _ time.Time, m *message) {
		m.header.Set(lineHeader, base64.StdEncoding.EncodeToString(lineMAC(secret, m.body)))
	},
	verify: func(secret string, m message) error {
		_, err := webhook.ParseRequest(secret, m.request())
		return err
	},
	samples: []sample{
		{
			name:  "message",
			body:  `{"destination":"U8e742f61d673b39c7fff3cecb7536ef0","events":[{"type":"message","message":{"type":"text","id":"468789577898262530","text":"ハロー、世界 😀"},"webhookEventId":"01H810YECXQQZ37VAXPF6H9E6T","deliveryContext":{"isRedelivery":false},"timestamp":1692251666727,"source":{"type":"user","userId":"U1"},"replyToken":"38ef843bde154d9b91c21320ffd17a0f","mode":"active"}]}`,
			event: "message", id: "01H810YECXQQZ37VAXPF6H9E6T",
		},
		{
			name:  "two events",
			body:  `{"destination":"U8e","events":[{"type":"follow","follow":{"isUnblocked":false},"webhookEventId":"01A","timestamp":1692251666727,"mode":"active"},{"type":"unfollow","webhookEventId":"01B","timestamp":1692251666728,"mode":"active"}]}`,
			event: "follow",
		},
	},
	more: lineTrials,
	differ: map[string]difference{
		"two signature lines, the first is right": {
			accepts: library, why: "the library is given the first line, but the app behind may read another",
		},
		"other spelling of the last letter": {accepts: library, why: "the library ignores bits that stand for nothing; Caddy takes one spelling only"},
	},
}

func lineMAC(secret string, body []byte) []byte {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return mac.Sum(nil)
}

func lineTrials(p *provider) []trial {
	good := p.unsigned(p.samples[0])
	sum := lineMAC(p.secret, good.body)
	text := base64.StdEncoding.EncodeToString(sum)
	signature := func(name, value string) trial {
		return trial{name: name, message: good.with(func(m *message) { m.header.Set(lineHeader, value) })}
	}
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	last := strings.IndexByte(letters, text[len(text)-2])
	return []trial{
		signature("no padding", strings.TrimSuffix(text, "=")),
		signature("other spelling of the last letter", text[:len(text)-2]+letters[last|1:last|1+1]+"="),
		signature("prefix", "sha256="+text),
		signature("two signatures", text+","+text),
		signature("in hex", strings.Repeat("ab", 32)),
		signature("half of it", base64.StdEncoding.EncodeToString(sum[:16])),
	}
}

// The button in LINE's console sends a signed list without events, to which
// Caddy answers.
func testLINEVerify(t *testing.T) {
	m := lineProvider.signed(sample{body: `{"destination":"U8e742f61d673b39c7fff3cecb7536ef0","events":[]}`})
	if err := lineProvider.verify(lineProvider.secret, m); err != nil {
		t.Fatal(err)
	}
	if a := m.send(t); a.status != 200 || len(a.app) > 0 {
		t.Errorf("Caddy answered %d %q, the app got %d requests", a.status, a.text, len(a.app))
	}
	m.body = append(m.body, ' ')
	m.send(t).requireRefused(t, 401)
}
