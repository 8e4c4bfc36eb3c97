package webhooktest

import (
	"testing"
	"time"
)

// Within waits until something is true that nothing tells of, such as a process that
// serves. The test fails if that takes longer than the limit.
func Within(t testing.TB, limit time.Duration, what string, is func() bool) {
	t.Helper()
	deadline := time.Now().Add(limit)
	for !is() {
		if time.Now().After(deadline) {
			t.Fatalf("%s: that did not happen", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
