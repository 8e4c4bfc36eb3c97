// Package archive keeps the webhooks that came, for those who look for one later:
// whether it was received, what the app answered, and the request itself, so that it
// can be handed over again. It is history and no promise: what is promised to senders
// is in the store of package deliver.
//
// An engine implements [Engine] and [Archive]; package archivetest holds it to what is
// written there. Who hands records over has left out of them what must not be kept.
package archive
