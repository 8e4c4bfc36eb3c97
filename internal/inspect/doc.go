// Package inspect keeps the latest webhooks of each provider in memory, for
// operators to look at: what was decided about them, and why.
//
// What it keeps is safe to show: it is given no credentials, and payloads only
// after the values that must not be seen have been replaced.
package inspect
