package token

import (
	"context"
	"errors"
	"io/fs"
	"sync"
	"testing"
	"time"
)

// at is the time of most tests.
var at = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// memory is a Storage, which can be told to fail.
type memory struct {
	mu     sync.Mutex // guards what follows
	values map[string][]byte
	fails  error
	loads  int
	stores int

	lock sync.Mutex // what Lock locks; there is one name only
}

func newMemory() *memory { return &memory{values: make(map[string][]byte)} }

func (m *memory) Load(_ context.Context, name string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.loads++
	if m.fails != nil {
		return nil, m.fails
	}
	value, ok := m.values[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return value, nil
}

func (m *memory) Store(_ context.Context, name string, value []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stores++
	if m.fails != nil {
		return m.fails
	}
	m.values[name] = value
	return nil
}

func (m *memory) Lock(context.Context, string) error {
	m.lock.Lock()
	return nil
}

func (m *memory) Unlock(context.Context, string) error {
	m.lock.Unlock()
	return nil
}

func (m *memory) fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fails = err
}

func (m *memory) remove() {
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.values)
}

func (m *memory) counts() (loads, stores int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.loads, m.stores
}

var errDown = errors.New("the storage is down")

// instance returns the keys as one instance sees them. It does at once what it
// would do beside requests.
func instance(t *testing.T, storage Storage) *StoredKeys {
	t.Helper()
	keys := NewStoredKeys(storage, "acme", func(err error) { t.Logf("reported: %v", err) })
	keys.async = func(work func()) { work() }
	return keys
}

func mustParse(t *testing.T, texts ...string) GivenKeys {
	t.Helper()
	keys, err := ParseKeys(texts)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// mint makes a token of the issuer acme for instaleap that is valid for an hour.
func mint(t *testing.T, key Key, changes ...func(*Claims)) string {
	t.Helper()
	claims := &Claims{Issuer: "acme", Subject: "client", Audience: []string{"instaleap"}, Issued: at, Expires: at.Add(time.Hour)}
	for _, change := range changes {
		change(claims)
	}
	text, err := Mint(key, claims)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// expects is what an endpoint for instaleap expects.
func expects(keys Keys) *Expected {
	return &Expected{Issuer: "acme", Audiences: []string{"instaleap", "acme"}, Keys: keys}
}
