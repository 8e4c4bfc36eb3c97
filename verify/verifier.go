package verify

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Verifier checks the requests of one endpoint. It is safe for concurrent use.
type Verifier struct {
	provider       *Provider
	checks         []check
	handshakeToken *tokenScheme // nil where none is configured
	signed         Coverage
	methods        []string
	sources        []netip.Prefix
	publicURL      *url.URL
	confirms       *snsScheme // nil unless it may confirm subscriptions
	spec           *Spec      // as it is without the operator's corrections
	options        options
}

// Option changes how New builds a Verifier.
type Option func(*options)

type options struct {
	fetcher       Fetcher
	issued        func(token string, now time.Time) error
	keySet        *KeySet
	compileClaims func(source string) (ClaimsRule, error)
}

// WithFetcher sets how certificates of providers are fetched.
func WithFetcher(fetcher Fetcher) Option {
	return func(o *options) { o.fetcher = fetcher }
}

// WithIssued sets what decides about tokens of an issuer, which Config.Issued
// names. An error of another type than *Error means that a token cannot be
// decided about now.
func WithIssued(decide func(token string, now time.Time) error) Option {
	return func(o *options) { o.issued = decide }
}

// New joins what a provider does with what an operator wants. The credentials
// of config are taken as they are, without placeholders.
func New(spec *Spec, config *Config, opts ...Option) (*Verifier, error) {
	o := options{fetcher: NewFetcher()}
	for _, opt := range opts {
		opt(&o)
	}
	if err := config.validate(spec); err != nil {
		return nil, err
	}
	provider, err := Compile(config.Effective(spec))
	if err != nil {
		return nil, err
	}
	v := &Verifier{provider: provider, methods: provider.methods(), signed: SignedNothing, spec: spec, options: o}
	if v.sources, err = parsePrefixes(config.Sources, spec); err != nil {
		return nil, err
	}
	if v.publicURL, err = parsePublicURL(config.PublicURL); err != nil {
		return nil, err
	}
	if err := v.addChecks(spec, config, &o); err != nil {
		return nil, err
	}
	if len(v.checks) == 0 && !config.Unverified {
		return nil, fmt.Errorf("the credentials given for %s prove nothing of its events", spec.Name)
	}
	if config.Tolerance == 0 && (len(config.Secrets) > 0 && len(provider.ways) > 1 || v.signed == SignedNothing) {
		provider.leaveWindows(v.signed)
	}
	return v, nil
}

// With returns a Verifier for the same endpoint with other credentials. It shares
// with this one what both have made of the provider, so that it takes little memory
// and time, and there may be one for each of many customers.
func (v *Verifier) With(config *Config, opts ...Option) (*Verifier, error) {
	if err := config.validate(v.spec); err != nil {
		return nil, err
	}
	other := &Verifier{
		provider: v.provider, methods: v.methods, signed: SignedNothing, sources: v.sources, publicURL: v.publicURL,
		spec: v.spec, options: v.options,
	}
	for _, opt := range opts {
		opt(&other.options)
	}
	if err := other.addChecks(v.spec, config, &other.options); err != nil {
		return nil, err
	}
	switch {
	case len(other.checks) == 0:
		return nil, fmt.Errorf("the credentials given for %s prove nothing of its events", v.spec.Name)
	case (other.signed == SignedNothing) != (v.signed == SignedNothing):
		// Then times count for one and not for the other.
		return New(v.spec, config, func(o *options) { *o = other.options })
	}
	return other, nil
}

// leaveWindows leaves out the provider's window where it signs no time: anybody
// can state one that is not signed. The first way signs what is said.
func (p *Provider) leaveWindows(first Coverage) {
	for i, way := range p.ways {
		signed := way.coverage()
		if i == 0 {
			signed = first
		}
		if signed == SignedNothing && way.Spec.Scheme != "jwt" {
			way.timestamp.tolerance = Off
		}
	}
}

// addChecks makes a check of each kind of credential.
func (v *Verifier) addChecks(spec *Spec, config *Config, o *options) error {
	tokens := config.Tokens
	switch {
	case len(config.Secrets) == 0:
	case v.provider.Spec.Scheme == "token":
		tokens = slices.Concat(config.Secrets, tokens)
	default:
		scheme, err := v.provider.newScheme(config.Secrets, o.fetcher)
		if err != nil {
			return err
		}
		v.checks = append(v.checks, scheme)
		v.signed = scheme.coverage()
		if sns, ok := scheme.(*snsScheme); ok && config.ConfirmSubscription {
			v.confirms = sns
		}
	}
	if config.JWT != nil {
		credential, err := newJWTCredential(spec, config.JWT, o)
		if err != nil {
			return err
		}
		v.checks = append(v.checks, credential)
	}
	if len(tokens) > 0 {
		token := newToken(v.provider, v.provider.token, v.provider.tokenPrefix, tokens)
		token.secrets = len(tokens) - len(config.Tokens)
		v.handshakeToken = token
		if spec := v.provider.Spec.Token; spec == nil || !spec.HandshakeOnly {
			v.checks = append(v.checks, token)
		}
	}
	for _, header := range config.TokenHeaders {
		v.checks = append(v.checks, newTokenHeader(v.provider, header))
	}
	if len(config.Basic) > 0 {
		v.checks = append(v.checks, newBasic(config.Basic))
	}
	if config.Issued != nil {
		if o.issued == nil {
			return errors.New("issued: the keys of tokens are not known here")
		}
		v.checks = append(v.checks, newIssued(config.Issued, o.issued))
	}
	return nil
}

// Published stands for the addresses that a provider publishes.
const Published = "published"

// parsePrefixes reads the addresses that an operator allows.
func parsePrefixes(entries []string, spec *Spec) ([]netip.Prefix, error) {
	var prefixes []netip.Prefix
	for _, entry := range entries {
		texts := []string{entry}
		if entry == Published {
			if texts = spec.Sources; len(texts) == 0 {
				return nil, fmt.Errorf("sources: %s publishes no addresses; list them", spec.Name)
			}
		}
		for _, text := range texts {
			prefix, err := parsePrefix(text)
			if err != nil {
				return nil, fmt.Errorf("sources: %w", err)
			}
			prefixes = append(prefixes, prefix)
		}
	}
	return prefixes, nil
}

func parsePrefix(text string) (netip.Prefix, error) {
	if address, err := netip.ParseAddr(text); err == nil {
		return netip.PrefixFrom(address, address.BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		return prefix, fmt.Errorf("%q is not an address or CIDR range", text)
	}
	return prefix.Masked(), nil
}

// Provider returns the provider with the operator's corrections.
func (v *Verifier) Provider() *Provider { return v.provider }

// Methods returns the HTTP methods that are accepted for events.
func (v *Verifier) Methods() []string { return v.methods }

func (v *Verifier) message(r *Request) *message {
	m := v.provider.message(r)
	m.publicURL = v.publicURL
	return m
}

// Admit refuses what can be refused before the body is read. Errors are of
// type *Error.
func (v *Verifier) Admit(r *Request) error {
	m := v.message(r)
	var handshake bool
	for i := range v.provider.handshakes {
		if h := &v.provider.handshakes[i]; h.matches(m) {
			handshake = true
			m.deferred = m.deferred || h.spec.Verify != "signature"
		}
	}
	if !handshake {
		if err := v.checkMethod(r); err != nil {
			return err
		}
	}
	if err := v.checkSource(r); err != nil {
		return err
	}
	if !m.deferred {
		if err := v.admit(m); err != nil {
			return err
		}
	}
	for _, encoding := range r.Header["Content-Encoding"] {
		if encoding != "" && !strings.EqualFold(encoding, "identity") {
			return refuse(BadEncoding, "a compressed body (%.40q) is not accepted", encoding)
		}
	}
	return checkCharset(r)
}

// admit checks the credentials as far as the head of the request goes.
func (v *Verifier) admit(m *message) error {
	for _, c := range v.checks {
		if err := c.admit(m); err != nil {
			return err
		}
	}
	return nil
}

// Verify checks an admitted request whose Body has been set. Errors are of
// type *Error.
func (v *Verifier) Verify(r *Request) (*Result, error) {
	if err := checkCharset(r); err != nil {
		return nil, err
	}
	m := v.message(r)
	if answer, err := v.handshake(m, false); answer != nil || err != nil {
		return &Result{Signed: SignedNothing, Handshake: answer}, err
	}
	if m.deferred {
		if err := v.admit(m); err != nil {
			return nil, err
		}
	}
	if err := m.refuseMark(v.signed); err != nil && len(v.provider.ways) == 1 {
		return nil, err
	}
	for _, c := range v.checks {
		if err := c.verify(m); err != nil {
			return nil, err
		}
	}
	signed := v.signed
	if m.covered != "" {
		signed = m.covered
	}
	if signed == SignedBody {
		m.Body.Trust()
	}
	result, err := m.result(signed)
	if err != nil {
		return nil, err
	}
	if v.confirms != nil {
		if result.Handshake, err = v.confirms.confirm(m); result.Handshake != nil || err != nil {
			return result, err
		}
	}
	result.Handshake, err = v.handshake(m, true)
	if err == nil && result.Handshake == nil {
		err = v.checkEvent(r)
	}
	return result, err
}

// refuseMark refuses a byte order mark before values that are signed.
func (m *message) refuseMark(signed Coverage) error {
	if m.Body.Marked() && signed == SignedFields && m.provider.signsOutOfBody() {
		return refuse(Malformed, "the body begins with a byte order mark; signed fields are read out of plain JSON only")
	}
	return nil
}

// checkEvent refuses a verified request that is no handshake, and no event that
// the operator wants.
func (v *Verifier) checkEvent(r *Request) error {
	if err := v.checkMethod(r); err != nil {
		return err
	}
	bodiless := r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodDelete
	if v.provider.Spec.Payload != "json" || bodiless && len(r.Body.Bytes()) == 0 {
		return nil
	}
	if err := r.Body.CheckJSON(); err != nil {
		return refuse(Malformed, "payload json: %v", err)
	}
	return nil
}

// checkSource refuses addresses that may not send.
func (v *Verifier) checkSource(r *Request) error {
	address := r.ClientIP.Unmap().WithZone("")
	inRange := func(p netip.Prefix) bool { return p.Contains(address) }
	if len(v.sources) == 0 || slices.ContainsFunc(v.sources, inRange) {
		return nil
	}
	return refuse(BadSource, "%s is not an allowed address", r.ClientIP)
}

// checkMethod refuses methods that the provider does not use for events.
func (v *Verifier) checkMethod(r *Request) error {
	if slices.Contains(v.methods, r.Method) {
		return nil
	}
	return refuse(BadMethod, "%s is not one of %s", r.Method, strings.Join(v.methods, ", "))
}
