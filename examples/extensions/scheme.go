package extensions

import (
	"crypto/hmac"
	"crypto/sha3"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

func init() { caddy.RegisterModule(new(SHA3)) }

// SHA3 is a scheme: HMAC (RFC 2104) with SHA3-256 (FIPS 202) of the body, in lower-case hex,
// in the header X-Signature-Sha3. A provider has it by `provider <name> sha3`.
type SHA3 struct{ logger *zap.Logger }

// CaddyModule returns the Caddy module information. The name of the scheme is the last
// part of the id.
func (*SHA3) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "webhooks.schemes.sha3", New: func() caddy.Module { return new(SHA3) }}
}

// Provision is called once for a configuration, before the first NewScheme.
func (s *SHA3) Provision(ctx caddy.Context) error {
	s.logger = ctx.Logger()
	return nil
}

// NewScheme makes what verifies the requests of one endpoint. Without secrets it is
// asked whether the description can be used.
func (s *SHA3) NewScheme(spec *verify.Spec, secrets []string) (verify.Scheme, error) {
	for i, secret := range secrets {
		if len(secret) < leastSecret {
			return nil, fmt.Errorf("secret %d of %s has %d bytes; it must have %d", i+1, spec.Name, len(secret), leastSecret)
		}
	}
	s.logger.Debug("scheme made", zap.String("provider", spec.Name), zap.Int("secrets", len(secrets)))
	return &signer{secrets}, nil
}

// signer verifies, with any of its secrets.
type signer struct{ secrets []string }

const (
	signatureHeader = "X-Signature-Sha3"
	leastSecret     = 16 // bytes
)

// Admit refuses what can be refused before the body is read.
func (*signer) Admit(r *verify.Request) error {
	if r.Header.Get(signatureHeader) == "" {
		return &verify.Error{Reason: verify.MissingSignature, Detail: "no header " + signatureHeader}
	}
	return nil
}

// Verify checks the signature, which covers the body.
func (s *signer) Verify(r *verify.Request) (verify.Coverage, error) {
	got, err := hex.DecodeString(r.Header.Get(signatureHeader))
	if err != nil {
		return verify.SignedNothing, &verify.Error{Reason: verify.BadSignature, Detail: "the signature is not hex"}
	}
	for _, secret := range s.secrets {
		if hmac.Equal(got, sum(secret, r.Body.Bytes())) {
			return verify.SignedBody, nil
		}
	}
	return verify.SignedNothing, &verify.Error{Reason: verify.BadSignature, Detail: "the signature is another one"}
}

// Sign lets `caddy webhooks send` and the test cases of a configuration make requests.
func (s *signer) Sign(r *verify.Request) error {
	if len(s.secrets) == 0 {
		return errors.New("there is no secret to sign with")
	}
	r.Header.Set(signatureHeader, hex.EncodeToString(sum(s.secrets[0], r.Body.Bytes())))
	return nil
}

func sum(secret string, body []byte) []byte {
	mac := hmac.New(func() hash.Hash { return sha3.New256() }, []byte(secret))
	mac.Write(body)
	return mac.Sum(nil)
}

// Interface guards
var (
	_ caddy.Provisioner    = (*SHA3)(nil)
	_ verify.SchemeFactory = (*SHA3)(nil)
	_ verify.SchemeSigner  = (*signer)(nil)
)
