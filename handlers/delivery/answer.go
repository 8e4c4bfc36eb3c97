package delivery

import (
	"maps"
	"net/http"

	"github.com/caddy-webhooks/caddy-webhooks/handlers/webhook"
)

// Header implements http.ResponseWriter.
func (a *attempt) Header() http.Header {
	switch {
	case a.passes:
		return a.sender.Header()
	case a.header == nil:
		a.header = make(http.Header)
	}
	return a.header
}

// WriteHeader implements http.ResponseWriter. It waits until the answer may go
// to the sender, if it does.
func (a *attempt) WriteHeader(status int) {
	if status < 200 || a.status != 0 { // in this order: interim ones are written by another goroutine
		return // there are no interim answers, and no upgrades
	}
	a.status = status
	a.decide(status, a.header, nil)
	if a.passes && a.others != nil {
		<-a.others.settled
		a.passes = !a.others.failed
	}
	if !a.passes {
		return
	}
	a.passStatus(status)
	maps.Copy(a.sender.Header(), a.header)
	a.sender.WriteHeader(status)
}

// passStatus tells map_status at the sender's request that a status is an app's.
func (a *attempt) passStatus(status int) {
	if proxied, ok := a.repl.Get(webhook.ProxiedStatus); ok && proxied == status {
		a.senderRepl.Set(webhook.ProxiedStatus, status)
	}
}

// Write implements http.ResponseWriter.
func (a *attempt) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	if !a.passes {
		return len(p), nil
	}
	return a.sender.Write(p)
}

// FlushError implements http.Flusher as http.ResponseController knows it.
func (a *attempt) FlushError() error {
	a.WriteHeader(http.StatusOK)
	if !a.passes {
		return nil
	}
	return http.NewResponseController(a.sender).Flush()
}

// Interface guard
var _ http.ResponseWriter = (*attempt)(nil)
