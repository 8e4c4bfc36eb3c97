// Package history keeps the webhooks that come in an archive, as far as the configuration
// wants, and lets operators look for them, hand them over again and erase them.
package history
