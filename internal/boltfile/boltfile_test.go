package boltfile_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/caddy-webhooks/caddy-webhooks/internal/boltfile"
)

var bucket = []byte("bucket")

func fill(tx *bolt.Tx) error {
	b, err := tx.CreateBucketIfNotExists(bucket)
	if err != nil {
		return err
	}
	for i := range 300 {
		if err := b.Put(fmt.Append(nil, "key", i), bytes.Repeat([]byte{'x'}, 100)); err != nil {
			return err
		}
	}
	return nil
}

func TestOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sub", "file.db")
	db, err := boltfile.Open(path, bolt.Options{}, fill)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := boltfile.Open(path, bolt.Options{}, fill); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Errorf("a second one: %v", err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	refused := fmt.Errorf("refused")
	if _, err := boltfile.Open(path, bolt.Options{}, func(*bolt.Tx) error { return refused }); err == nil ||
		!strings.Contains(err.Error(), path+": refused") {
		t.Errorf("what cannot be prepared: %v", err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file: %v, %v", info, err)
	}
}

// Whatever page is damaged, there is an error, or nobody has looked at it.
func TestDamaged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file.db")
	db, err := boltfile.Open(path, bolt.Options{}, fill)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	noticed, size := 0, os.Getpagesize()
	for at := 0; at < len(whole); at += size {
		for _, garbage := range []byte{0, 0xff, 'x'} {
			damaged := bytes.Clone(whole)
			copy(damaged[at:], bytes.Repeat([]byte{garbage}, size))
			path := filepath.Join(t.TempDir(), "file.db")
			if err := os.WriteFile(path, damaged, 0o600); err != nil {
				t.Fatal(err)
			}
			db, err := boltfile.Open(path, bolt.Options{}, fill)
			if err == nil {
				_ = db.Close()
			} else if noticed++; !strings.Contains(err.Error(), path) {
				t.Errorf("the error does not name the file: %v", err)
			}
		}
	}
	if noticed == 0 {
		t.Error("no page that was damaged is noticed")
	}
}
