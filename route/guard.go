package route

import (
	"fmt"
	"strings"
	"sync"

	"github.com/expr-lang/expr/vm"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// UnsignedError is returned by what reads a value that the provider has not
// signed, of an event of which only signed values may be read.
type UnsignedError struct {
	Name     string // of the value, as in "body.total" or "event"
	Provider string
}

func (e *UnsignedError) Error() string {
	return fmt.Sprintf("require_signed: %s is read, which %s does not sign", e.Name, e.Provider)
}

// MayRead reports whether a value may be read, which is named as a field of a
// provider's description: "body.id", "header.X-Event", "event". Everything may,
// unless the endpoint requires what is read to be signed.
func (e *Event) MayRead(name string) bool {
	if !e.RequireSigned {
		return true
	}
	if name == "body" || strings.HasPrefix(name, "body.") || strings.HasPrefix(name, "form.") {
		switch e.vouched {
		case vouchedWhole:
			return true
		case vouchedNot:
			return false
		}
	}
	return e.signs(name)
}

// checkRead is MayRead as an error.
func (e *Event) checkRead(name string) error {
	if e.MayRead(name) {
		return nil
	}
	return &UnsignedError{Name: name, Provider: e.Provider}
}

// vouched says what of the payload is as good as signed, where only signed
// values may be read. An expression can read no others, so what it has made is.
type vouched string

const (
	vouchedFields vouched = ""      // what the provider signs, by its name
	vouchedWhole  vouched = "whole" // all of it: it was made of what may be read
	vouchedNot    vouched = "not"   // nothing: other values may stand under the signed names
)

// guard decides whether an expression reads what it may not. The answer is the
// same for all events of a provider, so it is found once.
type guard struct {
	reads   func() []string
	answers sync.Map // of guardKey to the name that may not be read; empty: all may
}

type guardKey struct {
	provider *verify.Provider
	vouched  vouched
	signed   bool
}

func newGuard(compiled *vm.Program) *guard {
	return &guard{reads: sync.OnceValue(func() []string { return reads(compiled.Node()) })}
}

// check returns an error if the expression reads what it may not of an event.
func (g *guard) check(e *Event) error {
	if !e.RequireSigned {
		return nil
	}
	key := guardKey{e.provider, e.vouched, e.Signed != verify.SignedNothing}
	if answer, known := g.answers.Load(key); known && e.provider != nil {
		return unsigned(answer.(string), e)
	}
	var refused string
	for _, name := range g.reads() {
		if !e.MayRead(name) {
			refused = name
			break
		}
	}
	if e.provider != nil { // else what is signed depends on the event
		g.answers.Store(key, refused)
	}
	return unsigned(refused, e)
}

func unsigned(name string, e *Event) error {
	if name == "" {
		return nil
	}
	return &UnsignedError{Name: name, Provider: e.Provider}
}
