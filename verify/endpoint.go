package verify

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Endpoint is what an operator wants of the requests of one provider: what
// verifies them, and what is to be done with those that are verified.
type Endpoint struct {
	Config

	// The name of this endpoint, which tells it from others in metrics, logs and
	// the inspector, by which its deliveries are remembered and tokens can be for
	// it alone. It should stay the same when a configuration is replaced. Two
	// endpoints with one name and different configurations are an error, unless
	// the name begins with / or @, as those do that the Caddyfile adapter makes of
	// the matcher. At most 128 bytes. Default: the provider.
	Name string `json:"endpoint,omitempty"`

	// How long deliveries are remembered, so that copies of them do not reach
	// the app, or "off". It needs credentials. Default: off.
	Replay Duration `json:"replay,omitempty"`

	// The statuses of the app's answers that the sender gets as a 502, because
	// providers disable an endpoint that answers so: codes such as "404" and
	// classes such as "3xx", from 300 on. "off" stands for none. Default: 3xx,
	// 401, 404, 410.
	MapStatus Statuses `json:"map_status,omitempty"`

	// Nothing can be read but what the provider signs: by matchers, routes,
	// rewrites, placeholders and the headers that the upstream gets. What a
	// Caddyfile shows to read more is an error while it is adapted; else a rule
	// fails, a rewrite is a 500, and a placeholder is empty. Default: false.
	RequireSigned bool `json:"require_signed,omitempty"`

	// Nothing is refused for its credentials, sender, method, time or payload: what
	// would be is handed on unverified, with the header `Webhook-Verified: false` and
	// the reason in `{http.webhook.error}`, and is counted. It is for the time before
	// refusals begin at an app that is live. What protects Caddy itself still refuses:
	// limits of size, time and memory. It allows neither `replay` nor `issued` nor
	// `require_signed`. Default: false.
	Observe bool `json:"observe,omitempty"`

	// The largest body in bytes. Default: 1048576 (1 MiB).
	MaxSize int64 `json:"max_size,omitempty"`

	// The longest time in which at least one webhook of the provider should
	// arrive and be verified. If none does, the source has fallen silent: that
	// is logged, counted and raised as the event `webhook_silent`. At least 10s.
	// Default: none is expected.
	ExpectEvery Duration `json:"expect_every,omitempty"`

	// When a signature is refused, try what may be wrong, and log what would
	// have verified: another secret, encoding, URL, provider or form of the body.
	// At most every 10 seconds for an endpoint, and only for bodies of up to 64
	// KiB. Neither the answer nor the log shows a secret or a right signature.
	// Default: false, unless the app says so for all.
	Diagnose bool `json:"diagnose,omitempty"`

	// Tell of each webhook that was accepted in the log, at the level INFO instead of
	// DEBUG. Default: false, unless the app says so for all.
	LogAccepted bool `json:"log_accepted,omitempty"`

	// What is kept of requests for the inspector. Default: what the webhooks
	// app says, else nothing.
	Inspect *Inspect `json:"inspect,omitempty"`
}

// DefaultMaxSize is the largest body, in bytes, where nothing else is said.
const DefaultMaxSize = 1 << 20

// EndpointName is the name of the endpoint.
func (e *Endpoint) EndpointName() string {
	if e.Name != "" {
		return e.Name
	}
	return e.Provider
}

// IsNamed reports whether somebody has given the endpoint a name: it is neither
// the provider's, nor made of a matcher.
func (e *Endpoint) IsNamed() bool {
	return e.Name != "" && e.Name != e.Provider && e.Name[0] != '/' && e.Name[0] != '@'
}

// maxEndpoint is how long an endpoint's name may be, in bytes.
const maxEndpoint = 128

// validateName refuses names that no metric can have, or that nobody can read.
func (e *Endpoint) validateName() error {
	unprintable := func(r rune) bool { return !unicode.IsPrint(r) }
	switch {
	case len(e.Name) > maxEndpoint:
		return fmt.Errorf("the endpoint's name is longer than %d bytes; write a shorter one: name <endpoint>", maxEndpoint)
	case !utf8.ValidString(e.Name) || strings.ContainsFunc(e.Name, unprintable):
		return fmt.Errorf("the endpoint's name %q has characters that cannot be printed; write another one: name <endpoint>", e.Name)
	}
	return nil
}

// minExpectEvery is the shortest silence that can be noticed.
const minExpectEvery = Duration(10 * time.Second)

// Check finds mistakes that can be seen while credentials are still placeholders.
func (e *Endpoint) Check(spec *Spec) error {
	if err := e.Config.Check(spec); err != nil {
		return err
	}
	return e.Validate(spec)
}

// Validate finds mistakes in what is to be done with requests that are verified.
func (e *Endpoint) Validate(spec *Spec) error {
	switch {
	case e.Unverified && e.Replay > 0:
		return errors.New("replay remembers verified deliveries; unverified, anybody could have events refused " +
			"as duplicates: remove replay, or write credentials")
	case e.ExpectEvery < 0 || e.ExpectEvery > 0 && e.ExpectEvery < minExpectEvery:
		return fmt.Errorf("expect_every must be at least %s", minExpectEvery)
	}
	if e.Inspect != nil {
		if err := e.Inspect.Check(); err != nil {
			return err
		}
	}
	return errors.Join(e.validateName(), e.validateSynchronous(spec), e.validateObserve(), e.MapStatus.validate())
}

// validateSynchronous refuses what would give a question another answer than the
// app's.
func (e *Endpoint) validateSynchronous(spec *Spec) error {
	if !e.Synchronous && !spec.Synchronous {
		return nil
	}
	why := "synchronous means that the sender gets the app's own answer"
	if !e.Synchronous {
		why = "the requests of " + spec.Name + " are questions, and the sender gets the app's own answer"
	}
	switch {
	case e.Replay > 0:
		return errors.New(why + ", but replay answers to copies itself; remove replay")
	case len(e.MapStatus) > 0 && e.MapStatus[0] != "off":
		return errors.New(why + ", whatever its status; remove map_status")
	}
	return nil
}

// validateObserve refuses what an unverified request must not have a part in.
func (e *Endpoint) validateObserve() error {
	switch {
	case !e.Observe:
		return nil
	case e.Replay > 0:
		return errors.New("observe lets unverified requests pass, and replay would remember them, so that anybody could have events " +
			"refused as duplicates; remove replay until you remove observe")
	case e.Issued != nil:
		return errors.New("observe lets unverified requests pass, so that a sender never learns that it has to fetch a token; " +
			"remove observe: a token that was issued here can be enforced at once")
	case e.RequireSigned:
		return errors.New("observe lets unverified requests pass, of which nothing is signed, so that require_signed would keep all of " +
			"them from their routes; remove require_signed until you remove observe")
	}
	return nil
}
