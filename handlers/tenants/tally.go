package tenants

import (
	"cmp"
	"slices"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/caddy-webhooks/caddy-webhooks/tenant"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// Activity is what has become of a tenant's webhooks since the process began, or since
// so many other tenants came that it was forgotten.
type Activity struct {
	Source   string    `json:"source"`             // the name of the source that knows the tenant
	Tenant   string    `json:"tenant"`             // its id
	Verified uint64    `json:"verified"`           // webhooks that were verified
	Refused  uint64    `json:"refused"`            // webhooks that were refused
	Last     time.Time `json:"last"`               // when the last one was verified; zero if none was
	Reason   string    `json:"reason,omitempty"`   // why the last one was refused
	Endpoint string    `json:"endpoint,omitempty"` // where the last one came
}

// tally counts for each tenant, within bounds: what is not told by metrics, because
// there may be more tenants than labels can be. It lives as long as the process.
type tally struct {
	mu     sync.Mutex
	counts *lru.Cache[[2]string, *Activity]
}

var activities = newTally(tenant.DefaultKnown)

func newTally(size int) *tally {
	counts, _ := lru.New[[2]string, *Activity](size) // fails for sizes below 1 only
	return &tally{counts: counts}
}

// of returns the counters of a tenant. The caller holds mu.
func (t *tally) of(source, id string) *Activity {
	key := [2]string{source, id}
	if known, ok := t.counts.Get(key); ok {
		return known
	}
	fresh := &Activity{Source: source, Tenant: id}
	t.counts.Add(key, fresh)
	return fresh
}

func (t *tally) verified(source, id, endpoint string, at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	a := t.of(source, id)
	a.Verified++
	a.Last, a.Endpoint = at, endpoint
}

func (t *tally) refused(source, id, endpoint, reason string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	a := t.of(source, id)
	a.Refused++
	a.Reason, a.Endpoint = reason, endpoint
}

// The orders of a top list.
var orders = map[string]func(a, b Activity) int{
	"noisiest": func(a, b Activity) int { return cmp.Compare(b.Verified+b.Refused, a.Verified+a.Refused) },
	"refused":  func(a, b Activity) int { return cmp.Compare(b.Refused, a.Refused) },
	"silent":   func(a, b Activity) int { return a.Last.Compare(b.Last) },
}

// top returns the first of all tenants in an order.
func (t *tally) top(order string, limit int) []Activity {
	t.mu.Lock()
	all := make([]Activity, 0, t.counts.Len())
	for _, a := range t.counts.Values() {
		if order != "refused" || a.Refused > 0 {
			all = append(all, *a)
		}
	}
	t.mu.Unlock()
	compare := orders[order]
	slices.SortFunc(all, func(a, b Activity) int { return cmp.Or(compare(a, b), cmp.Compare(a.Tenant, b.Tenant)) })
	return all[:min(limit, len(all))]
}

// Verified counts a webhook of a visitor that was verified.
func (g *Gate) Verified(v *Visitor, at time.Time) {
	activities.verified(g.Source.Name, v.Tenant.ID, g.endpoint, at)
}

// Refused counts one that was refused. Strangers are not counted: their ids are made up.
func (g *Gate) Refused(v *Visitor, reason verify.Reason) {
	if v.Tenant != nil {
		activities.refused(g.Source.Name, v.Tenant.ID, g.endpoint, string(reason))
	}
}
