package verify

import (
	"crypto/rsa"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
)

// snsScheme is the signature of Amazon SNS: RSA over some members of the JSON
// message, with a certificate that the message names. Secrets are the ARNs of
// the topics that may send, and, where it cannot be fetched, the certificate.
type snsScheme struct {
	provider *Provider
	cache    *fetchCache
	topics   []string
	keys     []*rsa.PublicKey // given instead of fetched
	fields   map[string]*field
}

// snsSigned are the signed members of each type of message, in their order.
var snsSigned = map[string][]string{
	"Notification":             {"Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"},
	"SubscriptionConfirmation": {"Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"},
	"UnsubscribeConfirmation":  {"Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"},
}

// snsOther are the members that are read besides the signed ones.
var snsOther = []string{"Signature", "SignatureVersion", "SigningCertURL"}

func newSNS(p *Provider, secrets []string, fetcher Fetcher) (*snsScheme, error) {
	s := &snsScheme{provider: p, cache: newFetchCache(fetcher), fields: make(map[string]*field)}
	for i, secret := range secrets {
		switch {
		case strings.HasPrefix(secret, "-----BEGIN"):
			parsed, err := parsePublicKey(secret)
			if err != nil {
				return nil, fmt.Errorf("secret %d: %w", i+1, err)
			}
			key, ok := parsed.key.(*rsa.PublicKey)
			if !ok {
				return nil, fmt.Errorf("secret %d is not an RSA key", i+1)
			}
			s.keys = append(s.keys, key)
		case topicRegion(secret) == "":
			return nil, fmt.Errorf("secret %d is not the ARN of a topic, such as arn:aws:sns:us-east-1:123456789012:name", i+1)
		default:
			s.topics = append(s.topics, secret)
		}
	}
	if len(secrets) > 0 && len(s.topics) == 0 {
		return nil, fmt.Errorf("no topic is given; write the ARN of each topic that may send as a secret")
	}
	for _, names := range append([][]string{snsOther}, snsSigned["Notification"], snsSigned["SubscriptionConfirmation"]) {
		for _, name := range names {
			f := &field{kind: bodyPath, path: payload.Path{name}}
			f.prepare(p.finder, true)
			s.fields[name] = f
		}
	}
	return s, nil
}

// coverage: the message and its attributes are signed, the rest is not used.
func (*snsScheme) coverage() Coverage { return SignedFields }

func (*snsScheme) admit(*message) error { return nil }

func (s *snsScheme) verify(m *message) error {
	values := make(map[string]string, len(s.fields))
	for name, f := range s.fields {
		value, present, err := m.text(f)
		if err != nil {
			return refuse(Malformed, "%v", err)
		}
		if m.holdsNoText(f) || present && !slices.Contains(snsOther, name) && splitsMessage(name, value) {
			return refuse(Malformed, "body.%s is not plain text", name)
		}
		if present {
			values[name] = value
		}
	}
	if values["Signature"] == "" {
		return refuse(MissingSignature, "body.Signature is absent or empty")
	}
	names, ok := snsSigned[values["Type"]]
	if !ok {
		return refuse(Malformed, "unknown type %.40q", values["Type"])
	}
	if _, present := values["Subject"]; present && !slices.Contains(names, "Subject") {
		return refuse(Malformed, "body.Subject is not signed in a %s", values["Type"])
	}
	for _, name := range names {
		if _, present := values[name]; !present && name != "Subject" {
			return refuse(Malformed, "body.%s is absent", name)
		}
	}
	topic := values["TopicArn"]
	if whichEqual(digests(s.topics), topic) == 0 {
		return refuse(BadSignature, "the topic %.200q is not one of those that may send", topic)
	}
	signature, err := decodeBase64(nil, values["Signature"])
	if err != nil {
		return refuse(BadSignature, "body.Signature is not base64")
	}
	scheme := map[string]string{"1": "rsa_sha1", "2": "rsa_sha256"}[values["SignatureVersion"]]
	if scheme == "" {
		return refuse(BadSignature, "unknown signature version %.20q", values["SignatureVersion"])
	}
	keys, err := s.signingKeys(values["SigningCertURL"], topicRegion(topic), m)
	if err != nil {
		return err
	}
	signed := snsContent(names, values)
	for _, key := range keys {
		if checkSignature(scheme, key, []byte(signed), signature) {
			return nil
		}
	}
	return refuse(BadSignature, "body.Signature does not match")
}

// confirm opens the SubscribeURL of a verified request to confirm the
// subscription of an allowed topic, if the message is one.
func (s *snsScheme) confirm(m *message) (*Answer, error) {
	kind, _, _ := m.text(s.fields["Type"])
	if kind != "SubscriptionConfirmation" {
		return nil, nil
	}
	topic, _, _ := m.text(s.fields["TopicArn"])
	target, _, _ := m.text(s.fields["SubscribeURL"])
	u, err := url.Parse(target)
	if err != nil || !isSNSHost(u, topicRegion(topic)) {
		return nil, refuse(Malformed, "the subscription's URL is not one of SNS in the topic's region")
	}
	if _, err := s.cache.get(target, m.Received); err != nil {
		return nil, refuse(Malformed, "the subscription could not be confirmed: %v", err)
	}
	return &Answer{Status: http.StatusOK}, nil
}

// snsContent is the text that is signed.
func snsContent(names []string, values map[string]string) string {
	var out strings.Builder
	for _, name := range names {
		if value, present := values[name]; present {
			_, _ = io.WriteString(&out, name+"\n"+value+"\n")
		}
	}
	return out.String()
}

// splitsMessage reports whether a value could be read as several members of
// the signed text, in which a line break is all that separates them. Only the
// message may have lines: it comes first, so what follows cannot be moved.
func splitsMessage(name, value string) bool {
	return name != "Message" && strings.ContainsAny(value, "\r\n")
}

// signingKeys returns the key of the certificate that the message names.
func (s *snsScheme) signingKeys(certificateURL, region string, m *message) ([]*rsa.PublicKey, error) {
	if len(s.keys) > 0 {
		return s.keys, nil
	}
	if !isSNSCertificate(certificateURL, region) {
		return nil, refuse(BadSignature, "the certificate's URL is not one of SNS in %s", region)
	}
	content, err := s.cache.get(certificateURL, m.Received)
	if err != nil {
		return nil, refuse(KeysUnavailable, "the certificate could not be fetched: %v", err)
	}
	parsed, err := parsePublicKey(string(content))
	if err != nil {
		return nil, refuse(BadSignature, "the fetched certificate: %v", err)
	}
	key, ok := parsed.key.(*rsa.PublicKey)
	if !ok {
		return nil, refuse(BadSignature, "the fetched certificate has no RSA key")
	}
	return []*rsa.PublicKey{key}, nil
}

var (
	snsTopic       = regexp.MustCompile(`^arn:aws(?:-cn|-us-gov)?:sns:([a-z]{2}(?:-[a-z]+)+-\d+):\d{12}:[A-Za-z0-9_.-]{1,256}$`)
	snsCertificate = regexp.MustCompile(`^/SimpleNotificationService-[A-Za-z0-9]+\.pem$`)
)

// topicRegion returns the region of a topic's ARN.
func topicRegion(arn string) string {
	if match := snsTopic.FindStringSubmatch(arn); match != nil {
		return match[1]
	}
	return ""
}

// isSNSCertificate pins the host, to the topic's own region, and the path: an
// attacker who could choose either would sign with a certificate of his own.
func isSNSCertificate(text, region string) bool {
	u, err := url.Parse(text)
	return err == nil && isSNSHost(u, region) && u.RawQuery == "" && snsCertificate.MatchString(u.Path)
}

// isSNSHost reports whether a URL is one of SNS in a region.
func isSNSHost(u *url.URL, region string) bool {
	host := "sns." + region + ".amazonaws.com"
	if strings.HasPrefix(region, "cn-") {
		host += ".cn"
	}
	return u.Scheme == "https" && u.User == nil && u.Host == host && u.Fragment == ""
}
