package token

import "time"

// The life of a key that is made here. It is announced a day before it signs,
// so that all instances know it by then, whatever they hold in memory. It signs
// for 30 days. It verifies until the next key but one is announced: 29 days
// longer, far beyond the end of the longest token.
const (
	signsFor     = 30 * 24 * time.Hour
	announcedFor = 24 * time.Hour
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

// rotate returns the last key, which signs, with a new one. Those before it have
// signed nothing for weeks. The first key of all signs at once.
func rotate(keys []storedKey, now time.Time) ([]storedKey, error) {
	made, err := generateKey()
	if err != nil {
		return nil, err
	}
	if len(keys) == 0 {
		return []storedKey{{made, now}}, nil
	}
	return []storedKey{keys[len(keys)-1], {made, now.Add(announcedFor)}}, nil
}
