package verify_test

import (
	"bufio"
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/route"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// preset is a built-in provider with one kind of its credentials, in one of the
// ways in which it signs.
type preset struct {
	whole    *verify.Spec   // in all ways
	spec     *verify.Spec   // in this one
	way      int            // from 1 on
	kind     string         // secret, token, basic or jwt
	receiver *verify.Config // what verifies
	sender   *verify.Config // what signs: the same, with private keys
}

// presets are all built-in providers with each kind of credentials that they
// say they offer. Each has keys of its own; those with another owner's name
// are other keys.
func presets(t testing.TB, owner string) []*preset {
	t.Helper()
	var all []*preset
	for _, name := range verify.BuiltinNames() {
		spec, _ := verify.Builtin(name)
		for _, kind := range spec.Credentials {
			if kind == "token" && spec.Token != nil && spec.Token.HandshakeOnly {
				continue // it proves nothing about events
			}
			for way := range spec.Ways() {
				if way == 0 || kind == "secret" {
					all = append(all, newWay(t, spec, kind, owner, way))
				}
			}
		}
	}
	return all
}

func newPreset(t testing.TB, spec *verify.Spec, kind, owner string) *preset {
	t.Helper()
	return newWay(t, spec, kind, owner, 0)
}

func newWay(t testing.TB, whole *verify.Spec, kind, owner string, way int) *preset {
	t.Helper()
	spec := whole.Ways()[way]
	p := &preset{whole: whole, spec: spec, way: way + 1, kind: kind, receiver: new(verify.Config), sender: new(verify.Config)}
	text := digest(spec.Name + kind + owner)
	switch kind {
	case "token":
		p.receiver.Tokens = []string{"token-" + text}
		p.sender.Tokens = p.receiver.Tokens
	case "basic":
		p.receiver.Basic = []verify.Account{{Username: "user", Password: "pass:" + text}}
		p.sender.Basic = p.receiver.Basic
	case "jwt":
		p.receiver.JWT, p.sender.JWT = tokensOf(t, spec, owner)
	case "secret":
		p.receiver.Secrets, p.sender.Secrets = secretsOf(t, spec, text, owner)
	default:
		t.Fatalf("%s: say here what %s credentials are", spec.Name, kind)
	}
	return p
}

// tokensOf are the credentials of receiver and sender for tokens of a provider
// that publishes its keys, one of which is given.
func tokensOf(t testing.TB, spec *verify.Spec, owner string) (receiver, sender *verify.JWTCredential) {
	t.Helper()
	key := keysOf(owner).rsa
	needed := func(keys string) *verify.JWTCredential {
		return &verify.JWTCredential{
			Keys: []string{keys}, Issuer: spec.JWT.Needs["issuer"], Audience: spec.JWT.Needs["audience"], Require: spec.JWT.Needs["require"],
		}
	}
	return needed(publicPEM(t, key)), needed(privatePEM(t, key))
}

// sampleClaims are those that the expressions of presets demand.
var sampleClaims = map[string]map[string]any{
	"google-pubsub":          {"email": "push@my-project.iam.gserviceaccount.com", "email_verified": true},
	"azure-event-grid-entra": {"appid": "4962773b-9cdb-44cf-a8bf-237846a00ab7"},
}

// secretsOf are the secrets of receiver and sender.
func secretsOf(t testing.TB, spec *verify.Spec, text, owner string) (receiver, sender []string) {
	t.Helper()
	keys := keysOf(owner)
	var private crypto.Signer
	switch {
	case spec.Scheme == "aws_sns":
		return []string{topic, publicPEM(t, keys.rsa)}, nil
	case spec.Scheme == "paypal":
		return []string{"WH-" + text, publicPEM(t, keys.rsa)}, []string{"WH-" + text}
	case spec.Scheme == "ed25519":
		private = keys.ed25519
	case spec.Scheme == "rsa_sha256", spec.Scheme == "rsa_sha1":
		private = keys.rsa
	case spec.Scheme == "ecdsa_p256", spec.JWT != nil && spec.JWT.Algorithms[0] == "ES256":
		private = keys.ecdsa
	default:
		shared := []string{sharedKey(t, spec.Key, text)}
		return shared, shared
	}
	return []string{publicPEM(t, private)}, []string{privatePEM(t, private)}
}

// sharedKey writes a key of 64 bytes as a provider writes its keys.
func sharedKey(t testing.TB, encoding, text string) string {
	t.Helper()
	switch encoding {
	case "", "utf8", "nfkd", "sha1":
		return text
	case "hex":
		return hex.EncodeToString([]byte(text))
	case "base64":
		return base64.StdEncoding.EncodeToString([]byte(text))
	case "whsec":
		return "whsec_" + base64.StdEncoding.EncodeToString([]byte(text))
	}
	t.Fatalf("say here how keys are written that are %s", encoding)
	return ""
}

func digest(text string) string { return hexOf(sha256.Sum256([]byte(text))) }

// keyring has a private key of each kind.
type keyring struct {
	rsa     *rsa.PrivateKey
	ecdsa   *ecdsa.PrivateKey
	ed25519 ed25519.PrivateKey
}

var keyrings sync.Map // by owner: func() *keyring

// keysOf returns the keys of an owner, which last as long as the tests.
func keysOf(owner string) *keyring {
	made, _ := keyrings.LoadOrStore(owner, sync.OnceValue(func() *keyring {
		k := new(keyring)
		var err error
		if k.rsa, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
			panic(err)
		}
		if k.ecdsa, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			panic(err)
		}
		if _, k.ed25519, err = ed25519.GenerateKey(rand.Reader); err != nil {
			panic(err)
		}
		return k
	}))
	return made.(func() *keyring)()
}

func publicPEM(t testing.TB, key crypto.Signer) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

func privatePEM(t testing.TB, key crypto.Signer) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// sample is the provider's sample with the headers that each delivery has,
// without credentials.
func (p *preset) sample(t testing.TB) hook {
	t.Helper()
	files, err := filepath.Glob(fmt.Sprintf("../testdata/%s/way%d.*", p.spec.Name, p.way))
	if len(files) == 0 && err == nil {
		files, err = filepath.Glob("../testdata/" + p.spec.Name + "/sample.*")
	}
	if err != nil || len(files) != 1 {
		t.Fatalf("%s has the samples %q; want one", p.spec.Name, files)
	}
	content, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	h := hook{body: string(content)}
	switch contentType := map[string]string{
		".json": "application/json", ".form": "application/x-www-form-urlencoded",
		".txt": "text/plain", ".xml": "application/xml",
	}[filepath.Ext(files[0])]; {
	case contentType != "":
		h.header = with("Content-Type", contentType)
	case filepath.Ext(files[0]) == ".http":
		h = readRequest(t, files[0], content)
	default:
		t.Fatalf("%s: say here of which type it is", files[0])
	}
	for _, source := range p.spec.ID[:min(len(p.spec.ID), 1)] {
		if name, ok := strings.CutPrefix(source, "header."); ok && h.header.Get(name) == "" {
			h.header.Set(name, "delivery-1")
		}
	}
	return h
}

func readRequest(t testing.TB, file string, content []byte) hook {
	t.Helper()
	request, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(content)))
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	body, err := io.ReadAll(request.Body)
	if err != nil || request.Host != "hooks.example.com" || request.URL.Path != "/"+filepath.Base(filepath.Dir(file)) {
		t.Fatalf("%s: %s%s, %v; want hooks.example.com and the provider's name", file, request.Host, request.URL.Path, err)
	}
	request.Header.Del("Content-Length")
	return hook{
		method: request.Method, url: "https://" + request.Host + request.URL.RequestURI(),
		header: request.Header, body: string(body),
	}
}

// signed is a webhook with the provider's credentials.
func (p *preset) signed(t testing.TB, h hook) hook {
	t.Helper()
	h = h.clone()
	switch {
	case p.spec.Scheme == "aws_sns":
		return signSNS(t, h, keysOf("").rsa)
	case p.spec.Scheme == "paypal":
		return signPayPal(t, h, p.sender.Secrets[0], keysOf("").rsa)
	case p.kind == "token" && p.spec.Token != nil && strings.HasPrefix(p.spec.Token.From, "query."):
		return place{"query", strings.TrimPrefix(p.spec.Token.From, "query.")}.set(t, h, p.sender.Tokens[0])
	}
	v := p.verifier(t)
	r := h.request(t, v)
	if err := verify.SignWithClaims(p.spec, p.sender, r, sampleClaims[p.spec.Name]); err != nil {
		t.Fatalf("%s by %s: Sign: %v", p.spec.Name, p.kind, err)
	}
	h.header, h.body = r.Header, string(r.Body.Bytes())
	if p.kind == "secret" && p.spec.Signature != nil && strings.HasPrefix(p.spec.Signature.From[0], "query.") {
		target := mustURL(t, h.url)
		target.RawQuery = r.URL.RawQuery
		h.url = target.String()
	}
	return h
}

// good is the provider's sample with its credentials.
func (p *preset) good(t testing.TB) hook {
	t.Helper()
	return p.signed(t, p.sample(t))
}

func (p *preset) verifier(t testing.TB) *verify.Verifier {
	t.Helper()
	v, err := verify.New(p.whole, p.receiver, offline(t)...)
	if err != nil {
		t.Fatalf("%s by %s: %v", p.spec.Name, p.kind, err)
	}
	return v
}

// compiled is what is signed in this way.
func (p *preset) compiled(t testing.TB) *verify.Provider {
	t.Helper()
	provider, err := verify.Compile(p.spec)
	if err != nil {
		t.Fatal(err)
	}
	return provider
}

func (h hook) clone() hook {
	h.header = h.header.Clone()
	if h.header == nil {
		h.header = make(http.Header)
	}
	return h
}

// eachPreset runs a test for each preset.
func eachPreset(t *testing.T, test func(t *testing.T, p *preset)) {
	t.Helper()
	for _, p := range presets(t, "") {
		t.Run(fmt.Sprintf("%s/%s/%d", p.spec.Name, p.kind, p.way), func(t *testing.T) { test(t, p) })
	}
}

// nameless are the providers whose samples have no event, or no id although
// the description says where one is, and why.
var nameless = map[string]struct{ event, id string }{
	"instaleap-query": {event: "it asks"},
	"upstash-qstash":  {event: "it passes on what the receiver's own software sends"},
	"airship":         {event: "a delivery is a batch of sends of any kind"},
	"discord":         {id: "interactions have one, the webhook events of the sample do not"},
}

// What a provider sends is accepted, with the event's name and the delivery's
// id, which the expressions of a description may find.
func TestPresetsAccept(t *testing.T) {
	eachPreset(t, func(t *testing.T, p *preset) {
		v, h := p.verifier(t), p.good(t)
		r := h.request(t, v)
		result, refused := h.send(t, v)
		if refused != "" {
			t.Fatalf("refused for %q", refused)
		}
		if result.Handshake != nil {
			t.Fatalf("taken for a handshake: %+v", result.Handshake)
		}
		want := verify.SignedNothing
		if p.kind == "secret" && p.spec.Scheme != "token" {
			want = p.compiled(t).Coverage()
		}
		if result.Signed != want {
			t.Errorf("it signs %q; want %q", result.Signed, want)
		}
		identity, err := route.NewIdentity(v.Provider())
		if err != nil {
			t.Fatal(err)
		}
		event, err := route.NewEvent(v.Provider(), identity, r, result)
		if err != nil {
			t.Fatal(err)
		}
		why := nameless[p.spec.Name]
		if (event.Name == "") != (why.event != "") {
			t.Errorf("the event is %q; known reason for having none: %q", event.Name, why.event)
		}
		if (event.ID == "") != (why.id != "" || len(p.spec.ID) == 0) {
			t.Errorf("the id is %q; known reason for having none: %q", event.ID, why.id)
		}
		if event.Name != "" && len(p.spec.Events) > 0 && !slices.Contains(p.spec.Events, event.Name) {
			t.Errorf("the event %q is not in the catalogue", event.Name)
		}
	})
}

// A description can be read by people: it says what it is about, and its
// fields stand in one order.
func TestPresetFiles(t *testing.T) {
	order := []string{
		"name", "title", "docs", "evidence", "note", "credentials", "scheme", "hash", "key", "secret_prefix", "signature", "token", "jwt",
		"timestamp", "content", "headers", "url", "refuse_separators", "body_hash", "for_each", "require", "or", "form_field",
		"event", "id", "handshakes", "methods", "sources", "answer_within", "synchronous", "events",
		"event_sources", "synonyms", "categories", "personal", "secrets",
	}
	for _, name := range verify.BuiltinNames() {
		data, err := os.ReadFile("providers/" + name + ".json")
		if err != nil {
			t.Errorf("%s is not in the file of its name: %v", name, err)
			continue
		}
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(data, &fields); err != nil {
			t.Fatal(err)
		}
		for _, field := range []string{"name", "title", "docs", "note", "credentials"} {
			if value := string(fields[field]); value == "" || value == `""` || value == "[]" {
				t.Errorf("%s has no %s", name, field)
			}
		}
		names := memberNames(t, data)
		if !slices.IsSortedFunc(names, func(a, b string) int { return slices.Index(order, a) - slices.Index(order, b) }) {
			t.Errorf("%s has its fields in the order %q; want %q", name, names, order)
		}
		spec, _ := verify.Builtin(name)
		if err := spec.CheckEvidence(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if docs, err := url.Parse(spec.Docs); err != nil || docs.Scheme != "https" {
			t.Errorf("%s has the docs %q", name, spec.Docs)
		}
		for _, kind := range spec.Credentials {
			if !slices.Contains([]string{"secret", "token", "basic", "jwt"}, kind) {
				t.Errorf("%s has credentials of the kind %q", name, kind)
			}
		}
	}
}

// memberNames are the names of an object's members in their order.
func memberNames(t *testing.T, object []byte) []string {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(object))
	if _, err := dec.Token(); err != nil {
		t.Fatal(err)
	}
	var names []string
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, name.(string))
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			t.Fatal(err)
		}
	}
	return names
}
