package nats_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/deliver"
	"github.com/caddy-webhooks/caddy-webhooks/nats"
)

// A reload with other settings connects anew, and one with the same does not.
// Where the store is says nothing that is secret.
func TestPlace(t *testing.T) {
	place := func(url, credentials, name string) string {
		t.Helper()
		e := nats.Engine{Servers: nats.Servers{URLs: []string{url}, Credentials: credentials}, Name: name}
		text, err := e.Place()
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	const url = "nats://caddy:the-password@localhost:4222"
	first := place(url, "", "")
	if again := place(url, "", ""); again != first {
		t.Errorf("the same is %s and %s", first, again)
	}
	for what, other := range map[string]string{
		"another password": place("nats://caddy:the-new-password@localhost:4222", "", ""),
		"credentials":      place(url, "user.creds", ""),
		"another name":     place(url, "", "OTHER"),
	} {
		if other == first {
			t.Errorf("%s: the store is not opened anew", what)
		}
	}
	if strings.Contains(first, "password") || strings.Contains(first, "caddy:") {
		t.Errorf("the place %s holds what is secret", first)
	}
}

// A reload changes the streams of a store that is in use.
func TestAdopt(t *testing.T) {
	s := serve(t)
	engine := func(size int64) *nats.Engine {
		return &nats.Engine{Servers: nats.Servers{URLs: []string{s.ClientURL()}, Replicas: 1}, Name: "ADOPT", MaxSize: size}
	}
	store, err := engine(1 << 30).Open(deliver.Observer{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	stop := make(chan struct{})
	var users sync.WaitGroup
	users.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			if _, err := store.Stats(t.Context()); err != nil {
				t.Errorf("while it is changed: %v", err)
			}
		}
	})
	for _, size := range []int64{2 << 30, 1 << 30, 1000} {
		if err := engine(size).Adopt(store); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	users.Wait()
	record := &deliver.Record{ID: "1", Provider: "github", Body: make([]byte, 2000)}
	if err := store.Append(t.Context(), record, []deliver.Target{{Destination: "app"}}); err == nil {
		t.Error("more is taken than the new limit allows")
	}
}
