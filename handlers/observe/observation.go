package observe

import (
	"cmp"
	"crypto/sha256"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/caddy-webhooks/caddy-webhooks/handlers/webhook"
	"github.com/caddy-webhooks/caddy-webhooks/route"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// remindEvery is how often the log says that an endpoint still refuses nothing.
const remindEvery = 24 * time.Hour

// observation is what has come to an endpoint that only observes, since it has its
// configuration. It lives as long as the process, so that loading the same
// configuration again does not begin anew.
//
// A request is counted among what had come when it arrived: it takes hold of the counts
// before it takes hold of the credentials. When those change, they are replaced before
// the counts are. So what the old ones have decided is never counted for the new ones.
type observation struct {
	mu       sync.Mutex
	reminded time.Time
	counts   *counts
}

// counts are those since the endpoint has its credentials. The observation's lock is theirs.
type counts struct {
	since   time.Time         // zero until it has started
	passed  uint64            // verified
	refused map[string]uint64 // what would have been refused, by reason
	taken   uint64            // of these, what the app has not refused itself
}

func newCounts(since time.Time) *counts {
	return &counts{since: since, refused: make(map[string]uint64)}
}

// countsVar is the request variable that holds the *counts.
const countsVar = "webhook_observed"

// String keeps them out of answers that print all variables.
func (*counts) String() string { return "webhook" }

// arrived has a request be counted among what comes now.
func (s *observation) arrived(r *http.Request) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	caddyhttp.SetVar(r.Context(), countsVar, s.counts)
}

// observed is an endpoint with a configuration.
type observed struct {
	endpoint webhook.Endpoint
	config   [sha256.Size]byte
}

// observations are those of all endpoints that only observe.
var observations struct {
	sync.Mutex
	known map[observed]*observation
}

// Observe has the observer keep what would be refused. The configuration is what the
// numbers are good for: with another one they begin anew.
func (o *Observer) Observe(config []byte) {
	key := observed{o.Endpoint, sha256.Sum256(config)}
	observations.Lock()
	defer observations.Unlock()
	if observations.known == nil {
		observations.known = make(map[observed]*observation)
	}
	found := observations.known[key]
	if found == nil {
		found = &observation{counts: newCounts(time.Time{})}
		observations.known[key] = found
	}
	o.observation = found
	for _, reason := range observableReasons {
		o.wouldRefuse.WithLabelValues(string(reason)) // makes it, as 0, so that a first one shows as an increase
	}
}

// forgetObservations drops those that no running configuration has.
func forgetObservations(there map[*observation]bool) {
	observations.Lock()
	defer observations.Unlock()
	maps.DeleteFunc(observations.known, func(_ observed, o *observation) bool { return !there[o] })
}

// WouldRefuse tells of a webhook that passes although it would be refused.
func (o *Observer) WouldRefuse(r *http.Request, event *route.Event) {
	o.wouldRefuse.WithLabelValues(string(event.Refusal.Reason)).Inc()
	o.observed.Log(r, string(event.Refusal.Reason), event.Refusal.Detail)
}

// ObserveAgain begins to count anew, because the credentials are others.
func (o *Observer) ObserveAgain() {
	if o.observation == nil {
		return
	}
	o.observation.mu.Lock()
	defer o.observation.mu.Unlock()
	o.observation.counts = newCounts(webhook.Now())
}

// begin notes since when it counts.
func (s *observation) begin(at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.counts.since.IsZero() {
		s.counts.since, s.reminded = at, at
	}
}

// count notes how a webhook has ended. An app that refuses what would be refused here
// agrees: nothing of that will be missed. No answer, or a failure, does not say so.
func (s *observation) count(r *http.Request, end *Ending) {
	among, ok := caddyhttp.GetVar(r.Context(), countsVar).(*counts)
	if s == nil || !ok {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if end.Event.Refusal == nil {
		among.passed++
		return
	}
	among.refused[string(end.Event.Refusal.Reason)]++
	if end.Status/100 != 4 {
		among.taken++
	}
}

// remind says once a day that an endpoint still refuses nothing.
func (o *Observer) remind(at time.Time) {
	s := o.observation
	if s == nil {
		return
	}
	s.begin(at)
	s.mu.Lock()
	due := at.Sub(s.reminded) >= remindEvery
	if due {
		s.reminded = at
	}
	s.mu.Unlock()
	if !due {
		return
	}
	seen := o.observedState()
	o.logger.Warn("observe: this endpoint still refuses nothing", o.Endpoint.Field(), zap.Time("since", seen.Since),
		zap.Uint64("passed", seen.Passed), zap.Any("would_refuse", seen.WouldRefuse), zap.Uint64("taken", seen.Taken), zap.Bool("safe", seen.Safe))
}

// ObservedState is what has come to an endpoint that only observes.
type ObservedState struct {
	// The provider.
	Provider string `json:"provider"`

	// The name of the endpoint.
	Endpoint string `json:"endpoint"`

	// Since when this is counted: since the endpoint has had this configuration and
	// these credentials, or the process began.
	Since time.Time `json:"since"`

	// How many webhooks were verified.
	Passed uint64 `json:"passed"`

	// How many would have been refused, by reason.
	WouldRefuse map[string]uint64 `json:"would_refuse"`

	// How many of those the app has not refused itself, by a status from 400 to 499.
	// They would be missed.
	Taken uint64 `json:"taken"`

	// Whether observe can be removed: webhooks were verified, and none would be missed.
	Safe bool `json:"safe"`
}

// observedState is what has come so far.
func (o *Observer) observedState() ObservedState {
	s := o.observation
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.counts
	return ObservedState{
		Provider: o.Endpoint.Provider, Endpoint: o.Endpoint.Name, Since: c.since,
		Passed: c.passed, WouldRefuse: maps.Clone(c.refused), Taken: c.taken,
		Safe: c.passed > 0 && c.taken == 0,
	}
}

// observedStates describes the endpoints that only observe, by their providers and
// names.
func observedStates() []ObservedState {
	states := []ObservedState{}
	current := Running.Current()
	if current == nil {
		return states
	}
	told := make(map[*observation]bool)
	for _, o := range current.observers {
		if o.observation != nil && !told[o.observation] {
			told[o.observation] = true
			states = append(states, o.observedState())
		}
	}
	slices.SortFunc(states, func(a, b ObservedState) int {
		return cmp.Or(strings.Compare(a.Provider, b.Provider), strings.Compare(a.Endpoint, b.Endpoint))
	})
	return states
}

// observableReasons are those for which an endpoint that observes lets a request pass.
var observableReasons = []verify.Reason{
	verify.MissingSignature, verify.MissingToken, verify.BadSignature, verify.BadToken, verify.Stale, verify.BadSource,
	verify.BadMethod, verify.BadEncoding, verify.Malformed, verify.KeysUnavailable, verify.UnknownTenant, verify.NoTenants,
}
