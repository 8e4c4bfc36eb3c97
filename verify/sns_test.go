package verify_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// topic is the topic of the sample.
const topic = "arn:aws:sns:eu-west-1:123456789012:example-orders"

// signSNS puts the signature of SNS into a message, by the version that the
// message states.
func signSNS(t testing.TB, h hook, key *rsa.PrivateKey) hook {
	t.Helper()
	names := []string{"Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"}
	if kind, _ := (place{"body", "Type"}).get(t, h); kind != "Notification" {
		names = []string{"Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"}
	}
	var content string
	for _, name := range names {
		if value, present := (place{"body", name}).get(t, h); present {
			content += name + "\n" + value + "\n"
		}
	}
	version, _ := place{"body", "SignatureVersion"}.get(t, h)
	return place{"body", "Signature"}.set(t, h, rsaSignature(t, key, version == "1", content))
}

// rsaSignature signs by SHA-256, or by SHA-1 where a scheme is that old.
func rsaSignature(t testing.TB, key *rsa.PrivateKey, legacy bool, content string) string {
	t.Helper()
	sum := sha256.Sum256([]byte(content))
	hash, digest := crypto.SHA256, sum[:]
	if legacy {
		old := sha1.Sum([]byte(content))
		hash, digest = crypto.SHA1, old[:]
	}
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, hash, digest)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(signature)
}

// fetcher answers from memory and remembers what it was asked for.
type fetcher struct {
	documents map[string]string
	before    func(url string) // called for each fetch, if set

	mu   sync.Mutex
	urls []string
}

func (f *fetcher) Fetch(_ context.Context, url string) ([]byte, error) {
	f.mu.Lock()
	f.urls = append(f.urls, url)
	f.mu.Unlock()
	if f.before != nil {
		f.before(url)
	}
	if document, ok := f.documents[url]; ok {
		return []byte(document), nil
	}
	return nil, errors.New("not found")
}

// fetched returns what was asked for since the last call.
func (f *fetcher) fetched() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	urls := f.urls
	f.urls = nil
	return urls
}

func (f *fetcher) expect(t *testing.T, want ...string) {
	t.Helper()
	if got := f.fetched(); !slices.Equal(got, want) {
		t.Errorf("fetched %q; want %q", got, want)
	}
}

const (
	snsHost      = "https://sns.eu-west-1.amazonaws.com"
	snsCertURL   = snsHost + "/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem"
	subscribeURL = snsHost + "/?Action=ConfirmSubscription&TopicArn=" + topic + "&Token=t1"
)

func newSNS(t testing.TB, config *verify.Config) (*verify.Verifier, *fetcher) {
	t.Helper()
	f := &fetcher{documents: map[string]string{snsCertURL: certificate(t, keysOf("aws").rsa), subscribeURL: "<ok/>"}}
	spec, _ := verify.Builtin("aws-sns")
	if config.Secrets == nil {
		config.Secrets = []string{topic}
	}
	v, err := verify.New(spec, config, verify.WithFetcher(f))
	if err != nil {
		t.Fatal(err)
	}
	return v, f
}

// snsMessage is the sample with other members, given as names and values in
// turn, signed by AWS. A member whose value is "-" is left out.
func snsMessage(t testing.TB, pairs ...string) hook {
	t.Helper()
	spec, _ := verify.Builtin("aws-sns")
	h := newPreset(t, spec, "secret", "").sample(t)
	h.header.Set("Content-Type", "text/plain; charset=UTF-8") // as SNS declares it
	return signSNS(t, withMembers(t, h, pairs...), keysOf("aws").rsa)
}

func withMembers(t testing.TB, h hook, pairs ...string) hook {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		at := place{"body", pairs[i]}
		if pairs[i+1] == "-" {
			h = at.drop(t, h)
			continue
		}
		h = at.set(t, h, pairs[i+1])
	}
	return h
}

// confirmation is a message of the other types.
func confirmation(t testing.TB, kind string, pairs ...string) hook {
	t.Helper()
	return snsMessage(t, append([]string{"Type", kind, "Subject", "-", "UnsubscribeURL", "-", "Token", "t1", "SubscribeURL", subscribeURL}, pairs...)...)
}

func TestSNSAccepts(t *testing.T) {
	v, f := newSNS(t, &verify.Config{})
	for _, version := range []string{"1", "2"} {
		messages := map[string]hook{
			"Notification":             snsMessage(t, "SignatureVersion", version),
			"SubscriptionConfirmation": confirmation(t, "SubscriptionConfirmation", "SignatureVersion", version),
			"UnsubscribeConfirmation":  confirmation(t, "UnsubscribeConfirmation", "SignatureVersion", version),
		}
		for kind, h := range messages {
			result, refused := h.send(t, v)
			if refused != "" || result.Event != kind || result.ID != "00000000-0000-4000-8000-000000000001" ||
				result.Signed != verify.SignedFields || result.Handshake != nil || result.Timestamp.IsZero() {
				t.Errorf("%s of version %s: %+v, %q", kind, version, result, refused)
			}
		}
		snsMessage(t, "SignatureVersion", version, "Subject", "-").expect(t, v, "")
		snsMessage(t, "SignatureVersion", version, "Subject", "").expect(t, v, "")
		snsMessage(t, "SignatureVersion", version, "Message", "Größe \"1\"\n\u2028<&>\\").expect(t, v, "")
		snsMessage(t, "SignatureVersion", version, "Message", "").expect(t, v, "")
	}
	f.expect(t, snsCertURL)
}

// The key may be given instead of being fetched, and is then the only one.
func TestSNSGivenKey(t *testing.T) {
	v, f := newSNS(t, &verify.Config{Secrets: []string{topic, certificate(t, keysOf("aws").rsa), publicPEM(t, keysOf("next").rsa)}})
	snsMessage(t).expect(t, v, "")
	signSNS(t, snsMessage(t), keysOf("next").rsa).expect(t, v, "")
	signSNS(t, snsMessage(t), keysOf("other").rsa).expect(t, v, verify.BadSignature)
	snsMessage(t, "SigningCertURL", "https://evil.example.com/x.pem").expect(t, v, "")
	f.expect(t)
}

func TestSNSRefuses(t *testing.T) {
	other := "arn:aws:sns:eu-west-1:123456789012:other"
	tests := []struct {
		name string
		hook hook
		want verify.Reason
	}{
		{"by another key", signSNS(t, snsMessage(t), keysOf("other").rsa), verify.BadSignature},
		{"no signature", withMembers(t, snsMessage(t), "Signature", "-"), verify.MissingSignature},
		{"empty signature", withMembers(t, snsMessage(t), "Signature", ""), verify.MissingSignature},
		{"signature that is no base64", withMembers(t, snsMessage(t), "Signature", "!"), verify.BadSignature},
		{"another topic", snsMessage(t, "TopicArn", other), verify.BadSignature},
		{"topic with more after it", snsMessage(t, "TopicArn", topic+"-2"), verify.BadSignature},
		{"topic in upper case", snsMessage(t, "TopicArn", strings.ToUpper(topic)), verify.BadSignature},
		{"another account", snsMessage(t, "TopicArn", strings.Replace(topic, "123456789012", "210987654321", 1)), verify.BadSignature},
		{"no topic", snsMessage(t, "TopicArn", "-"), verify.Malformed},
		{"no id", snsMessage(t, "MessageId", "-"), verify.Malformed},
		{"no message", snsMessage(t, "Message", "-"), verify.Malformed},
		{"no time", snsMessage(t, "Timestamp", "-"), verify.Malformed},
		{"no token", confirmation(t, "SubscriptionConfirmation", "Token", "-"), verify.Malformed},
		{"null for an id", hook{body: strings.Replace(snsMessage(t, "MessageId", "x").body, `"x"`, "null", 1)}, verify.Malformed},
		{"version 0", snsMessage(t, "SignatureVersion", "0"), verify.BadSignature},
		{"version 3", snsMessage(t, "SignatureVersion", "3"), verify.BadSignature},
		{"no version", snsMessage(t, "SignatureVersion", "-"), verify.BadSignature},
		{"version 1 for 2", withMembers(t, snsMessage(t, "SignatureVersion", "2"), "SignatureVersion", "1"), verify.BadSignature},
		{"version 2 for 1", withMembers(t, snsMessage(t), "SignatureVersion", "2"), verify.BadSignature},
		{"another message", withMembers(t, snsMessage(t), "Message", "other"), verify.BadSignature},
		{"another subject", withMembers(t, snsMessage(t), "Subject", "other"), verify.BadSignature},
		{"subject left out", withMembers(t, snsMessage(t), "Subject", "-"), verify.BadSignature},
		{"subject added", withMembers(t, snsMessage(t, "Subject", "-"), "Subject", "x"), verify.BadSignature},
		{"another id", withMembers(t, snsMessage(t), "MessageId", "other"), verify.BadSignature},
		{"another time", withMembers(t, snsMessage(t), "Timestamp", "2026-03-04T09:15:27.115Z"), verify.BadSignature},
		{"another token", withMembers(t, confirmation(t, "SubscriptionConfirmation"), "Token", "t2"), verify.BadSignature},
		{"another URL", withMembers(t, confirmation(t, "SubscriptionConfirmation"), "SubscribeURL", subscribeURL+"2"), verify.BadSignature},
		{"another type", withMembers(t, confirmation(t, "SubscriptionConfirmation"), "Type", "UnsubscribeConfirmation"), verify.BadSignature},
		{"unknown type", snsMessage(t, "Type", "Other"), verify.Malformed},
		{"type in lower case", snsMessage(t, "Type", "notification"), verify.Malformed},
		{"no type", snsMessage(t, "Type", "-"), verify.Malformed},
		{"not JSON", hook{body: "text"}, verify.Malformed},
		{"empty", hook{}, verify.Malformed},
		{"an array", hook{body: "[" + snsMessage(t).body + "]"}, verify.MissingSignature},
		{"in a string", hook{body: strconv.Quote(snsMessage(t).body)}, verify.MissingSignature},
		{"twice", hook{body: snsMessage(t).body + snsMessage(t).body}, verify.Malformed},
		{"message in another case", place{"body", "message"}.set(t, snsMessage(t), "other"), verify.Malformed},
		{"by GET", hook{method: "GET", body: snsMessage(t).body}, verify.BadMethod},
	}
	for _, name := range []string{"Type", "TopicArn", "Message", "MessageId", "Subject", "Timestamp", "Signature", "SignatureVersion", "SigningCertURL"} {
		value, _ := place{"body", name}.get(t, snsMessage(t))
		for _, order := range [][2]string{{value, "other"}, {"other", value}, {value, value}} {
			tests = append(tests, struct {
				name string
				hook hook
				want verify.Reason
			}{name + " twice", place{"body", name}.double(t, snsMessage(t), order[0], order[1]), verify.Malformed})
		}
	}
	v, f := newSNS(t, &verify.Config{})
	for _, test := range tests {
		if _, got := test.hook.send(t, v); got != test.want {
			t.Errorf("%s: refused for %q; want %q", test.name, got, test.want)
		}
	}
	f.expect(t, snsCertURL)
}

// A sender who could choose the certificate would sign with his own.
func TestSNSCertificateURL(t *testing.T) {
	const name = "/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem"
	v, f := newSNS(t, &verify.Config{})
	for _, url := range []string{
		"", "-", name, "http://sns.eu-west-1.amazonaws.com" + name, "ftp://sns.eu-west-1.amazonaws.com" + name, "//sns.eu-west-1.amazonaws.com" + name,
		"file://sns.eu-west-1.amazonaws.com" + name, "https://sns.us-east-1.amazonaws.com" + name, "https://sns.eu-west-1.amazonaws.com.evil.example" + name,
		"https://sns.eu-west-1.amazonaws.com.cn" + name, "https://evil.example" + name, "https://sns.eu-west-1.amazonaws.com:443" + name,
		"https://sns.eu-west-1.amazonaws.com:8443" + name, "https://user@sns.eu-west-1.amazonaws.com" + name, "https://sns.eu-west-1.amazonaws.com@evil.example" + name,
		"https://sns.eu-west-1.amazonaws.com\\@evil.example" + name, "https://sns.eu-west-1.amazonaws.com#@evil.example" + name,
		"https://evil.example/#sns.eu-west-1.amazonaws.com" + name, "https://evil.example?sns.eu-west-1.amazonaws.com" + name,
		"https://s3.eu-west-1.amazonaws.com" + name, "https://xsns.eu-west-1.amazonaws.com" + name, "https://sns-eu-west-1.amazonaws.com" + name,
		"https://sns.eu-west-1.amazonaws.com./" + name[1:], "https://sns.eu-west-1.amazonaws.com/x" + name, "https://sns.eu-west-1.amazonaws.com//" + name[1:],
		"https://sns.eu-west-1.amazonaws.com/evil.pem", "https://sns.eu-west-1.amazonaws.com/", "https://sns.eu-west-1.amazonaws.com/?Action=GetTopic",
		"https://sns.eu-west-1.amazonaws.com" + name + "?x=y", "https://sns.eu-west-1.amazonaws.com" + name + "#x", "https://sns.eu-west-1.amazonaws.com" + name + "/x",
		"https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-../x.pem", "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-.pem",
		"https://sns.eu-west-1.amazonaws.com" + strings.TrimSuffix(name, ".pem"), "https://sns.eu-west-1.amazonaws.com" + name + "\n", "https://127.0.0.1" + name,
		"https://[::1]" + name, "https:sns.eu-west-1.amazonaws.com" + name, "https://sns.eu-west-1.amazonaws.com" + strings.ToLower(name), "%", "https://%zz" + name,
	} {
		if _, got := snsMessage(t, "SigningCertURL", url).send(t, v); got != verify.BadSignature {
			t.Errorf("%q: refused for %q; want bad_signature", url, got)
		}
		f.expect(t)
	}
}

// The regions of China and of the government have their own hosts and names.
func TestSNSPartitions(t *testing.T) {
	for arn, host := range map[string]string{
		"arn:aws-cn:sns:cn-north-1:123456789012:orders":                  "sns.cn-north-1.amazonaws.com.cn",
		"arn:aws-us-gov:sns:us-gov-west-1:123456789012:orders":           "sns.us-gov-west-1.amazonaws.com",
		"arn:aws:sns:ap-southeast-2:123456789012:orders.fifo":            "sns.ap-southeast-2.amazonaws.com",
		"arn:aws:sns:us-east-1:123456789012:" + strings.Repeat("a", 256): "sns.us-east-1.amazonaws.com",
	} {
		v, f := newSNS(t, &verify.Config{Secrets: []string{arn}})
		url := "https://" + host + "/SimpleNotificationService-abc.pem"
		f.documents[url] = certificate(t, keysOf("aws").rsa)
		snsMessage(t, "TopicArn", arn, "SigningCertURL", url).expect(t, v, "")
		snsMessage(t, "TopicArn", arn).expect(t, v, verify.BadSignature)
		f.expect(t, url)
	}
	spec, _ := verify.Builtin("aws-sns")
	for _, arn := range []string{
		"orders", "arn:aws:sqs:eu-west-1:123456789012:orders", "arn:aws:sns:eu-west-1:123:orders", "arn:aws:sns::123456789012:orders", "arn:aws:sns:eu-west-1:123456789012:",
		"arn:aws:sns:eu-west-1.evil.example/-1:123456789012:x", "arn:aws:sns:eu-west-1:123456789012:orders:00000000-0000-4000-8000-000000000002", topic + "\n",
		"arn:aws:sns:*:123456789012:orders", "arn:aws:sns:eu-west-1:123456789012:*",
	} {
		if _, err := verify.New(spec, &verify.Config{Secrets: []string{arn}}); err == nil {
			t.Errorf("%q is taken for a topic", arn)
		}
	}
	for _, key := range []string{certificate(t, keysOf("").ecdsa), publicPEM(t, keysOf("").ed25519), "-----BEGIN CERTIFICATE-----\nx"} {
		if _, err := verify.New(spec, &verify.Config{Secrets: []string{topic, key}}); err == nil {
			t.Errorf("this is taken for a certificate of SNS: %s", key)
		}
	}
	if _, err := verify.New(spec, &verify.Config{Secrets: []string{certificate(t, keysOf("").rsa)}}); err == nil {
		t.Error("no topic is needed")
	}
}

func TestSNSFetchedDocuments(t *testing.T) {
	for name, document := range map[string]string{
		"nothing": "", "text": "<html>", "an ECDSA certificate": certificate(t, keysOf("aws").ecdsa), "a private key": privatePEM(t, keysOf("aws").rsa),
		"the certificate of another": certificate(t, keysOf("other").rsa),
	} {
		v, f := newSNS(t, &verify.Config{})
		f.documents[snsCertURL] = document
		if _, got := snsMessage(t).send(t, v); got != verify.BadSignature {
			t.Errorf("%s: refused for %q; want bad_signature", name, got)
		}
		f.expect(t, snsCertURL)
	}
}

// What was fetched is kept for a day, what failed for a minute.
func TestSNSFetchesSeldom(t *testing.T) {
	v, f := newSNS(t, &verify.Config{})
	good, document := snsMessage(t), f.documents[snsCertURL]
	at := func(after time.Duration, want verify.Reason) {
		t.Helper()
		h := good.clone()
		h.received = now.Add(after)
		h.expect(t, v, want)
	}
	delete(f.documents, snsCertURL)
	at(0, verify.KeysUnavailable)
	f.expect(t, snsCertURL)
	f.documents[snsCertURL] = document
	at(time.Second, verify.KeysUnavailable)
	at(time.Minute-1, verify.KeysUnavailable)
	f.expect(t)
	at(time.Minute, "")
	f.expect(t, snsCertURL)
	for range 50 {
		at(2*time.Minute, "")
	}
	at(24*time.Hour, "")
	f.expect(t)
	at(25*time.Hour, "")
	f.expect(t, snsCertURL)
	clear(f.documents) // the host is down when the certificate's day is over
	for range 3 {
		at(50*time.Hour, "")
	}
}

// Whoever knows the topic can name as many certificates as he likes.
func TestSNSFlood(t *testing.T) {
	v, f := newSNS(t, &verify.Config{})
	snsMessage(t).expect(t, v, "")
	const forged = 300
	for i := range forged {
		snsMessage(t, "SigningCertURL", snsHost+"/SimpleNotificationService-"+strconv.Itoa(i)+".pem").expect(t, v, verify.KeysUnavailable)
	}
	if n := len(f.fetched()); n > forged/3 {
		t.Errorf("%d forged messages made %d fetches", forged, n)
	}
	snsMessage(t).expect(t, v, "")
	if slices.Contains(f.fetched(), snsCertURL) {
		t.Error("the flood washed the good certificate away")
	}
}

// A certificate that does not come keeps no others waiting.
func TestSNSSlowFetch(t *testing.T) {
	v, f := newSNS(t, &verify.Config{})
	snsMessage(t).expect(t, v, "")
	const slowURL = snsHost + "/SimpleNotificationService-slow.pem"
	started, release := make(chan struct{}), make(chan struct{})
	f.before = func(url string) {
		if url == slowURL {
			close(started)
			<-release
		}
	}
	slow, fast := snsMessage(t, "SigningCertURL", slowURL), snsMessage(t)
	var waiting sync.WaitGroup
	waiting.Go(func() { slow.send(t, v) })
	<-started
	done := make(chan struct{})
	waiting.Go(func() {
		fast.send(t, v)
		close(done)
	})
	select {
	case <-done:
	case <-time.After(5 * time.Second):
		t.Error("a webhook whose certificate is known waits for another's")
	}
	close(release)
	waiting.Wait()
}
