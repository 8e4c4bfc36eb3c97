package token

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"
)

func signing(t *testing.T, keys *StoredKeys, now time.Time) Key {
	t.Helper()
	key, err := keys.Signing(t.Context(), now)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func checkFinds(t *testing.T, keys *StoredKeys, id string, now time.Time, want bool) {
	t.Helper()
	if _, found, err := keys.Find(t.Context(), id, now); err != nil && !errors.Is(err, ErrNoKeys) || found != want {
		t.Errorf("key %s at %s is found: %t, want %t (%v)", id, now, found, want, err)
	}
}

// Two instances that start at the same time agree on one key, and each knows
// that of the other.
func TestStoredKeysAreShared(t *testing.T) {
	storage := newMemory()
	const instances = 8
	ids := make([]string, instances)
	var group sync.WaitGroup
	all := make([]*StoredKeys, instances)
	for i := range instances {
		all[i] = NewStoredKeys(storage, "acme", func(err error) { t.Error(err) })
		group.Go(func() {
			if key, err := all[i].Signing(context.Background(), at); err == nil {
				ids[i] = key.id
			}
		})
	}
	group.Wait()
	if slices.Sort(ids); ids[0] == "" || len(slices.Compact(ids)) != 1 {
		t.Fatalf("keys are %v", ids)
	}
	checkFinds(t, instance(t, storage), ids[0], at, true)
	if _, stores := storage.counts(); stores != 1 {
		t.Errorf("keys were stored %d times", stores)
	}
}

// Before anybody has issued a token there are no keys, and asking makes none.
func TestFindMakesNoKeys(t *testing.T) {
	storage := newMemory()
	keys := instance(t, storage)
	if _, _, err := keys.Find(t.Context(), "x", at); !errors.Is(err, ErrNoKeys) {
		t.Errorf("error is %v", err)
	}
	if exist, err := keys.Exist(t.Context()); exist || err != nil {
		t.Errorf("keys exist: %t (%v)", exist, err)
	}
	key := signing(t, instance(t, storage), at)
	checkFinds(t, keys, key.id, at, true) // at once, though it was asked for before
	if exist, err := keys.Exist(t.Context()); !exist || err != nil {
		t.Errorf("keys exist: %t (%v)", exist, err)
	}
}

// For a year two instances issue tokens every hour, with clocks that differ.
// Each accepts those of the other as long as they last, also if it has read
// nothing since just before.
func TestRotationOverlaps(t *testing.T) {
	storage := newMemory()
	ahead, behind := instance(t, storage), instance(t, storage)
	const skew = 50 * time.Second
	type issued struct {
		key Key
		at  time.Time
	}
	var live []issued
	seen := make(map[string]bool)
	for now := at; now.Before(at.AddDate(1, 0, 0)); now = now.Add(12 * time.Hour) {
		for _, one := range []struct {
			keys *StoredKeys
			now  time.Time
		}{{ahead, now.Add(skew)}, {behind, now}} {
			key := signing(t, one.keys, one.now)
			seen[key.id] = true
			live = append(live, issued{key, now})
		}
		live = slices.DeleteFunc(live, func(i issued) bool { return now.After(i.at.Add(MaxTTL)) })
		for _, token := range live {
			checkFinds(t, ahead, token.key.id, now.Add(skew), true)
			checkFinds(t, behind, token.key.id, now, true)
		}
	}
	if len(seen) < 12 || len(seen) > 14 {
		t.Errorf("%d keys were used in a year", len(seen))
	}
	if kept := len(behind.known(at.AddDate(1, 0, 0))); kept > 2 {
		t.Errorf("%d keys are kept", kept)
	}
}

// A new key is known to all before it signs, and the old one verifies until its
// tokens have ended.
func TestScheduleOfOneKey(t *testing.T) {
	storage := newMemory()
	issuer, verifier := instance(t, storage), instance(t, storage)
	day := 24 * time.Hour
	first := signing(t, issuer, at)
	if got := signing(t, issuer, at.Add(29*day-time.Second)); got.id != first.id || len(issuer.known(at)) != 1 {
		t.Errorf("a new key is made too early")
	}
	if got := signing(t, issuer, at.Add(29*day)); got.id != first.id || len(issuer.known(at)) != 2 {
		t.Errorf("a new key is not announced, or signs at once")
	}
	second := signing(t, issuer, at.Add(30*day))
	if second.id == first.id {
		t.Errorf("the new key does not sign")
	}
	checkFinds(t, verifier, second.id, at.Add(29*day), true)
	checkFinds(t, instance(t, storage), first.id, at.Add(59*day-time.Second), true)
	third := signing(t, issuer, at.Add(59*day)) // announces the third
	if third.id != second.id {
		t.Errorf("the third key signs at once")
	}
	fresh := instance(t, storage)
	checkFinds(t, fresh, first.id, at.Add(59*day), false)
	checkFinds(t, fresh, second.id, at.Add(59*day), true)
}

// Clocks that are wrong by years break nothing for others.
func TestWrongClocks(t *testing.T) {
	storage := newMemory()
	right := instance(t, storage)
	key := signing(t, right, at)
	for _, years := range []int{-50, 50} {
		wrong := instance(t, storage)
		signing(t, wrong, at.AddDate(years, 0, 0))
		fresh := instance(t, storage)
		checkFinds(t, fresh, key.id, at, true)
		if got := signing(t, fresh, at); got.id != key.id {
			t.Errorf("after a clock %d years off another key signs", years)
		}
	}
}

// What is in memory is used while the storage is down; without it nothing can
// be decided, which is no refusal.
func TestStorageIsDown(t *testing.T) {
	storage := newMemory()
	keys := instance(t, storage)
	key := signing(t, keys, at)
	text := mint(t, key)
	storage.fail(errDown)

	later := at.Add(30 * time.Minute)
	if _, err := expects(keys).Verify(t.Context(), text, later); err != nil {
		t.Errorf("a key in memory is not used: %v", err)
	}
	if got := signing(t, keys, at.Add(29*24*time.Hour)); got.id != key.id {
		t.Error("another key signs")
	}
	fresh := instance(t, storage)
	for range 2 * lookAgainBurst {
		_, err := expects(fresh).Verify(t.Context(), text, at)
		if _, refused := errors.AsType[RefusedError](err); err == nil || refused {
			t.Fatalf("without keys the error is %v", err)
		}
	}
	if _, err := fresh.Signing(t.Context(), at); !errors.Is(err, errDown) {
		t.Errorf("error is %v", err)
	}
	storage.fail(nil)
	if _, err := expects(fresh).Verify(t.Context(), text, at.Add(time.Minute)); err != nil {
		t.Errorf("after the storage is back: %v", err)
	}
}

// Keys that somebody removes from the storage are forgotten soon.
func TestRemovedKeysAreForgotten(t *testing.T) {
	storage := newMemory()
	keys := instance(t, storage)
	key := signing(t, keys, at)
	storage.remove()
	checkFinds(t, keys, key.id, at.Add(reloadAfter), true)
	checkFinds(t, keys, key.id, at.Add(reloadAfter+time.Second), true) // and has them read again
	checkFinds(t, keys, key.id, at.Add(reloadAfter+2*time.Second), false)
	if next := signing(t, keys, at.Add(reloadAfter+3*time.Second)); next.id == key.id {
		t.Error("a removed key signs")
	}
}

// A sender that makes up keys has the storage read seldom, and tokens of known
// keys never.
func TestUnknownKeysAreLimited(t *testing.T) {
	storage := newMemory()
	keys := instance(t, storage)
	key := signing(t, keys, at)
	before, _ := storage.counts()
	for range 1000 {
		checkFinds(t, keys, "made up", at, false)
		checkFinds(t, keys, key.id, at, true)
	}
	if after, _ := storage.counts(); after-before > lookAgainBurst {
		t.Errorf("the storage was read %d times", after-before)
	}
}

func TestDamagedKeys(t *testing.T) {
	storage := newMemory()
	keys := instance(t, storage)
	for _, text := range []string{"", "{", `{"keys":[{"key":{"kty":"oct","k":"c2VjcmV0"}}]}`} {
		if err := storage.Store(t.Context(), keys.Name(), []byte(text)); err != nil {
			t.Fatal(err)
		}
		if _, err := keys.Signing(t.Context(), at); err == nil {
			t.Errorf("%q: a key signs", text)
		}
	}
}
