// Package sampler keeps what anybody can cause as often as they like from filling a
// log.
package sampler
