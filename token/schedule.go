package token

import (
	"slices"
	"time"
)

// The life of a key that is made here. It is announced a day before it signs,
// so that all instances know it by then, whatever they hold in memory. It signs
// for 30 days. It verifies until the longest token it can have signed has ended,
// and as long again for clocks that differ.
const (
	signsFor     = 30 * 24 * time.Hour
	announcedFor = 24 * time.Hour
	keptFor      = 2 * MaxTTL
)

// storedKey is a key with the time from which it signs.
type storedKey struct {
	Key
	signs time.Time
}

// current returns the key that signs at a time: the last one whose time has
// come. Where the clock says that it is none, it is the first one.
func current(keys []storedKey, now time.Time) (Key, bool) {
	if len(keys) == 0 {
		return Key{}, false
	}
	signing := keys[0].Key
	for _, key := range keys {
		if !now.Before(key.signs) {
			signing = key.Key
		}
	}
	return signing, true
}

// due reports whether there should be a new key.
func due(keys []storedKey, now time.Time) bool {
	if len(keys) == 0 {
		return true
	}
	last := keys[len(keys)-1]
	return !now.Before(last.signs.Add(signsFor - announcedFor))
}

// rotate returns the keys with a new one, and without those whose tokens have
// all ended. The first key of all signs at once.
func rotate(keys []storedKey, now time.Time) ([]storedKey, error) {
	made, err := generateKey()
	if err != nil {
		return nil, err
	}
	signs := now
	if len(keys) > 0 {
		signs = now.Add(announcedFor)
	}
	kept := slices.Clone(keys)
	for len(kept) > 1 && now.After(kept[1].signs.Add(keptFor)) {
		kept = kept[1:]
	}
	return append(kept, storedKey{made, signs}), nil
}
