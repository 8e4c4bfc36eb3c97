package interop

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// The keys that Caddy signs with. That of Ed25519 is written both ways: as the
// seed, and as seed and public key.
var (
	signSecrets = []string{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_b2xkZXIgc2VjcmV0IG9mIHRoZSBlbmRwb2ludA=="}
	signSeed    = bytes.Repeat([]byte{7}, ed25519.SeedSize)
	signPrivate = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{8}, ed25519.SeedSize))
	signPublics = []ed25519.PublicKey{public(ed25519.NewKeyFromSeed(signSeed)), public(signPrivate)}
	otherSecret = "whsec_b3RoZXIgc2VjcmV0IG9mIHRoZSBlbmRwb2ludA=="
	otherPublic = public(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)))
)

func public(key ed25519.PrivateKey) ed25519.PublicKey { return key.Public().(ed25519.PublicKey) }

// signedRoutes sign what GitHub sent, as it is and after changes.
var signedRoutes = map[string]string{
	"/signed/plain":       signLines(),
	"/signed/rewritten":   "webhook_rewrite {\nset note `\"geändert 漢字\"`\n}\n" + signLines(),
	"/signed/cloudevents": "webhook_rewrite {\nas cloudevents\n}\n" + signLines(),
}

func signLines() string {
	encode := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("webhook_sign %s {\nsecret %s whsk_%s\nsecret whsk_%s\n}",
		signSecrets[0], signSecrets[1], encode(signSeed), encode(signPrivate))
}

func TestSigned(t *testing.T) {
	for path := range signedRoutes {
		for name, m := range map[string]message{
			"JSON":               fromGitHub(path, githubDelivery, "application/json", pushPayload),
			"form":               fromGitHub(path, githubDelivery, formType, pushForm),
			"no delivery id":     fromGitHub(path, "", "application/json", pushPayload),
			"dot in the id":      fromGitHub(path, "72d3162e.1763712000", "application/json", pushPayload),
			"no ASCII in the id": fromGitHub(path, "72d3162e größe", "application/json", pushPayload),
		} {
			t.Run(strings.TrimPrefix(path, "/signed/")+" "+name, func(t *testing.T) { testSigned(t, m) })
		}
	}
}

func testSigned(t *testing.T, m message) {
	got := m.send(t).requireMade(t)
	for _, name := range []string{"Webhook-Id", "Webhook-Timestamp", "Webhook-Signature"} {
		if values := got.header[name]; len(values) != 1 {
			t.Fatalf("the app got %s: %q", name, values)
		}
	}
	if delivery := m.header.Get("X-GitHub-Delivery"); delivery == githubDelivery && got.header.Get("Webhook-Id") != delivery {
		t.Errorf("the id is %q; want that of GitHub", got.header.Get("Webhook-Id"))
	}
	if n := len(strings.Fields(got.header.Get("Webhook-Signature"))); n != len(signSecrets)+len(signPublics) {
		t.Errorf("there are %d signatures", n)
	}
	requireVerdicts(t, "as the app got it", got, true)
	for what, change := range map[string]func(*message){
		"first byte of the body changed": func(m *message) { m.body[0] ^= 1 },
		"last byte of the body changed":  func(m *message) { m.body[len(m.body)-1] ^= 1 },
		"byte added to the body":         func(m *message) { m.body = append(m.body, ' ') },
		"no body":                        func(m *message) { m.body = nil },
		"id changed":                     func(m *message) { m.header.Set("Webhook-Id", "msg_other") },
		"time changed": func(m *message) {
			at, _ := strconv.ParseInt(m.header.Get("Webhook-Timestamp"), 10, 64)
			m.header.Set("Webhook-Timestamp", fmt.Sprint(at-1))
		},
	} {
		requireVerdicts(t, what, got.with(change), false)
	}

	again := m.send(t).requireMade(t)
	if first, retry := got.header.Get("Webhook-Id"), again.header.Get("Webhook-Id"); first != retry {
		t.Errorf("the id is %q, that of a retry %q", first, retry)
	}
	requireVerdicts(t, "retry", again, true)
}

// requireVerdicts asks for the verdict of each key that Caddy has, and of one
// that it does not have.
func requireVerdicts(t *testing.T, what string, m message, good bool) {
	t.Helper()
	for i, secret := range append(slices.Clone(signSecrets), otherSecret) {
		webhook, err := standardwebhooks.NewWebhook(secret)
		if err != nil {
			t.Fatal(err)
		}
		want := good && i < len(signSecrets)
		if err := webhook.Verify(m.body, m.request().Header); (err == nil) != want {
			t.Errorf("%s: with secret %d the library says %v; accepting it is %v", what, i+1, err, want)
		}
	}
	for i, key := range append(slices.Clone(signPublics), otherPublic) {
		want := good && i < len(signPublics)
		if accepts := verifyV1a(key, m); accepts != want {
			t.Errorf("%s: with Ed25519 key %d it is good: %v; want %v", what, i+1, accepts, want)
		}
	}
}

// verifyV1a verifies the signatures by Ed25519 as the specification says: the
// library knows only symmetric ones.
func verifyV1a(key ed25519.PublicKey, m message) bool {
	header := m.request().Header
	content := slices.Concat([]byte(header.Get("webhook-id")+"."+header.Get("webhook-timestamp")+"."), m.body)
	return slices.ContainsFunc(strings.Split(header.Get("webhook-signature"), " "), func(entry string) bool {
		encoded, ok := strings.CutPrefix(entry, "v1a,")
		signature, err := base64.StdEncoding.DecodeString(encoded)
		return ok && err == nil && ed25519.Verify(key, content, signature)
	})
}
