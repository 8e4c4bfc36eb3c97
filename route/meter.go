package route

import (
	"math"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
)

// What an evaluation may take. A step is about two nanoseconds of one core: an
// element that is visited is some dozens, a byte that is compared a fraction.
const (
	stepsPerByte = 20        // of the payload
	stepsAtLeast = 1_000_000 // beside them
	madePerByte  = 10        // bytes that are made for each byte of the payload
	jsonPerByte  = 4         // of the result, as JSON
	madeAtLeast  = 4 << 20   // beside either
	maxDepth     = 10_000    // of nested values, as of JSON documents
)

// ErrBudget is the error of an expression that takes more, for a payload, than
// one of the payload's size may.
var ErrBudget error = payload.Fault("budget exceeded: this takes more than a payload of its size may")

// errDepth is the error for values that are nested deeper than JSON may be.
var errDepth error = payload.Fault("the value is nested too deeply")

// meter counts what one evaluation does and makes. What is past its budget
// panics: the language's machine turns that into an error, as it does for its own
// operations.
type meter struct {
	steps int // that are left
	made  int // bytes that are left to be made
	size  int // bytes that the result may have as JSON
}

// meterName is the name in an expression's environment of what counts it. No
// operator can write it.
const meterName = "the meter"

// fill sets the budget for a payload of a size.
func (m *meter) fill(size int) {
	m.steps = stepsPerByte*size + stepsAtLeast
	m.made = madePerByte*size + madeAtLeast
	m.size = jsonPerByte*size + madeAtLeast
}

// unlimited is a budget that is never used up.
const unlimited = math.MaxInt / 2

// step counts work that is about to be done.
func (m *meter) step(n int) {
	if m.steps -= n; n < 0 || m.steps < 0 {
		panic(ErrBudget)
	}
}

// make counts bytes that are about to be made.
func (m *meter) make(n int) {
	if m.made -= n; n < 0 || m.made < 0 {
		panic(ErrBudget)
	}
}

// check makes sure that a result can be written as JSON.
func (m *meter) check(result any) (err error) {
	switch r := result.(type) {
	case nil, bool, int, float64:
		return nil
	case string: // its bytes are in the payload, or were counted
		if len(r) <= m.size/mostEscaped {
			return nil
		}
	}
	defer func() {
		switch recovered := recover(); recovered {
		case nil:
		case ErrBudget, errDepth:
			err = recovered.(error)
		default:
			panic(recovered)
		}
	}()
	m.written(result, m.size)
	return nil
}

// mostEscaped is how many bytes one of a text may take as JSON, as in \u0001.
const mostEscaped = 6

// times multiplies sizes. What is too large for an int is as large as an int can be.
func times(a, b int) int {
	if a > 0 && b > unlimited/a {
		return unlimited
	}
	return a * b
}

// log2 is how often a size can be halved.
func log2(n int) int {
	log := 1
	for ; n > 1; n /= 2 {
		log++
	}
	return log
}
