package e2e_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

// bareTime is a preset that signs the time and the body with nothing between.
type bareTime struct {
	name, signature, time string // headers
	stamp                 string
	after                 bool // the time follows the body
	key                   string
	sign                  func(content string) string
}

// bareTimes are the presets of which nothing but the form of the time keeps
// bytes from being moved.
func bareTimes(t *testing.T) []bareTime {
	t.Helper()
	code := func(content string) []byte {
		h := hmac.New(sha256.New, []byte(testSecret))
		h.Write([]byte(content))
		return h.Sum(nil)
	}
	inHex := func(content string) string { return hex.EncodeToString(code(content)) }
	inBase64 := func(content string) string { return base64.StdEncoding.EncodeToString(code(content)) }
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	spki, err := x509.MarshalPKIXPublicKey(&curve.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().UTC()
	return []bareTime{
		{"airwallex", "x-signature", "x-timestamp", fmt.Sprint(now.UnixMilli()), false, testSecret, inHex},
		{"zendesk", "X-Zendesk-Webhook-Signature", "X-Zendesk-Webhook-Signature-Timestamp", now.Format(time.RFC3339), false, testSecret, inBase64},
		{"klaviyo", "Klaviyo-Signature", "Klaviyo-Timestamp", now.Format("Mon, 02 Jan 2006 15:04:05 GMT"), true, testSecret, inHex},
		{"discord", "X-Signature-Ed25519", "X-Signature-Timestamp", fmt.Sprint(now.Unix()), false, hex.EncodeToString(public), func(content string) string {
			return hex.EncodeToString(ed25519.Sign(private, []byte(content)))
		}},
		{
			"sendgrid", "X-Twilio-Email-Event-Webhook-Signature", "X-Twilio-Email-Event-Webhook-Timestamp", fmt.Sprint(now.Unix()), false,
			base64.StdEncoding.EncodeToString(spki), func(content string) string {
				sum := sha256.Sum256([]byte(content))
				signature, err := ecdsa.SignASN1(rand.Reader, curve, sum[:])
				if err != nil {
					panic(err)
				}
				return base64.StdEncoding.EncodeToString(signature)
			},
		},
	}
}

// Who has seen one webhook cannot make another one of it by moving bytes between
// the signed time and the body, nor have it delivered twice.
func TestBytesMovedBetweenTimeAndBody(t *testing.T) {
	const inner = `{"name":"payout.paid","type":"payout.paid","id":"evil","amount":1}`
	const body = `{"name":"customer.updated","type":"customer.updated","id":"e1","data":{"metadata":` + inner + `}}`
	for _, p := range bareTimes(t) {
		for _, replay := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, replay %t", p.name, replay), func(t *testing.T) {
				up := webhooktest.NewUpstream(t)
				config := endpoint(up, p.name+" "+p.key)
				if replay {
					config = remembering(t, up, p.name+" "+p.key)
				}
				srv := webhooktest.Start(t, config)
				content := p.stamp + body
				if p.after {
					content = body + p.stamp
				}
				signature := p.sign(content)
				send := func(stamp, body string) webhooktest.Response {
					return srv.Post("/hook", body, p.signature+": "+signature, p.time+": "+stamp)
				}
				checkStatus(t, send(p.stamp, body), 200)
				up.Only()
				// Each way to divide what is signed, at all places near the joint and
				// where an object begins or ends.
				joint := strings.Index(content, body)
				if p.after {
					joint = len(body)
				} else {
					joint = len(p.stamp)
				}
				for at := range len(content) {
					near := at-joint < 40 && joint-at < 40
					if at == joint || !near && !strings.Contains("{}", content[at:at+1]) {
						continue
					}
					stamp, rest := content[:at], content[at:]
					if p.after {
						stamp, rest = rest, stamp
					}
					if answer := send(stamp, rest); answer.Status != 400 && answer.Status != 401 {
						t.Errorf("%d bytes moved: answer is %d", at-joint, answer.Status)
					}
				}
				up.None()
			})
		}
	}
}

// A retry has the id of the first attempt, a later time and another signature.
// The app sees one of them, from every provider of Standard Webhooks.
func TestReplayOfRetries(t *testing.T) {
	const key = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	decoded, _ := base64.StdEncoding.DecodeString(key)
	for name, prefix := range map[string]string{
		"standard-webhooks": "webhook", "svix": "svix", "clerk": "svix", "resend": "svix", "openai": "webhook", "brex": "webhook",
		"render": "webhook", "replicate": "webhook", "supabase": "webhook", "gitlab-signing": "webhook",
	} {
		t.Run(name, func(t *testing.T) {
			up := webhooktest.NewUpstream(t)
			srv := webhooktest.Start(t, remembering(t, up, name+" whsec_"+key, "require_signed"))
			send := func(id string, at time.Time, body string) webhooktest.Response {
				stamp := fmt.Sprint(at.Unix())
				h := hmac.New(sha256.New, decoded)
				h.Write([]byte(id + "." + stamp + "." + body))
				return srv.Post("/hook", body, prefix+"-id: "+id, prefix+"-timestamp: "+stamp,
					prefix+"-signature: v1,"+base64.StdEncoding.EncodeToString(h.Sum(nil)))
			}
			now := time.Now()
			checkStatus(t, send("msg_1", now, `{"type":"user.created"}`), 200)
			up.Only()
			checkAnswer(t, send("msg_1", now.Add(30*time.Second), `{"type":"user.created"}`), 200, "")
			up.None()
			checkStatus(t, send("msg_2", now, `{"type":"user.created"}`), 200)
			up.Only()
		})
	}
}

// An item that was seen with other unsigned fields is not a new delivery.
func TestReplayOfSignedItems(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	key := strings.Repeat("8f", 32)
	srv := webhooktest.Start(t, remembering(t, up, "adyen "+key))
	decoded, _ := hex.DecodeString(key)
	h := hmac.New(sha256.New, decoded)
	h.Write([]byte("P1::Shop:m:7500:SEK:AUTHORISATION:true"))
	item := func(more string) string {
		return `{"NotificationRequestItem":{"pspReference":"P1","merchantAccountCode":"Shop","merchantReference":"m","amount":{"value":7500,"currency":"SEK"},` +
			`"eventCode":"AUTHORISATION","success":"true","additionalData":{"hmacSignature":"` + base64.StdEncoding.EncodeToString(h.Sum(nil)) + `"}` + more + `}}`
	}
	send := func(items ...string) webhooktest.Response {
		return srv.Post("/hook", `{"live":"true","notificationItems":[`+strings.Join(items, ",")+`]}`, "X-Tell: yes")
	}
	checkStatus(t, send(item("")), 200)
	up.Only()
	checkAnswer(t, send(item("")), 200, "")
	checkReason(t, send(item(`,"reason":"changed"`)), 409, "replayed")
	checkReason(t, send(item(""), item("")), 409, "replayed")
	up.None()
}
