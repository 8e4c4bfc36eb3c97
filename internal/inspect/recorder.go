package inspect

import (
	"crypto/rand"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/route"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// Delivery is a request that has been dealt with. It does not change once it
// has been recorded.
type Delivery struct {
	Summary

	Headers []Header        `json:"headers,omitempty"`      // as they came, without credentials
	Steps   []verify.Step   `json:"verification,omitempty"` // what was checked
	Near    []string        `json:"near,omitempty"`         // what would have verified, where refusals are diagnosed
	Rules   []route.Verdict `json:"rules,omitempty"`        // which events and rules it was held against
	Body    Text            `json:"body,omitzero"`          // the payload as it came
	Sent    Text            `json:"sent,omitzero"`          // the payload as a rewrite has left it, if it has

	Rewritten bool `json:"rewritten,omitempty"` // the payload was rewritten
}

// Summary is what a list shows of a delivery.
type Summary struct {
	Number   uint64        `json:"number"`             // counts up from 1
	Received time.Time     `json:"received"`           //
	Provider string        `json:"provider"`           //
	Endpoint string        `json:"endpoint"`           // where it came
	Tenant   string        `json:"tenant,omitempty"`   // whose it is said to be, if there is such a tenant
	Key      string        `json:"key,omitempty"`      // the credentials that were right, by their numbers
	Outcome  string        `json:"outcome"`            // accepted, handshake, unrouted, or why it was refused
	Detail   string        `json:"detail,omitempty"`   // why exactly it was refused, or what is wrong with it
	Event    string        `json:"event,omitempty"`    // empty unless verified
	ID       string        `json:"id,omitempty"`       // empty unless verified
	Route    string        `json:"route,omitempty"`    // the block that took it, such as on 1
	Status   int           `json:"status,omitempty"`   // of the answer; absent if unknown
	App      int           `json:"app,omitempty"`      // the status that the app has answered; absent if it has not
	Withheld bool          `json:"withheld,omitempty"` // the sender got a 502 instead of that
	Deliver  bool          `json:"deliver,omitempty"`  // webhook_deliver has it
	Duration time.Duration `json:"duration,omitempty"` // of the handlers after verification, in nanoseconds
	ClientIP string        `json:"client_ip,omitempty"`
	Method   string        `json:"method"`
	Host     string        `json:"host"`
	Path     string        `json:"path"` // without the query, which may hold credentials
	Size     int           `json:"size"` // of the body in bytes, as far as it was read
}

// Header is a header as it came. Credentials are replaced.
type Header struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Text is a payload, or why it is not kept.
type Text struct {
	Content string `json:"content,omitempty"`
	Omitted string `json:"omitted,omitempty"`
}

// Filter selects deliveries. The zero value of a field selects all.
type Filter struct {
	Provider string
	Endpoint string
	Tenant   string
	Event    string // a pattern, in which a star stands for any run of characters
	Outcome  string
	Text     string // in its id, its request or its payload, as far as they are kept; in any case of letters
	After    uint64 // only those with greater numbers
	Before   uint64 // only those with lesser numbers
	Limit    int    // only so many, the latest
}

func (f *Filter) selects(d *Delivery) bool {
	return (f.Provider == "" || f.Provider == d.Provider) &&
		(f.Endpoint == "" || f.Endpoint == d.Endpoint) &&
		(f.Tenant == "" || f.Tenant == d.Tenant) &&
		(f.Outcome == "" || f.Outcome == d.Outcome) &&
		(f.Event == "" || route.Patterns{f.Event}.Match(d.Event)) &&
		(f.Text == "" || d.holds(strings.ToLower(f.Text)))
}

// holds reports whether a text in lower case stands anywhere in what is shown of a
// delivery.
func (d *Delivery) holds(text string) bool {
	for _, part := range []string{
		d.ID, d.Event, d.Tenant, d.Path, d.Host, d.ClientIP, d.Detail, d.Route, d.Body.Content, d.Sent.Content,
	} {
		if strings.Contains(strings.ToLower(part), text) {
			return true
		}
	}
	return slices.ContainsFunc(d.Headers, func(h Header) bool { return strings.Contains(strings.ToLower(h.Value), text) })
}

// Endpoint is where deliveries come.
type Endpoint struct{ Provider, Name string }

// Recorder keeps the latest deliveries of some endpoints. It is safe for
// concurrent use.
type Recorder struct {
	instance string
	mu       sync.Mutex
	number   uint64
	rings    map[Endpoint]*ring
}

// NewRecorder returns a recorder that keeps nothing yet.
func NewRecorder() *Recorder { return &Recorder{instance: rand.Text()} }

// Instance is a text that no other recorder has. Numbers of deliveries can be
// compared within one only.
func (r *Recorder) Instance() string { return r.instance }

// Keep sets how many deliveries are kept of each endpoint. Those of others are
// forgotten.
func (r *Recorder) Keep(sizes map[Endpoint]int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	rings := make(map[Endpoint]*ring, len(sizes))
	for endpoint, size := range sizes {
		rings[endpoint] = &ring{size: size}
		if old := r.rings[endpoint]; old != nil {
			rings[endpoint].forgotten = old.forgotten
			for _, d := range old.deliveries {
				rings[endpoint].add(d)
			}
		}
	}
	r.rings = rings
}

// Add records a delivery and numbers it. It is nothing if the deliveries of
// its endpoint are not kept.
func (r *Recorder) Add(d *Delivery) {
	r.mu.Lock()
	defer r.mu.Unlock()
	ring := r.rings[Endpoint{d.Provider, d.Endpoint}]
	if ring == nil {
		return
	}
	for _, text := range []*string{&d.Detail, &d.Method, &d.Host, &d.Path} {
		*text = shorten(*text)
	}
	r.number++
	d.Number = r.number
	ring.add(d)
}

// List returns deliveries, the latest first.
func (r *Recorder) List(f Filter) []*Delivery {
	found, _ := r.Page(f)
	return found
}

// Page is List, and says how many there are without the bounds After, Before and Limit.
func (r *Recorder) Page(f Filter) (found []*Delivery, total int) {
	// A delivery does not change, so it can be looked at without the lock: to look for a
	// text takes a while.
	for _, d := range r.all() {
		if !f.selects(d) {
			continue
		}
		total++
		if d.Number > f.After && (f.Before == 0 || d.Number < f.Before) {
			found = append(found, d)
		}
	}
	slices.SortFunc(found, func(a, b *Delivery) int { return int(int64(b.Number) - int64(a.Number)) }) //nolint:gosec // counts do not get that far
	if f.Limit > 0 && len(found) > f.Limit {
		found = found[:f.Limit]
	}
	return found, total
}

// all returns what is kept.
func (r *Recorder) all() []*Delivery {
	r.mu.Lock()
	defer r.mu.Unlock()
	var found []*Delivery
	for _, ring := range r.rings {
		found = append(found, ring.deliveries...)
	}
	return found
}

// Forgotten is the number of the latest delivery that was kept, and is not any
// more, of the endpoints that a filter selects; 0 if there is none.
func (r *Recorder) Forgotten(f Filter) uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	var latest uint64
	for endpoint, ring := range r.rings {
		if (f.Provider == "" || f.Provider == endpoint.Provider) && (f.Endpoint == "" || f.Endpoint == endpoint.Name) {
			latest = max(latest, ring.forgotten)
		}
	}
	return latest
}

// Get returns a delivery by its number.
func (r *Recorder) Get(number uint64) (*Delivery, bool) {
	for _, d := range r.List(Filter{After: number - 1}) {
		if d.Number == number {
			return d, true
		}
	}
	return nil, false
}

// Keeps reports whether the deliveries of an endpoint are kept.
func (r *Recorder) Keeps(endpoint Endpoint) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.rings[endpoint] != nil
}

// ring keeps the latest deliveries, in their order.
type ring struct {
	size       int
	deliveries []*Delivery
	forgotten  uint64 // the number of the latest one that is not kept any more
}

func (r *ring) add(d *Delivery) {
	if over := len(r.deliveries) - r.size + 1; over > 0 {
		r.forgotten = r.deliveries[over-1].Number
		r.deliveries = slices.Delete(r.deliveries, 0, over)
	}
	r.deliveries = append(r.deliveries, d)
}
