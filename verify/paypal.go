package verify

import (
	"crypto/rsa"
	"fmt"
	"hash/crc32"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// paypalScheme is the signature of PayPal: RSA with SHA-256 over the delivery's
// id and time, the webhook's id and the CRC-32 of the body, with a certificate
// that the request names. Secrets are the webhook's id and, where it cannot be
// fetched, the certificate.
type paypalScheme struct {
	cache    *fetchCache
	webhooks []string
	keys     []*rsa.PublicKey // given instead of fetched
}

func newPayPal(secrets []string, fetcher Fetcher) (*paypalScheme, error) {
	s := &paypalScheme{cache: newFetchCache(fetcher)}
	for i, secret := range secrets {
		if !strings.HasPrefix(secret, "-----BEGIN") {
			s.webhooks = append(s.webhooks, secret)
			continue
		}
		parsed, err := parsePublicKey(secret)
		if err != nil {
			return nil, fmt.Errorf("secret %d: %w", i+1, err)
		}
		key, ok := parsed.key.(*rsa.PublicKey)
		if !ok {
			return nil, fmt.Errorf("secret %d is not an RSA key", i+1)
		}
		s.keys = append(s.keys, key)
	}
	if len(secrets) > 0 && len(s.webhooks) == 0 {
		return nil, fmt.Errorf("no webhook id is given; write the id that PayPal shows for the webhook as a secret")
	}
	return s, nil
}

// coverage: a CRC-32 can be forged for any body, so it binds none.
func (*paypalScheme) coverage() Coverage { return SignedFields }

// paypalHeaders are the headers that a signature consists of.
var paypalHeaders = []string{
	"Paypal-Transmission-Id", "Paypal-Transmission-Time", "Paypal-Transmission-Sig", "Paypal-Auth-Algo", "Paypal-Cert-Url",
}

func (s *paypalScheme) admit(m *message) error {
	_, err := s.headers(m)
	return err
}

func (s *paypalScheme) headers(m *message) ([]string, error) {
	values := make([]string, len(paypalHeaders))
	for i, name := range paypalHeaders {
		value, present, err := single(name, m.Header[name])
		switch {
		case err != nil:
			return nil, refuse(BadSignature, "ambiguous: %v", err)
		case !present || value == "":
			return nil, refuse(MissingSignature, "header.%s is absent or empty", name)
		}
		values[i] = value
	}
	if values[3] != "SHA256withRSA" {
		return nil, refuse(BadSignature, "the algorithm is %.40q, not SHA256withRSA", values[3])
	}
	return values, nil
}

func (s *paypalScheme) verify(m *message) error {
	values, err := s.headers(m)
	if err != nil {
		return err
	}
	signature, err := decodeBase64(nil, values[2])
	if err != nil {
		return refuse(BadSignature, "header.%s is not base64", paypalHeaders[2])
	}
	keys, err := s.signingKeys(values[4], m.Received)
	if err != nil {
		return err
	}
	sum := strconv.FormatUint(uint64(crc32.ChecksumIEEE(m.Body.Bytes())), 10)
	for _, webhook := range s.webhooks {
		signed := strings.Join([]string{values[0], values[1], webhook, sum}, "|")
		for _, key := range keys {
			if checkSignature("rsa_sha256", key, []byte(signed), signature) {
				return nil
			}
		}
	}
	return refuse(BadSignature, "header.%s does not match; %d webhook id(s) were tried", paypalHeaders[2], len(s.webhooks))
}

// paypalCertificate pins host and path: an attacker who could choose either
// would sign with a certificate of his own.
var paypalCertificate = regexp.MustCompile(`^https://api(?:\.sandbox)?\.paypal\.com/v1/notifications/certs/[A-Za-z0-9_-]+$`)

func (s *paypalScheme) signingKeys(certificateURL string, now time.Time) ([]*rsa.PublicKey, error) {
	if len(s.keys) > 0 {
		return s.keys, nil
	}
	if !paypalCertificate.MatchString(certificateURL) {
		return nil, refuse(BadSignature, "the certificate's URL is not one of PayPal")
	}
	content, err := s.cache.get(certificateURL, now)
	if err != nil {
		return nil, refuse(KeysUnavailable, "the certificate could not be fetched: %v", err)
	}
	parsed, err := parsePublicKey(string(content))
	key, ok := parsed.key.(*rsa.PublicKey)
	if err != nil || !ok {
		return nil, refuse(BadSignature, "the fetched certificate has no RSA key")
	}
	return []*rsa.PublicKey{key}, nil
}
