package nats

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/caddy-webhooks/caddy-webhooks/deliver"
)

// note is what a message says beside the record, in a header of its own.
// Nothing of it comes out of a payload.
type note struct {
	Destination string          `json:"destination"`
	Attempts    int             `json:"attempts,omitempty"` // that have failed
	Stored      time.Time       `json:"stored"`
	Due         time.Time       `json:"due,omitzero"`
	Failure     deliver.Failure `json:"failure"`            // of the last attempt
	GivenUp     bool            `json:"given_up,omitempty"` // it is to be a dead letter, for which there was no room
}

const noteHeader = "Webhook-Note"

func (n note) header() nats.Header {
	text, _ := json.Marshal(n) // it has nothing that cannot be encoded
	return nats.Header{noteHeader: {string(text)}}
}

func readNote(header nats.Header) (n note, err error) {
	return n, json.Unmarshal([]byte(header.Get(noteHeader)), &n)
}

// token makes a part of a subject out of a name, which may have any characters.
func token(name string) string {
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:12])
}

// waitSubject is that of a webhook for a destination. There is one message to
// a subject, so two with the same key are one.
func (s *Store) waitSubject(destination, key string) string {
	if key == "" {
		key = rand.Text()
	} else {
		key = token(key)
	}
	return s.name + ".wait." + token(destination) + "." + key
}

// waitSubjects are those of all webhooks for a destination; of all, if it is
// empty.
func (s *Store) waitSubjects(destination string) string {
	if destination == "" {
		return s.name + ".wait.*.*"
	}
	return s.name + ".wait." + token(destination) + ".*"
}

func (s *Store) deadSubject(destination string) string { return s.name + ".dead." + token(destination) }

func (s *Store) deadSubjects(destination string) string {
	if destination == "" {
		return s.name + ".dead.*"
	}
	return s.deadSubject(destination)
}
