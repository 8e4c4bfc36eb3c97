package tenant_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/tenant"
	"github.com/caddy-webhooks/caddy-webhooks/tenant/tenanttest"
)

// bench is a cache, its clock, and a source that does what a test wants.
type bench struct {
	mu     sync.Mutex
	at     time.Time
	answer func(id string) (*tenant.Tenant, error)
	asked  atomic.Int64
	looks  []tenant.Lookup
	cache  *tenant.Cache
}

func newBench(options tenant.Options) *bench {
	b := &bench{at: time.Unix(1_700_000_000, 0)}
	b.answers("one")
	options.Now = func() time.Time { b.mu.Lock(); defer b.mu.Unlock(); return b.at }
	options.Observe = func(l tenant.Lookup) { b.mu.Lock(); defer b.mu.Unlock(); b.looks = append(b.looks, l) }
	b.cache = tenant.NewCache(b, options)
	return b
}

func (b *bench) Tenant(_ context.Context, id string) (*tenant.Tenant, error) {
	b.asked.Add(1)
	b.mu.Lock()
	answer := b.answer
	b.mu.Unlock()
	return answer(id)
}

func (b *bench) set(answer func(id string) (*tenant.Tenant, error)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.answer = answer
}

// answers makes all ids that begin with "t" tenants.
func (b *bench) answers(upstream string) {
	b.set(func(id string) (*tenant.Tenant, error) {
		if !strings.HasPrefix(id, "t") {
			return nil, tenant.ErrUnknown
		}
		return tenant.Parse(id, tenanttest.Document(id, upstream))
	})
}

func (b *bench) fails(err error) {
	b.set(func(string) (*tenant.Tenant, error) { return nil, err })
}

func (b *bench) pass(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.at = b.at.Add(d)
}

func (b *bench) last() tenant.Lookup {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.looks[len(b.looks)-1]
}

// want asks the cache, and says how often the source was asked for it.
func (b *bench) want(t *testing.T, id, upstream string, asked int64) *tenant.Tenant {
	t.Helper()
	before := b.asked.Load()
	got, err := b.cache.Tenant(t.Context(), id)
	if err != nil || got.Vars["upstream"] != upstream {
		t.Fatalf("Tenant(%s): %v, %v; want %s", id, got, err, upstream)
	}
	if n := b.asked.Load() - before; n != asked {
		t.Fatalf("Tenant(%s): the source was asked %d times; want %d", id, n, asked)
	}
	return got
}

func (b *bench) wantError(t *testing.T, id string, want error, asked int64) {
	t.Helper()
	before := b.asked.Load()
	got, err := b.cache.Tenant(t.Context(), id)
	if got != nil || !errors.Is(err, want) {
		t.Fatalf("Tenant(%s): %v, %v; want %v", id, got, err, want)
	}
	if n := b.asked.Load() - before; n != asked {
		t.Fatalf("Tenant(%s): the source was asked %d times; want %d", id, n, asked)
	}
}

func TestCacheTTL(t *testing.T) {
	b := newBench(tenant.Options{TTL: time.Minute, NegativeTTL: 10 * time.Second})
	first := b.want(t, "t1", "one", 1)
	b.pass(59 * time.Second)
	b.want(t, "t1", "one", 0)
	b.pass(time.Second)
	if again := b.want(t, "t1", "one", 1); again != first {
		t.Error("an unchanged tenant is another one in memory")
	}
	b.answers("two")
	b.pass(time.Minute)
	b.want(t, "t1", "two", 1)

	b.wantError(t, "nobody", tenant.ErrUnknown, 1)
	b.pass(9 * time.Second)
	b.wantError(t, "nobody", tenant.ErrUnknown, 0)
	b.pass(time.Second)
	b.wantError(t, "nobody", tenant.ErrUnknown, 1)
	for _, id := range tenanttest.HostileIDs() {
		b.wantError(t, id, tenant.ErrID, 0)
	}
}

// A tenant that ends is refused, however good the last answer was.
func TestCacheEnds(t *testing.T) {
	b := newBench(tenant.Options{TTL: time.Minute, NegativeTTL: time.Minute, Stale: time.Hour})
	b.want(t, "t1", "one", 1)
	b.fails(tenant.ErrUnknown)
	b.pass(time.Minute)
	b.wantError(t, "t1", tenant.ErrUnknown, 1)
	b.fails(errDown)
	b.pass(time.Minute)
	b.wantError(t, "t1", errDown, 1)
}

var errOther = errors.New("other")

func TestCacheStale(t *testing.T) {
	b := newBench(tenant.Options{TTL: time.Minute, NegativeTTL: time.Minute, Stale: time.Hour})
	b.want(t, "t1", "one", 1)
	b.fails(errOther)
	b.pass(time.Minute)
	b.want(t, "t1", "one", 1)
	if l := b.last(); l.Result != tenant.Failed || !l.Served || !l.First || !errors.Is(l.Err, errOther) {
		t.Errorf("told: %+v", l)
	}
	b.want(t, "t1", "one", 0) // not again at once
	b.pass(time.Second)
	b.want(t, "t1", "one", 1)
	if l := b.last(); l.First {
		t.Errorf("told as the first again: %+v", l)
	}
	b.wantError(t, "t2", errOther, 1)
	b.wantError(t, "t2", errOther, 0)
	b.pass(time.Hour)
	b.wantError(t, "t1", errOther, 1)
	b.answers("two")
	b.pass(time.Second)
	b.want(t, "t1", "two", 1)
	if l := b.last(); !l.Mended {
		t.Errorf("told: %+v", l)
	}
	b.want(t, "t2", "two", 1)
}

func TestCacheWithoutStale(t *testing.T) {
	b := newBench(tenant.Options{TTL: time.Minute})
	b.want(t, "t1", "one", 1)
	b.fails(errOther)
	b.pass(time.Minute)
	b.wantError(t, "t1", errOther, 1)
}

// A broken document leaves its tenant as it was, and no other.
func TestCacheBroken(t *testing.T) {
	b := newBench(tenant.Options{TTL: time.Minute, Stale: time.Hour})
	b.want(t, "t1", "one", 1)
	b.set(func(id string) (*tenant.Tenant, error) { return tenant.Parse(id, []byte("{")) })
	for i := range 3 {
		b.pass(time.Minute)
		b.want(t, "t1", "one", 1)
		if l := b.last(); l.Result != tenant.Unreadable || !l.Served || l.First != (i == 0) || l.ID != "t1" {
			t.Errorf("told: %+v", l)
		}
	}
	_, err := b.cache.Tenant(t.Context(), "t2")
	if _, ok := errors.AsType[*tenant.DocumentError](err); !ok {
		t.Errorf("%v; want a DocumentError", err)
	}
}

// A source that others have written cannot give one tenant for another, nor end the
// process.
func TestCacheOddSources(t *testing.T) {
	for name, answer := range map[string]func(string) (*tenant.Tenant, error){
		"another": func(string) (*tenant.Tenant, error) { return &tenant.Tenant{ID: "t2"}, nil },
		"none":    func(string) (*tenant.Tenant, error) { return nil, nil },
		"panic":   func(string) (*tenant.Tenant, error) { panic("secret") },
	} {
		b := newBench(tenant.Options{TTL: time.Minute})
		b.set(answer)
		_, err := b.cache.Tenant(t.Context(), "t1")
		if _, ok := errors.AsType[*tenant.UnavailableError](err); !ok || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCacheForget(t *testing.T) {
	b := newBench(tenant.Options{TTL: time.Hour, NegativeTTL: time.Hour, Stale: time.Hour})
	b.want(t, "t1", "one", 1)
	b.wantError(t, "nobody", tenant.ErrUnknown, 1)
	b.answers("two")
	b.cache.Forget("t1")
	b.cache.Forget("nobody")
	b.want(t, "t1", "two", 1)
	b.wantError(t, "nobody", tenant.ErrUnknown, 1)
	b.fails(errOther)
	b.cache.Forget("t1")
	b.want(t, "t1", "two", 1) // the last good answer is not forgotten
}

// Unknown ids do not push out tenants, whatever their number.
func TestCacheUnknownFlood(t *testing.T) {
	b := newBench(tenant.Options{TTL: time.Hour, NegativeTTL: time.Hour, Memory: tenant.NewMemory(100, 10)})
	for i := range 100 {
		b.want(t, fmt.Sprint("t", i), "one", 1)
	}
	for i := range 100_000 {
		if _, err := b.cache.Tenant(t.Context(), fmt.Sprint("x", i)); !errors.Is(err, tenant.ErrUnknown) {
			t.Fatal(err)
		}
	}
	for i := range 100 {
		b.want(t, fmt.Sprint("t", i), "one", 0)
	}
}

// All that wait for one tenant share one look-up, and none ends with another's request.
func TestCacheTogether(t *testing.T) {
	b := newBench(tenant.Options{TTL: time.Hour, Timeout: time.Hour})
	began, release := make(chan struct{}), make(chan struct{})
	b.set(func(id string) (*tenant.Tenant, error) {
		close(began)
		<-release
		return tenant.Parse(id, tenanttest.Document(id, "one"))
	})
	impatient, leave := context.WithCancel(t.Context())
	gone := make(chan error, 1)
	go func() {
		_, err := b.cache.Tenant(impatient, "t1")
		gone <- err
	}()
	<-began
	var others sync.WaitGroup
	for range 50 {
		others.Go(func() {
			if _, err := b.cache.Tenant(context.Background(), "t1"); err != nil {
				t.Error(err)
			}
		})
	}
	leave()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Errorf("%v; want Canceled", err)
	}
	close(release)
	others.Wait()
	if n := b.asked.Load(); n != 1 {
		t.Errorf("the source was asked %d times", n)
	}
}

// Look-ups of ids that nobody knows do not stand in the way of tenants.
func TestCacheSlots(t *testing.T) {
	b := newBench(tenant.Options{TTL: time.Minute, Stale: time.Hour, AtOnce: 2, Timeout: time.Hour})
	b.want(t, "t1", "one", 1)
	b.pass(time.Minute)
	began, release := make(chan struct{}, 10), make(chan struct{})
	b.set(func(id string) (*tenant.Tenant, error) {
		if id != "t1" {
			began <- struct{}{}
			<-release
			return nil, tenant.ErrUnknown
		}
		return tenant.Parse(id, tenanttest.Document(id, "two"))
	})
	ctx, cancel := context.WithCancel(t.Context())
	var strangers sync.WaitGroup
	for i := range 10 {
		strangers.Go(func() { _, _ = b.cache.Tenant(ctx, fmt.Sprint("x", i)) })
	}
	<-began
	<-began
	b.want(t, "t1", "two", 1)
	if len(began) != 0 {
		t.Error("more look-ups run at a time than may")
	}
	close(release)
	strangers.Wait()
	cancel()
}
