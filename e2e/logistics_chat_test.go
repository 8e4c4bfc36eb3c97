package e2e_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/internal/diagnose"
	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

// The message of the page that signs id, created_at and type, put into braces.
const chatMessage = `{"client_id":"string","created_at":"2021-08-05T00:54:27.918Z","sender":"SH","job_id":"string","notification_message":"Hi my name is Jose"}`

const chatTime = "2021-08-05T00:54:27.918Z"

func chatMAC(secret, content string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	_, _ = mac.Write([]byte(content))
	return hex.EncodeToString(mac.Sum(nil))
}

// Whoever writes, whatever his code, the app gets the message of the job.
func TestInstaleapChatSenders(t *testing.T) {
	srv, up := shipped(t, "instaleap-chat", "INSTALEAP_TOKEN=s3cret-chat")
	proof := []string{"X-Instaleap-Token: s3cret-chat", "Content-Type: application/json"}
	for _, sender := range []string{"SH", "SUP", "DRIVER", "DV", "PICKER", "AGENT", "a code of next year"} {
		deliver(t, srv, up, delivery{
			name: sender, path: "/instaleap-chat", headers: proof,
			body: strings.NewReplacer(`"SH"`, `"`+sender+`"`, `"job_id":"string"`, `"job_id":"job/1"`).Replace(chatMessage),
			uri:  "/jobs/job%2F1/messages", event: "chat.message", holds: `"from":"` + sender + `"`,
		})
	}
	deliver(t, srv, up,
		delivery{name: "no token", path: "/instaleap-chat", body: chatMessage, status: 401},
		delivery{name: "another token", path: "/instaleap-chat", body: chatMessage, headers: []string{"X-Instaleap-Token: other"}, status: 401},
	)
}

// Both editions of the signature are verified, and the ways to read the one whose
// fields a message does not have.
func TestInstaleapChatSignatures(t *testing.T) {
	up := webhooktest.NewUpstream(t)
	end := "\n\t\totherwise {\n\t\t\twebhook_proxy " + up.Addr() + "\n\t\t}\n\t}\n"
	srv := webhooktest.Start(t, site(`handle_webhook /v3 instaleap-chat a-secret {`+end+
		`handle_webhook /v1 instaleap-chat-v1 a-secret {`+end+
		`handle_webhook /undefined instaleap-chat-v1 a-secret {
		content "undefined&{body.created_at}&undefined"`+end))
	v1 := func(content string) []string { return []string{"InstaLeap-Signature: " + chatMAC("a-secret", content)} }
	v3 := func(secret, time string) []string {
		return []string{"InstaLeap-Signature-V3: t=" + time + ",v3=" + chatMAC(secret, time+"&string&SH&string")}
	}
	ok := func(name, path string, headers []string) delivery {
		return delivery{name: name, path: path, body: chatMessage, headers: headers, uri: path, event: "chat.message"}
	}
	bad := func(name, path string, headers []string) delivery {
		return delivery{name: name, path: path, body: chatMessage, headers: headers, status: 401}
	}
	deliver(t, srv, up,
		ok("version 3, the message's time", "/v3", v3("a-secret", chatTime)),
		ok("version 3, another time", "/v3", v3("a-secret", "2021-08-05T00:55:00.000Z")),
		bad("version 3, another secret", "/v3", v3("another", chatTime)),
		ok("absent fields are empty", "/v1", v1("&"+chatTime+"&")),
		bad("absent fields are undefined, without content", "/v1", v1("undefined&"+chatTime+"&undefined")),
		ok("absent fields are undefined", "/undefined", v1("undefined&"+chatTime+"&undefined")),
		bad("absent fields are empty, with other content", "/undefined", v1("&"+chatTime+"&")),
		bad("no signature", "/v1", nil),
	)
}

// The example with content of its own takes the time from the body.
func TestInstaleapChatContent(t *testing.T) {
	srv, up := shipped(t, "instaleap-chat-content", "INSTALEAP_SECRET=s3cret-chat")
	signed := "t=2030-01-01T00:00:00Z,v3=" + chatMAC("s3cret-chat", chatTime+"&string&SH&string")
	deliver(t, srv, up,
		delivery{
			name: "right", path: "/instaleap-chat", body: chatMessage, headers: []string{"InstaLeap-Signature-V3: " + signed},
			uri: "/instaleap-chat", event: "chat.message",
		},
		delivery{
			name: "another job", path: "/instaleap-chat", body: strings.Replace(chatMessage, `"job_id":"string"`, `"job_id":"other"`, 1),
			headers: []string{"InstaLeap-Signature-V3: " + signed}, status: 401,
		},
	)
}

// diagnose finds whichever edition a saved message is signed by, and the line to
// write.
func TestInstaleapChatDiagnosed(t *testing.T) {
	for _, test := range []struct{ header, value, provider, line string }{
		{"InstaLeap-Signature-V3", "t=" + chatTime + ",v3=" + chatMAC("a-secret", chatTime+"&string&SH&string"), "instaleap-chat", ""},
		{"InstaLeap-Signature", chatMAC("a-secret", "&"+chatTime+"&"), "instaleap-chat-v1", ""},
		{"InstaLeap-Signature", chatMAC("a-secret", "undefined&"+chatTime+"&undefined"), "", "undefined&{body.created_at}&undefined"},
		{"InstaLeap-Signature", chatMAC("a-secret", "null&"+chatTime+"&null"), "", "null&{body.created_at}&null"},
	} {
		header := make(http.Header)
		header.Set("Content-Type", "application/json")
		header.Set(test.header, test.value)
		found, err := diagnose.Find(&diagnose.Request{
			Method: "POST", URL: &url.URL{Host: "hooks.example.com", Path: "/chat"}, Header: header,
			Body: []byte(chatMessage), Received: time.Date(2021, 8, 5, 0, 55, 0, 0, time.UTC),
		}, &diagnose.Input{Secrets: []string{"a-secret"}})
		if err != nil || found.Finding == nil {
			t.Fatalf("%s: not found: %v", test.value, err)
		}
		proposed := found.Caddyfile()
		if test.provider != "" && found.Finding.Provider != test.provider || !strings.Contains(proposed, test.line) {
			t.Errorf("%s: found %s, want %s %s:\n%s", test.value, found.Finding.Provider, test.provider, test.line, proposed)
		}
	}
}
