package route

import (
	"errors"
	"strings"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
)

// A text counts for what it is as JSON, where a control character takes six bytes.
func TestTextsCountAsJSON(t *testing.T) {
	e := arrived(`{"text":"` + strings.Repeat("a", 1000) + `","other":"` + strings.Repeat(`\u0001`, 4000) + `"}`)
	for source, within := range map[string]bool{
		`body.text`:                           true,
		`body.other`:                          true,
		`replace(body.text, "a", "bbb")`:      true,
		`replace(body.text, "a", body.other)`: false, // 4 MB, and 24 MB as JSON
	} {
		value, err := CompileValue(source)
		if err != nil {
			t.Fatal(err)
		}
		result, err := value.Compute(e)
		if errors.Is(err, ErrBudget) == within {
			encoded, _ := payload.Encode(result)
			t.Errorf("%s: %v; %d bytes as JSON", source, err, len(encoded))
		}
	}
}
