package diagnose_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/internal/diagnose"
)

// A body that another writer of JSON has written anew is found again, whatever
// it holds.
func TestRewritten(t *testing.T) {
	const sent = `{"z":"é","a":{"text":"<a href=\"/x\">\u0001\b& ` + "\u2028😀" + `</a>","n":12345678901234567890.10,"e":[],"o":{}},"l":[1,"\\",null,true]}`
	var indented bytes.Buffer
	if err := json.Indent(&indented, []byte(sent), "", "\t"); err != nil {
		t.Fatal(err)
	}
	for name, arrived := range map[string]string{
		"indented":             indented.String(),
		"escaped":              `{"z":"\u00e9","a":{"text":"\u003ca href=\"\/x\"\u003e\u0001\b\u0026 \u2028\ud83d\ude00\u003c/a\u003e","n":12345678901234567890.10,"e":[],"o":{}},"l":[1,"\\",null,true]}`,
		"with a line break":    sent + "\n",
		"with white space":     "  " + sent + "\r\n\r\n",
		"with spaces and more": `{ "z" : "é", "a": {"text": "<a href=\"/x\">\u0001\b& ` + "\u2028😀" + `</a>", "n": 12345678901234567890.10, "e": [ ], "o": { }}, "l": [1, "\\", null, true] }`,
	} {
		t.Run(name, func(t *testing.T) {
			target, _ := url.Parse("//hooks.example.com/github")
			r := &diagnose.Request{Method: "POST", URL: target, Header: http.Header{}, Body: []byte(arrived), Received: nearNow}
			r.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(code(nearSecret, sent)))
			d, err := diagnose.Find(r, &diagnose.Input{Secrets: []string{nearSecret}})
			if err != nil || d.Finding == nil || d.Finding.Provider != "github" || d.Finding.Change == "" {
				t.Errorf("found %+v, %v; want github, changed", d.Finding, err)
			}
		})
	}
}
