package webhooktest

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
)

// secretFields are the fields of a configuration that hold secrets: a string or
// a list of them.
var secretFields = []string{"secret", "secrets", "tokens", "values", "password", "keys"}

// minSecret is the length below which a secret is a word that anything may hold.
const minSecret = 8

// knowSecrets notes the secrets in a configuration, as they are and in the forms
// in which they could be written.
func (l *Log) knowSecrets(config []byte) {
	var root any
	if json.Unmarshal(config, &root) != nil {
		return // it will not load
	}
	var found []string
	eachObject(root, func(object map[string]any) {
		for _, name := range secretFields {
			found = append(found, stringsIn(object[name])...)
		}
	})
	replacer := caddy.NewReplacer()
	var forms []string
	for _, secret := range found {
		if secret = replacer.ReplaceKnown(secret, ""); len(secret) >= minSecret {
			forms = append(forms, secret, hex.EncodeToString([]byte(secret)), base64.RawStdEncoding.EncodeToString([]byte(secret)))
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.secrets = append(l.secrets, forms...)
}

// stringsIn returns a value that is a string, or the strings of a list.
func stringsIn(value any) []string {
	list, ok := value.([]any)
	if !ok {
		list = []any{value}
	}
	var all []string
	for _, element := range list {
		if text, ok := element.(string); ok {
			all = append(all, text)
		}
	}
	return all
}

// checkSecrets makes sure that no secret of a configuration that has run is in
// the log or in the metrics. What Caddy itself logs is left out: the headers of
// requests, save those that it knows to hold credentials, and the configuration.
func (l *Log) checkSecrets(t testing.TB, metrics string) {
	t.Helper()
	l.mu.Lock()
	secrets := l.secrets
	l.mu.Unlock()
	for _, entry := range l.Find(func(e Entry) bool { return e["msg"] != "adjusted config" }) {
		entry = entry.without("request")
		text, err := json.Marshal(entry)
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range secrets {
			if bytes.Contains(text, []byte(secret)) {
				t.Errorf("the secret %q is in the log: %s", secret, text)
			}
		}
	}
	for _, secret := range secrets {
		if strings.Contains(metrics, secret) {
			t.Errorf("the secret %q is in the metrics", secret)
		}
	}
}

func (e Entry) without(field string) Entry {
	rest := make(Entry, len(e))
	for name, value := range e {
		if name != field {
			rest[name] = value
		}
	}
	return rest
}

// metricsText returns the metrics of the running configuration.
func metricsText(t testing.TB) string {
	t.Helper()
	ctx := caddy.ActiveContext()
	if ctx.Context == nil {
		return "" // the test has stopped it
	}
	families, err := ctx.GetMetricsRegistry().Gather()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	for _, family := range families {
		out.WriteString(family.String())
	}
	return out.String()
}
