package handlers

import "time"

// Look has the running app look after its endpoints as at a time.
func Look(at time.Time) { running.current().look(at) }

// CredentialPlaces says what of a request is not stored, for tests.
var CredentialPlaces = credentialPlaces
