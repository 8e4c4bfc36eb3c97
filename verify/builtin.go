package verify

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/caddy-webhooks/caddy-webhooks/internal/suggest"
)

//go:embed providers/*.json
var providerFiles embed.FS

// builtin has the embedded providers by their names, which are those of their
// files. Each is read when it is asked for first, so that a server that uses a
// few does not read them all. A mistake in one of them is a mistake in this
// package, and its tests load them all.
var builtin = sync.OnceValue(func() map[string]func() *Spec {
	files, err := providerFiles.ReadDir("providers")
	if err != nil {
		panic(err)
	}
	specs := make(map[string]func() *Spec, len(files))
	for _, file := range files {
		name := strings.TrimSuffix(file.Name(), ".json")
		specs[name] = sync.OnceValue(func() *Spec { return readBuiltin(name) })
	}
	return specs
})

func readBuiltin(name string) *Spec {
	data, err := providerFiles.ReadFile(path.Join("providers", name+".json"))
	if err != nil {
		panic(err)
	}
	spec, err := ParseSpec(data)
	if err == nil && spec.Name != name {
		err = fmt.Errorf("its name is %q", spec.Name)
	}
	if err != nil {
		panic(fmt.Sprintf("providers/%s.json: %v", name, err))
	}
	return spec
}

// ParseSpec reads a provider's JSON description. Unknown fields are errors.
func ParseSpec(data []byte) (*Spec, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	spec := new(Spec)
	if err := dec.Decode(spec); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is something after the description")
	}
	return spec, nil
}

// BuiltinNames returns the names of all built-in providers, sorted.
func BuiltinNames() []string {
	var names []string
	for name := range builtin() {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// otherNames are names under which a built-in provider is known, too: that of
// its scheme's version, which a later one may follow.
var otherNames = map[string]string{"instaleap-chat-v3": "instaleap-chat"}

// Builtin returns a built-in provider. The Spec must not be changed.
func Builtin(name string) (*Spec, bool) {
	if other, ok := otherNames[name]; ok {
		name = other
	}
	read, ok := builtin()[name]
	if !ok {
		return nil, false
	}
	return read(), true
}

// UnknownProvider is the error for a name that neither a built-in provider nor
// one of the operator's own has.
func UnknownProvider(name string, own []string) error {
	return fmt.Errorf("unknown provider %s%s", name, suggest.DidYouMean(name, slices.Concat(BuiltinNames(), own)))
}
