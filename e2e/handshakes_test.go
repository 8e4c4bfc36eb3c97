package e2e_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/internal/webhooktest"
)

// Handshakes and duplicates can be sent by the thousand, too. The log tells of few
// of them, and of how many there were.
func TestFloodsOfHandshakesAndDuplicates(t *testing.T) {
	setClock(t)
	srv := webhooktest.Start(t, site(`handle_webhook /dropbox dropbox test-secret {
		otherwise {
			respond 204
		}
	}
	handle_webhook /notion notion test-secret {
		otherwise {
			respond 204
		}
	}
	handle_webhook /hook github test-secret {
		replay 1h
		otherwise {
			respond 204
		}
	}`))
	const sent = 40
	for i := range sent {
		checkStatus(t, srv.Do(srv.NewRequest("GET", fmt.Sprint("/dropbox?challenge=abc", i), nil)), 200)
		checkStatus(t, srv.Post("/notion", fmt.Sprintf(`{"verification_token":"of-a-stranger-%d"}`, i), "Content-Type: application/json"), 200)
		checkStatus(t, push(srv, `{"a":"b"}`, "X-GitHub-Delivery: 1"), 204)
	}
	srv.Stop()
	for message, want := range map[string]int{
		"webhook handshake answered": 20, "more webhook handshakes were answered than are logged": 2,
		"webhook is a duplicate; the app does not see it": 10, "more webhooks were duplicates than are logged": 1,
	} {
		if found := srv.Log.Find(webhooktest.Message(message)); len(found) != want {
			t.Errorf("%q: %d entries, want %d", message, len(found), want)
		}
	}
	if log := srv.Log.String(); strings.Contains(log, "of-a-stranger") {
		t.Error("the log has a stranger's text")
	}
}

// A secret that the provider makes up is shown only while the operator waits for
// it, and until then no webhook passes, not even with the word that everybody knows.
func TestPendingSecret(t *testing.T) {
	const body, brought = `{"events":[]}`, "brought-by-a-handshake"
	config := func(secrets string) string {
		return site("handle_webhook /hook asana " + secrets + " {\n otherwise {\n respond 204\n }\n }")
	}
	for _, test := range []struct {
		secrets  string
		shown    bool
		accepted []string // keys
	}{
		{"pending", true, nil},
		{"test-secret pending", true, []string{"test-secret"}},
		{"test-secret", false, []string{"test-secret"}},
	} {
		t.Run(test.secrets, func(t *testing.T) {
			srv := webhooktest.Start(t, config(test.secrets))
			answer := srv.Post("/hook", "", "X-Hook-Secret: "+brought)
			checkStatus(t, answer, 200)
			if answer.Header.Get("X-Hook-Secret") != brought {
				t.Errorf("the handshake is answered with %v", answer.Header)
			}
			checkStatus(t, srv.Post("/hook", "", "X-Hook-Secret: "+strings.Repeat("x", 300)), 200)
			for _, key := range []string{"test-secret", "pending", "", brought} {
				want := 401
				for _, accepted := range test.accepted {
					if key == accepted {
						want = 204
					}
				}
				checkStatus(t, srv.Post("/hook", body, "X-Hook-Signature: "+webhooktest.HMAC(key, body)), want)
			}
			entries := srv.Log.Find(webhooktest.Message("webhook handshake answered"))
			if len(entries) != 2 || (entries[0].Text("unverified_secret") == brought) != test.shown || entries[0].Text("detail") == "" {
				t.Errorf("the log says %v", entries)
			}
			for _, entry := range entries {
				if entry.Text("to_configure") != "" || strings.Contains(fmt.Sprint(entry), "xxxx") {
					t.Errorf("the log says %v", entry)
				}
			}
		})
	}
}
