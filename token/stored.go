package token

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/sync/singleflight"
	"golang.org/x/time/rate"
)

// Storage is where keys are kept. Instances that share it issue and verify the
// same tokens. Caddy's storage is one.
type Storage interface {
	// Load returns what is stored under a name, or fs.ErrNotExist.
	Load(ctx context.Context, name string) ([]byte, error)

	// Store replaces it.
	Store(ctx context.Context, name string, value []byte) error

	// Lock keeps out all others that lock the same name, until Unlock.
	Lock(ctx context.Context, name string) error

	// Unlock ends Lock.
	Unlock(ctx context.Context, name string) error
}

const (
	// storageTimeout bounds how long a request waits for the storage.
	storageTimeout = 10 * time.Second

	// reloadAfter is how long keys are used before they are read again, beside
	// the requests: so keys that somebody removed are forgotten.
	reloadAfter = 5 * time.Minute

	// A key that is not known makes the keys be read again. Senders choose what
	// key a token names, so this is limited.
	lookAgainEvery = 10 * time.Second
	lookAgainBurst = 5
)

// ErrNoKeys is returned where no instance has made keys yet.
var ErrNoKeys = errors.New("the storage has no keys of this issuer")

// StoredKeys are keys that are made when first needed, kept in a Storage and
// replaced in time. It is safe for concurrent use.
type StoredKeys struct {
	storage Storage
	name    string
	report  func(error) // of what went wrong beside a request
	async   func(func())

	flight    singleflight.Group
	lookAgain *rate.Limiter

	mu   sync.Mutex
	keys []storedKey
	read time.Time // when keys were read; zero: never
}

// NewStoredKeys returns the keys of an issuer. What goes wrong while it still
// has others to use is told to report.
func NewStoredKeys(storage Storage, issuer string, report func(error)) *StoredKeys {
	return &StoredKeys{
		storage:   storage,
		name:      "webhooks/issuers/" + issuer + "/keys.json",
		report:    report,
		async:     func(work func()) { go work() },
		lookAgain: rate.NewLimiter(rate.Every(lookAgainEvery), lookAgainBurst),
	}
}

// Name is what the keys are stored under.
func (s *StoredKeys) Name() string { return s.name }

// Signing implements Keys. It makes keys where there are none, and a new one
// in time before the present one stops to sign.
func (s *StoredKeys) Signing(ctx context.Context, now time.Time) (Key, error) {
	keys := s.known(now)
	if due(keys, now) {
		made, err := s.once("make", func() ([]storedKey, error) { return s.make(ctx, now) })
		switch {
		case err == nil:
			keys = made
		case len(keys) > 0:
			s.report(fmt.Errorf("making a new key: %w", err)) // there is another day
		default:
			return Key{}, err
		}
	}
	key, ok := current(keys, now)
	if !ok {
		return Key{}, ErrNoKeys
	}
	return key, nil
}

// Find implements Keys.
func (s *StoredKeys) Find(ctx context.Context, id string, now time.Time) (Key, bool, error) {
	keys := s.known(now)
	if key, ok := find(keys, id); ok {
		return key, true, nil
	}
	if s.lookAgain.AllowN(now, 1) {
		var err error
		if keys, err = s.once("load", func() ([]storedKey, error) { return s.reload(ctx, now) }); err != nil {
			return Key{}, false, err
		}
	} else if !s.everRead() {
		return Key{}, false, errors.New("the keys could not be read, and will be tried again in some seconds")
	}
	if len(keys) == 0 {
		return Key{}, false, ErrNoKeys
	}
	key, ok := find(keys, id)
	return key, ok, nil
}

func (s *StoredKeys) everRead() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.read.IsZero()
}

// Exist reports whether any instance has made keys.
func (s *StoredKeys) Exist(ctx context.Context) (bool, error) {
	keys, err := s.load(ctx)
	return len(keys) > 0, err
}

func find(keys []storedKey, id string) (Key, bool) {
	for _, key := range keys {
		if key.id == id {
			return key.Key, true
		}
	}
	return Key{}, false
}

// known returns the keys in memory, and has them read again if they are old.
func (s *StoredKeys) known(now time.Time) []storedKey {
	s.mu.Lock()
	keys, read := s.keys, s.read
	old := !read.IsZero() && now.Sub(read).Abs() > reloadAfter
	if old {
		s.read = now // one of all requests sees to it
	}
	s.mu.Unlock()
	if old {
		s.async(func() {
			if _, err := s.reload(context.Background(), now); err != nil {
				s.report(fmt.Errorf("reading keys again: %w", err)) // these stay
			}
		})
	}
	return keys
}

// once does something once for all requests that wait for it.
func (s *StoredKeys) once(what string, do func() ([]storedKey, error)) ([]storedKey, error) {
	keys, err, _ := s.flight.Do(what, func() (any, error) { return do() })
	return keys.([]storedKey), err
}

// reload reads the keys. Requests other than the one that began may wait for
// it, so it does not end with that one.
func (s *StoredKeys) reload(ctx context.Context, now time.Time) ([]storedKey, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storageTimeout)
	defer cancel()
	keys, err := s.load(ctx)
	if err != nil {
		return nil, err
	}
	s.remember(keys, now)
	return keys, nil
}

// make makes a key, unless another instance has.
func (s *StoredKeys) make(ctx context.Context, now time.Time) (keys []storedKey, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storageTimeout)
	defer cancel()
	if err := s.storage.Lock(ctx, s.name); err != nil {
		return nil, fmt.Errorf("locking %s: %w", s.name, err)
	}
	defer func() {
		if unlockErr := s.storage.Unlock(context.WithoutCancel(ctx), s.name); unlockErr != nil {
			s.report(fmt.Errorf("unlocking %s: %w", s.name, unlockErr))
		}
	}()
	if keys, err = s.load(ctx); err != nil {
		return nil, err
	}
	if due(keys, now) {
		if keys, err = rotate(keys, now); err != nil {
			return nil, err
		}
		if err := s.store(ctx, keys); err != nil {
			return nil, err
		}
	}
	s.remember(keys, now)
	return keys, nil
}

func (s *StoredKeys) remember(keys []storedKey, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys, s.read = keys, now
}

// document is how keys are stored.
type document struct {
	Keys []documentKey `json:"keys"`
}

type documentKey struct {
	Signs time.Time       `json:"signs"` // from when on it signs
	Key   jose.JSONWebKey `json:"key"`   // with its private part
}

// load reads the keys. Where nothing is stored there are none.
func (s *StoredKeys) load(ctx context.Context) ([]storedKey, error) {
	text, err := s.storage.Load(ctx, s.name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", s.name, err)
	}
	var stored document
	if err := json.Unmarshal(text, &stored); err != nil {
		return nil, fmt.Errorf("%s in the storage is damaged; remove it to have new keys made", s.name)
	}
	keys := make([]storedKey, len(stored.Keys))
	for i, entry := range stored.Keys {
		key, err := edwardsKey(entry.Key.Key)
		if err != nil {
			return nil, fmt.Errorf("key %d of %s in the storage: %w", i+1, s.name, err)
		}
		keys[i] = storedKey{key, entry.Signs}
	}
	return keys, nil
}

func (s *StoredKeys) store(ctx context.Context, keys []storedKey) error {
	var stored document
	for _, key := range keys {
		stored.Keys = append(stored.Keys, documentKey{
			Signs: key.signs.UTC(),
			Key:   jose.JSONWebKey{Key: key.private, KeyID: key.id, Algorithm: string(key.algorithm), Use: "sig"},
		})
	}
	text, err := json.Marshal(stored)
	if err != nil {
		return err
	}
	if err := s.storage.Store(ctx, s.name, text); err != nil {
		return fmt.Errorf("storing %s: %w", s.name, err)
	}
	return nil
}
