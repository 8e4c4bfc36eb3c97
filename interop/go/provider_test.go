package interop

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// providers are all that this package tests.
var providers = []*provider{stripeProvider, svixProvider, standardProvider, slackProvider, twilioProvider, paddleProvider, lineProvider}

// provider joins a preset with the library of its maker.
type provider struct {
	preset  string
	secret  string // what Caddy is given first
	older   string // what Caddy is given too, as while secrets are rotated
	other   string // what Caddy is not given
	options string // further lines of the block

	// The headers that make up the signature, the one that holds the MAC first.
	headers []string

	// The signature states a time, and the library has a window for it.
	timed bool

	// sign signs a message as the provider would: by its library where that
	// can sign, else as its documentation says.
	sign func(secret string, at time.Time, m *message)

	// verify is the library's verdict.
	verify func(secret string, m message) error

	samples []sample

	// more returns trials that only this provider has.
	more func(p *provider) []trial

	// The trials in which the library and Caddy differ, by name.
	differ map[string]difference

	// The trials that Caddy refuses as malformed instead of as wrongly signed,
	// and why.
	malformed map[string]string

	// What is signed are fields of the body: if they cannot be read, the
	// request is malformed.
	fields bool
}

// sample is a request of a provider and what Caddy must find in it.
type sample struct {
	name   string
	method string // default: POST
	query  string
	typ    string // default: application/json
	body   string
	event  string
	id     string
}

// trial is a request that a library and Caddy judge.
type trial struct {
	name    string
	message message
	secret  string // for the library; default: the provider's
	good    bool   // both must accept it; else both must refuse it
}

// difference is a trial whose verdicts differ, for a reason.
type difference struct {
	accepts string // who accepts: library or caddy
	status  int    // Caddy's answer if it refuses; default: 401
	why     string
}

const (
	library = "library"
	caddy   = "caddy"
)

func (p *provider) path() string { return "/" + p.preset }

// unsigned makes a message of a sample.
func (p *provider) unsigned(s sample) message {
	m := message{method: s.method, uri: p.path() + s.query, header: make(http.Header), body: []byte(s.body)}
	if m.method == "" {
		m.method = http.MethodPost
	}
	switch {
	case s.typ != "":
		m.header.Set("Content-Type", s.typ)
	case s.body != "":
		m.header.Set("Content-Type", "application/json; charset=utf-8")
	}
	return m
}

// signed makes a message of a sample that is signed now.
func (p *provider) signed(s sample) message { return p.signedBy(p.secret, time.Now(), s) }

func (p *provider) signedBy(secret string, at time.Time, s sample) message {
	m := p.unsigned(s)
	p.sign(secret, at, &m)
	return m
}

// run sends all samples, all trials and the sweep.
func (p *provider) run(t *testing.T) {
	for _, s := range p.samples {
		t.Run("sample "+s.name, func(t *testing.T) { p.runSample(t, s) })
	}
	trials := append(p.spoilt(), p.more(p)...)
	for _, trial := range trials {
		t.Run(trial.name, func(t *testing.T) { p.runTrial(t, trial) })
	}
	p.requireTrials(t, trials)
	t.Run("sweep", p.sweep)
}

// requireTrials checks that all exceptions belong to trials.
func (p *provider) requireTrials(t *testing.T, trials []trial) {
	names := make(map[string]bool)
	for _, trial := range trials {
		names[trial.name] = true
	}
	for name := range p.differ {
		if !names[name] {
			t.Errorf("there is no trial %q", name)
		}
	}
	for name := range p.malformed {
		if !names[name] {
			t.Errorf("there is no trial %q", name)
		}
	}
}

// runSample sends a rightly signed request. What arrives behind Caddy must
// still be good for the library, so that an app can check again.
func (p *provider) runSample(t *testing.T, s sample) {
	m := p.signed(s)
	if err := p.verify(p.secret, m); err != nil {
		t.Fatalf("the library refuses it: %v", err)
	}
	got := m.send(t).requirePassed(t, m)
	if err := p.verify(p.secret, got); err != nil {
		t.Errorf("the library refuses what the app got: %v", err)
	}
	for name, want := range map[string]string{
		"Webhook-Provider": p.preset, "Webhook-Event": s.event, "Webhook-Delivery-Id": s.id,
	} {
		if value := strings.Join(got.header.Values(name), "|"); value != want {
			t.Errorf("the app got %s: %q; want %q", name, value, want)
		}
	}
}

// runTrial compares the verdicts of the library and of Caddy.
func (p *provider) runTrial(t *testing.T, trial trial) {
	secret := trial.secret
	if secret == "" {
		secret = p.secret
	}
	byLibrary, byCaddy := trial.good, trial.good
	if d, ok := p.differ[trial.name]; ok {
		byLibrary, byCaddy = d.accepts == library, d.accepts == caddy
	}
	status := http.StatusUnauthorized
	if _, ok := p.malformed[trial.name]; ok {
		status = http.StatusBadRequest
	}
	if err := p.verify(secret, trial.message); (err == nil) != byLibrary {
		t.Errorf("the library says %v; accepting it is %v", err, byLibrary)
	}
	a := trial.message.send(t)
	if byCaddy {
		a.requirePassed(t, trial.message)
	} else {
		a.requireRefused(t, status)
	}
}
