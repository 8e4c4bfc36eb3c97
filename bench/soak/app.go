package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
)

// app is what webhooks are for. It remembers which it has taken.
type app struct {
	server *httptest.Server

	mu    sync.Mutex
	asked int
	taken map[string]bool
}

func newApp() *app {
	a := &app{taken: make(map[string]bool)}
	a.server = httptest.NewServer(a)
	return a
}

func (a *app) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		panic(http.ErrAbortHandler)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	switch a.asked++; {
	case a.asked%1000 == 0:
		panic(http.ErrAbortHandler)
	case a.asked%100 == 0:
		w.WriteHeader(http.StatusServiceUnavailable)
	default:
		a.taken[r.Header.Get("Webhook-Delivery-Id")] = true
		w.WriteHeader(http.StatusNoContent)
	}
}

// lost counts the deliveries that were acknowledged and not taken.
func (a *app) lost(acknowledged []string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	lost := 0
	for _, id := range acknowledged {
		if !a.taken[id] {
			lost++
		}
	}
	return lost
}
