package verify

import (
	"errors"
	"fmt"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
)

// Inspect says what is kept of requests so that operators can look at them.
type Inspect struct {
	// Keep nothing, although the webhooks app says otherwise for all.
	Off bool `json:"off,omitempty"`

	// How many of the latest requests are kept for each provider, in memory.
	// The most that one of its endpoints asks for counts. At most 1000.
	// Default: 100.
	Keep int `json:"keep,omitempty"`

	// Keep payloads, too, up to 64 KiB each, as they came and as a rewrite has
	// left them. Only JSON is kept. Default: false.
	Bodies bool `json:"bodies,omitempty"`

	// The paths of values in payloads that are left out, such as
	// items.*.phone. They are for bodies only.
	Redact []string `json:"redact,omitempty"`
}

// The numbers of requests that are kept.
const (
	DefaultKeep = 100
	maxKeep     = 1000
)

// Check finds mistakes.
func (i *Inspect) Check() error {
	switch {
	case i.Off && (i.Keep != 0 || i.Bodies || len(i.Redact) > 0):
		return errors.New("inspect off keeps nothing, so there is nothing more to say")
	case i.Keep < 0 || i.Keep > maxKeep:
		return fmt.Errorf("inspect can keep 1 to %d requests", maxKeep)
	case len(i.Redact) > 0 && !i.Bodies:
		return errors.New("redact is for bodies, which are not kept; write bodies, too")
	}
	_, err := i.Redacted()
	return err
}

// Redacted returns the paths of the values that are left out.
func (i *Inspect) Redacted() ([]payload.Path, error) {
	var paths []payload.Path
	for _, text := range i.Redact {
		path, err := payload.ParsePath(text)
		if err != nil {
			return nil, fmt.Errorf("redact: %w", err)
		}
		paths = append(paths, path)
	}
	return paths, nil
}
