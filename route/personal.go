package route

import (
	"fmt"
	"slices"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// withoutPersonal returns a payload without the personal data and secrets that
// the provider's description names. Where it names none nobody knows what to
// leave out, so it fails.
func (e *Event) withoutPersonal(document []byte) ([]byte, error) {
	paths, err := e.personal()
	if err != nil {
		return nil, err
	}
	for _, path := range paths {
		if document, err = payload.Delete(document, path); err != nil {
			return nil, err
		}
	}
	return document, nil
}

// personal returns the paths of personal data and secrets.
func (e *Event) personal() ([]payload.Path, error) {
	var paths []payload.Path
	if e.provider != nil {
		paths = slices.Concat(e.provider.Personal(), e.provider.SecretPaths())
	} else { // it was stored
		listed := e.identity.personal
		if spec, ok := verify.Builtin(e.Provider); ok && listed == nil {
			listed = slices.Concat(spec.Personal, spec.Secrets)
		}
		for _, text := range listed {
			path, err := payload.ParsePath(text)
			if err != nil {
				return nil, err
			}
			paths = append(paths, path)
		}
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("the description of %s names no personal data; write their paths", e.Provider)
	}
	return paths, nil
}

// ownPersonal are the paths that have to be written down with an event, because
// its provider's description is the operator's own.
func (e *Event) ownPersonal() []string {
	if e.provider == nil {
		return e.identity.personal
	}
	if _, builtin := verify.Builtin(e.Provider); builtin {
		return nil
	}
	return slices.Concat(e.provider.Spec.Personal, e.provider.Spec.Secrets)
}
