// Package replay remembers deliveries, so that a copy of one is known as such:
// a provider's retry of what was accepted already, or what somebody has seen
// and sends again.
//
// A delivery is remembered in two phases. Reserve claims its key while the app
// is asked; Done remembers the app's acceptance, Release forgets a failure, so
// that the provider's next attempt is taken. A claim that its owner neither
// finishes nor releases lapses after its lease: a process that dies in between
// blocks nothing for long.
//
// What a Store keeps is a Record for each key, and how records change is
// decided here once: a Store reads a record, calls Reserve, Done or Release of
// it and writes what it gets back, all in one step that nobody else gets
// between. Package replaytest has the tests that a Store must pass.
package replay
