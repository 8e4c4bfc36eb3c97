package bolt_test

import (
	"path/filepath"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/deliver"
	"github.com/caddy-webhooks/caddy-webhooks/deliver/bolt"
	"github.com/caddy-webhooks/caddy-webhooks/deliver/storetest"
)

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Opener {
		path := filepath.Join(t.TempDir(), "store", "webhooks.db")
		return func() (deliver.Store, error) { return bolt.Open(path, 0, deliver.Observer{}) }
	})
}
