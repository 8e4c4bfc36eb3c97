package nats

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/caddy-webhooks/caddy-webhooks/deliver"
)

// note is what a message says beside the record, in a header of its own.
// Nothing of it comes out of a payload.
type note struct {
	Destination string          `json:"destination"`
	Lane        string          `json:"lane,omitempty"`     // a hash of what is in order with it
	Place       uint64          `json:"place,omitempty"`    // in its lane, if that is not by its sequence: see lanes.go
	Attempts    int             `json:"attempts,omitempty"` // that have failed, and count in the schedule
	Made        int             `json:"made,omitempty"`     // all that were made
	Stored      time.Time       `json:"stored"`
	Due         time.Time       `json:"due,omitzero"`
	Going       bool            `json:"going,omitempty"`    // its first attempt was still being made when it was stored
	Failure     deliver.Failure `json:"failure"`            // of the last attempt
	GivenUp     bool            `json:"given_up,omitempty"` // it is to be a dead letter, for which there was no room
	Paused      bool            `json:"paused,omitempty"`   // of a destination
}

// tried is what a webhook says after an attempt that has failed. One that does not
// count in the schedule adds nothing to that.
func (n note) tried(counts int, failure deliver.Failure) note {
	n.Attempts, n.Made, n.Failure = n.Attempts+counts, n.made()+1, failure
	return n
}

// made is how many attempts there were. Earlier versions knew only those that count.
func (n note) made() int { return max(n.Made, n.Attempts) }

const noteHeader = "Webhook-Note"

func (n note) header() nats.Header {
	text, _ := json.Marshal(n) // it has nothing that cannot be encoded
	return nats.Header{noteHeader: {string(text)}}
}

func readNote(header nats.Header) (n note, err error) {
	return n, json.Unmarshal([]byte(header.Get(noteHeader)), &n)
}

// noteOf is what a stored message says.
func noteOf(m *jetstream.RawStreamMsg) note {
	n, err := readNote(m.Header)
	if err != nil {
		return note{Stored: m.Time} // it is damaged
	}
	return n
}

// in is the lane that it is in.
func (n *note) in() lane {
	if n.Lane == "" {
		return lane{}
	}
	return lane{n.Destination, n.Lane}
}

// token makes a part of a subject out of a name, which may have any characters.
func token(name string) string {
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:12])
}

// keyToken is the part of a subject that is the same for the same webhook: there is
// one message to a subject, so two with the same key are one.
func keyToken(key string) string {
	if key == "" {
		return rand.Text()
	}
	return token(key)
}

// waitSubject is that of a webhook for a destination, which is in no lane.
func (s *Store) waitSubject(destination, key string) string {
	return s.name + ".wait." + token(destination) + "." + key
}

// waitSubjects are those of all webhooks for a destination; of all, if it is empty.
func (s *Store) waitSubjects(destination string) string {
	if destination == "" {
		return s.name + ".wait.>"
	}
	return s.name + ".wait." + token(destination) + ".>"
}

func (s *Store) deadSubject(destination string) string { return s.name + ".dead." + token(destination) }

func (s *Store) deadSubjects(destination string) string {
	if destination == "" {
		return s.name + ".dead.*"
	}
	return s.deadSubject(destination)
}

// lastToken returns the last part of a subject.
func lastToken(subject string) string { return subject[strings.LastIndexByte(subject, '.')+1:] }
