package route

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/vm"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
)

// plain evaluates an expression as the language does, without a meter.
func plain(source string, e *Event) (any, error) {
	compiled, err := compilePlain(source)
	if err != nil {
		return nil, err
	}
	return runPlain(compiled, e)
}

func compilePlain(source string) (*vm.Program, error) {
	var options []expr.Option
	for name, f := range functions {
		if f.kind != nil {
			options = append(options, expr.Function(name, func(args ...any) (any, error) {
				return f.call(&meter{steps: unlimited, made: unlimited}, args)
			}, f.kind))
		}
	}
	return expr.Compile(source, append(options, expr.Env(env{}), expr.MaxNodes(maxNodes), expr.Optimize(false))...)
}

func runPlain(compiled *vm.Program, e *Event) (any, error) {
	environment := *e.env
	environment.Body, _ = e.Body.Value()
	machine := vm.VM{MemoryBudget: math.MaxUint}
	return machine.Run(compiled, &environment)
}

// comparable returns a value as it is as JSON, and what the language leaves to
// chance in one order.
func comparable(value any) any {
	if encoded, err := payload.Encode(value); err == nil {
		return string(encoded)
	}
	return fmt.Sprint(value)
}

// What is counted gives what the language gives.
func TestRandomDifferences(t *testing.T) {
	seed := rand.Uint64()
	h := &hostile{Rand: rand.New(rand.NewPCG(seed, 0))}
	compared := 0
	for range *pairs {
		source := h.expression(1 + h.IntN(4))
		if differsOnPurpose(source) {
			continue
		}
		value, err := CompileValue(source)
		if err != nil {
			continue
		}
		e := arrived(h.payload(1 << h.IntN(9)))
		value.slotted = nil
		got, err := value.Compute(e)
		if errors.Is(err, ErrBudget) || errors.Is(err, errDepth) {
			continue
		}
		compared++
		want, wantErr := plain(source, e)
		if wantErr != nil && strings.Contains(wantErr.Error(), "interface conversion") || err != nil && strings.Contains(err.Error(), "is computed") {
			continue // the language has taken a value for one of another type, or compiles any pattern
		}
		if (err == nil) != (wantErr == nil) || err == nil && !reflect.DeepEqual(comparable(got), comparable(want)) {
			t.Errorf("seed %d: %s is %v, %v; want %v, %v", seed, source, comparable(got), err, comparable(want), wantErr)
		}
	}
	t.Logf("seed %d: %d of %d compared", seed, compared, *pairs)
}

// differsOnPurpose reports whether an expression uses what is better than in the
// language: objects by name and in one order, numbers that stay exact.
func differsOnPurpose(source string) bool {
	return slices.ContainsFunc([]string{"fromPairs", "groupBy", "keys(", "values(", "toPairs", "fromJSON", "findLast"},
		func(name string) bool { return strings.Contains(source, name) })
}

// Every expression that is written anywhere in the repository gives, of payloads in
// it, what the language gives: with all of the payload and with the few values that
// it needs.
func TestWrittenDifferences(t *testing.T) {
	written, documents := writtenIn(t, "../examples", "../docs", "../testdata", "../verify/providers", "../README.md")
	var compiled, compared, next int
	for _, source := range written {
		if !seesPayload.MatchString(source) || differsOnPurpose(source) {
			continue
		}
		value, err := CompileValue(source)
		if err != nil {
			continue
		}
		want, err := compilePlain(source)
		if err != nil {
			t.Errorf("%s loads, and not in the language: %v", source, err)
			continue
		}
		compiled++
		for range 40 {
			next++
			document := documents[next%len(documents)]
			e := arrived(document)
			for _, value := range []*Value{value.Whole(), value} {
				compared++
				got, err := value.Compute(e)
				wanted, wantErr := runPlain(want, e)
				if (err == nil) != (wantErr == nil) || err == nil && !reflect.DeepEqual(comparable(got), comparable(wanted)) {
					t.Errorf("%s of %.200s is %v, %v; want %v, %v", source, document, comparable(got), err, comparable(wanted), wantErr)
				}
			}
		}
	}
	t.Logf("%d expressions, %d payloads, %d compared", compiled, len(documents), compared)
	if compiled < 150 || len(documents) < 100 {
		t.Errorf("%d expressions and %d payloads are found", compiled, len(documents))
	}
}

// seesPayload is what expressions have in them that are about a payload.
var seesPayload = regexp.MustCompile(`\b(body|event|header|query|category|categories|timestamp|received)\b`)

// backticked is what stands between backticks.
var backticked = regexp.MustCompile("`[^`]+`")

// writtenIn returns what may be an expression in files, which is the end of any line,
// any text between backticks and any text in JSON, and the documents that are JSON.
func writtenIn(t *testing.T, places ...string) (written, documents []string) {
	t.Helper()
	read := func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path) //nolint:gosec // a file of the repository
		if err != nil {
			return err
		}
		_, adapted, _ := strings.Cut(string(content), "\n----------\n")
		for _, document := range []string{string(content), adapted} {
			var value any
			if json.Unmarshal([]byte(document), &value) == nil {
				documents = append(documents, document)
				written = append(written, textsOf(value)...)
			}
		}
		for line := range strings.Lines(string(content)) {
			line = strings.TrimRight(strings.TrimSpace(line), " {")
			for i := range line {
				if i == 0 || line[i-1] == ' ' {
					written = append(written, strings.Trim(line[i:], "`\""))
				}
			}
			for _, text := range backticked.FindAllString(line, -1) {
				written = append(written, strings.Trim(text, "`"))
			}
		}
		return nil
	}
	for _, place := range places {
		if err := filepath.WalkDir(place, read); err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(written)
	return slices.Compact(written), documents
}

// textsOf returns all texts in a value.
func textsOf(value any) (texts []string) {
	switch v := value.(type) {
	case string:
		return []string{v}
	case []any:
		for _, element := range v {
			texts = append(texts, textsOf(element)...)
		}
	case map[string]any:
		for _, member := range v {
			texts = append(texts, textsOf(member)...)
		}
	}
	return texts
}
