package verify

import (
	"fmt"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
)

// compileCatalogue checks what a Spec says of its events and of what is in its
// payloads.
func (p *Provider) compileCatalogue() error {
	seen := make(map[string]bool)
	for _, category := range p.Spec.Categories {
		switch {
		case category.Name == "" || len(category.Events) == 0 && category.When == "":
			return fmt.Errorf("categories: %q needs a name, and events or when", category.Name)
		case seen[category.Name]:
			return fmt.Errorf("categories: %s is there twice; write all its events in one line", category.Name)
		}
		seen[category.Name] = true
	}
	for source := range p.Spec.EventSources {
		if _, err := parseSources([]string{source}); err != nil {
			return fmt.Errorf("event_sources: %w", err)
		}
	}
	var err error
	if p.personal, err = parsePaths(p.Spec.Personal); err != nil {
		return fmt.Errorf("personal: %w", err)
	}
	if p.secretPaths, err = parsePaths(p.Spec.Secrets); err != nil {
		return fmt.Errorf("secrets: %w", err)
	}
	return nil
}

func parsePaths(texts []string) ([]payload.Path, error) {
	var paths []payload.Path
	for _, text := range texts {
		path, err := payload.ParsePath(text)
		if err != nil {
			return nil, err
		}
		paths = append(paths, path)
	}
	return paths, nil
}

// Personal returns the paths of personal data in the provider's payloads.
func (p *Provider) Personal() []payload.Path { return p.personal }

// SecretPaths returns the paths of values in the provider's payloads that open
// something.
func (p *Provider) SecretPaths() []payload.Path { return p.secretPaths }
