package verify

import (
	"errors"
	"fmt"
	"slices"

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

	// Keep personal data in payloads, too, which are otherwise left out where the
	// provider's description says where they are. Default: false.
	Personal bool `json:"personal,omitempty"`

	// The paths of values in payloads that are left out, such as
	// items.*.phone. They are for bodies only. "personal" stands for the personal
	// data that the provider's description names, which is the default.
	Redact []string `json:"redact,omitempty"`
}

// PersonalData stands for the paths of personal data and of secrets that a
// provider's description has, where a path is wanted. A member of that name is
// written "\personal".
const PersonalData = "personal"

// The numbers of requests that are kept.
const (
	DefaultKeep = 100
	maxKeep     = 1000
)

// Check finds mistakes.
func (i *Inspect) Check() error {
	switch {
	case i.Personal && slices.Contains(i.Redact, PersonalData):
		return errors.New("bodies personal keeps personal data, and redact personal leaves it out; write one of them")
	case i.Personal && !i.Bodies:
		return errors.New("personal data are in bodies, which are not kept; write bodies, too")
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
		if text == PersonalData {
			continue // as they are anyway
		}
		path, err := payload.ParsePath(text)
		if err != nil {
			return nil, fmt.Errorf("redact: %w", err)
		}
		paths = append(paths, path)
	}
	return paths, nil
}
