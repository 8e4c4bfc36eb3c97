package payload_test

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// generator makes documents, most of them valid.
type generator struct {
	*rand.Rand
	out []byte
}

func (g *generator) pick(texts ...string) { g.out = append(g.out, texts[g.IntN(len(texts))]...) }

func (g *generator) space() { g.pick("", "", "", "", " ", "\n", "\t\r ") }

func (g *generator) name() {
	g.pick(`"id"`, `"id"`, `"job"`, `"a"`, `"0"`, `"1"`, `"ID"`, `"\u0069d"`, `"J\u006fb"`, `"\u212aey"`, `"key"`, `"é"`, `""`, `"a\/b\\"`)
}

func (g *generator) value(depth int) {
	g.space()
	defer g.space()
	switch kind := g.IntN(10); {
	case kind < 3 && depth < 5:
		g.list('{', '}', func() {
			g.space()
			g.name()
			g.space()
			g.out = append(g.out, ':')
			g.value(depth + 1)
		})
	case kind < 5 && depth < 5:
		g.list('[', ']', func() { g.value(depth + 1) })
	case kind < 7:
		g.out = append(g.out, '"')
		for range g.IntN(4) {
			g.pick("plain text, long enough for a word or two", "x", "é", "€", "𝄞", "\x7f", "\u2028", `\n`, `\"`, `\\`, `\/`, `\u00e9`,
				`\ud834\udd1e`, `\uD834\uDD1E`, `\u0000`, "{[,:]}", "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789")
		}
		g.out = append(g.out, '"')
	case kind < 9:
		g.pick("0", "-0", "1", "-12", "38.90", "1e9", "1E+2", "-0.5e-3", "9007199254740993", "12345678901234567890", "1e400")
	default:
		g.pick("null", "true", "false")
	}
}

func (g *generator) list(open, end byte, element func()) {
	g.out = append(g.out, open)
	for i := range g.IntN(5) {
		if i > 0 {
			g.out = append(g.out, ',')
		}
		element()
	}
	g.out = append(g.out, end)
}

// spoil changes a byte or two, or cuts the document short.
func (g *generator) spoil() {
	const bytes = "\"\\{}[]:,0123456789.eE+-untrfalse \t\n\x00\x1f\x7f\x80\xbf\xc0\xc3\xed\xa0\xe2\xf0\xf4\xff"
	for range 1 + g.IntN(2) {
		at := g.IntN(len(g.out))
		c := bytes[g.IntN(len(bytes))]
		switch g.IntN(6) {
		case 0:
			g.out = g.out[:at+1]
		case 1:
			g.out = slices.Delete(g.out, at, at+1)
		case 2:
			g.out = slices.Insert(g.out, at, c)
		case 3:
			end := at + g.IntN(len(g.out)-at)
			g.out = slices.Insert(g.out, g.IntN(len(g.out)), slices.Clone(g.out[at:end])...)
		default:
			g.out[at] = c
		}
		if len(g.out) == 0 {
			g.out = append(g.out, c)
		}
	}
}

// Readers agree on documents made at random, half of them spoiled. Other ones
// are made each time: -count=N compares N times as many.
func TestRandomDocuments(t *testing.T) {
	seed := rand.Uint64()
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 0))}
	paths := []string{"id", "job", "job.id", "a.0.id", "0", "1.a", "key", "id.id.id"}
	for range 20_000 {
		g.out = g.out[:0]
		g.value(0)
		if g.IntN(2) == 0 {
			g.spoil()
		}
		compare(t, g.out, paths[g.IntN(len(paths))], g.IntN(2) == 0)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}
