package handlers

import (
	"fmt"
	"strings"

	"go.uber.org/zap"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// isProvider reports whether one of the operator's own providers has a name.
func (a *App) isProvider(name string) bool { return a.Providers[name] != nil }

// trimmer removes white space around what a variable or a file holds, and tells of
// it: whoever has put it there, as echo does at the end of a line, has not meant it.
type trimmer struct{ logger *zap.Logger }

// trim returns the value of a credential that was written as a placeholder.
func (t trimmer) trim(what, written, value string) string {
	trimmed := strings.TrimSpace(value)
	if trimmed == value || trimmed == "" || !placeholder.MatchString(written) {
		return value
	}
	if t.logger != nil && !strings.HasPrefix(trimmed, "-----BEGIN") {
		t.logger.Warn("a credential has white space around it, which is left out",
			zap.String("credential", what), zap.String("from", placeholder.FindString(written)))
	}
	return trimmed
}

// checkWritten refuses credentials that cannot be meant as such.
func (a *App) checkWritten(what string, values []string) error {
	for i, value := range values {
		if err := verify.CheckWritten(value, a.isProvider); err != nil {
			return fmt.Errorf("%s %d %w", what, i+1, err)
		}
	}
	return nil
}
