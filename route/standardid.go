package route

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// StandardID returns the delivery's id as Standard Webhooks can sign it: a hash
// stands for one that is absent, that may not be read, or that has other characters
// than letters, digits, hyphens and underscores. A retry has the same one.
func (e *Event) StandardID() string {
	id := e.ReadableID()
	if isStandardID(id) {
		return id
	}
	sum := sha256.Sum256([]byte(e.Provider + "\n" + id))
	if id == "" {
		sum = sha256.Sum256([]byte(e.Digest()))
	}
	return "msg_" + hex.EncodeToString(sum[:16])
}

// isStandardID reports whether an id can be signed without ambiguity: a dot
// separates it from what follows.
func isStandardID(id string) bool {
	return id != "" && strings.Trim(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == ""
}

// ReadableName is the event's name, unless it may not be read.
func (e *Event) ReadableName() string {
	if e.MayRead("event") {
		return e.Name
	}
	return ""
}

// ReadableID is the delivery's id, unless it may not be read.
func (e *Event) ReadableID() string {
	if e.MayRead("id") {
		return e.ID
	}
	return ""
}
