package route_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
	"github.com/caddy-webhooks/caddy-webhooks/route"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// samplesOf are the payloads of a provider that are at hand.
func samplesOf(t *testing.T, provider string) []string {
	t.Helper()
	files, err := filepath.Glob("../testdata/" + provider + "/*.*")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text := string(data)
		switch filepath.Ext(file) {
		case ".http":
			_, text, _ = strings.Cut(text, "\r\n\r\n")
		case ".json":
		default:
			continue
		}
		if json.Valid([]byte(text)) {
			found = append(found, text)
		}
	}
	return found
}

// mayBeAbsent are paths that no sample at hand has, and that the provider sends.
var mayBeAbsent = map[string]bool{
	"jelp location": true, "shopify phone": true, "shopify contact_email": true, "shopify note": true,
}

// Each path of personal data leads somewhere in a sample, if there is one with
// its first name: a misspelt one would leave out nothing.
func TestPersonalPathsLeadSomewhere(t *testing.T) {
	for _, name := range verify.BuiltinNames() {
		spec, _ := verify.Builtin(name)
		samples := samplesOf(t, name)
		for _, text := range append(append([]string{}, spec.Personal...), spec.Secrets...) {
			path, err := payload.ParsePath(text)
			if err != nil {
				t.Fatal(err)
			}
			hit, first := false, false
			for _, sample := range samples {
				without, err := payload.Delete([]byte(sample), path)
				hit = hit || err == nil && string(without) != sample
				root, err := payload.Delete([]byte(sample), path[:1])
				first = first || err == nil && string(root) != sample
			}
			if !hit && len(path) == 1 && !mayBeAbsent[name+" "+text] && len(samples) > 0 && isLogistics(name) {
				t.Errorf("%s: %s leads nowhere in %d samples", name, text, len(samples))
			}
			if !hit && first && isLogistics(name) {
				t.Errorf("%s: %s begins in a sample, and leads nowhere", name, text)
			}
		}
	}
}

// isLogistics reports whether a provider's samples are whole.
func isLogistics(name string) bool {
	vendor, _, _ := strings.Cut(name, "-")
	return strings.Contains("instaleap jelp shippify detrack", vendor)
}

// What the pages' samples say of people is not there any more, nor what opens
// something, in whatever process that is asked.
func TestDeletePersonal(t *testing.T) {
	for provider, words := range map[string]string{
		"instaleap":      "Guillermo|2342342|3XqaWR5LR|Xilotzingo |5576|499011|Pruebas|11111111|9320|74.072092",
		"instaleap-chat": "my name is Jose",
		"jelp":           "LUIS ALBERTO|JOSUE|REPARTIDOR|DOMINGUEZ|HACIENDA|deliveryCode|trackingUrl|I have contacted",
		"shippify":       "testrecip|testsender|san marino|torres del norte|Denny|track/t-xyz|cdn.dev",
		"detrack":        "Dummy Address|Adam|123456789|JAJddop|3615|FrostyDeliveries",
		"detrack-v1":     "John|6591234567|Ubi Avenue|GT1234H|prompt|notify.php|1.325020",
	} {
		rewriter, err := route.NewRewriter(&route.Rewrite{Edits: []route.Edit{{Delete: "personal"}}})
		if err != nil {
			t.Fatal(err)
		}
		seen := make(map[string]bool)
		for _, sample := range samplesOf(t, provider) {
			e, err := arrival{provider: provider, body: sample}.event()
			if err != nil {
				t.Fatal(err)
			}
			snapshot := e.Snapshot()
			written, err := json.Marshal(snapshot)
			if err != nil {
				t.Fatal(err)
			}
			var read route.Snapshot
			if err := json.Unmarshal(written, &read); err != nil {
				t.Fatal(err)
			}
			for _, e := range []*route.Event{e, read.Event(nil, []byte(sample))} {
				out, err := rewriter.Apply(e)
				if err != nil {
					t.Fatalf("%s: %v", provider, err)
				}
				for word := range strings.SplitSeq(words, "|") {
					seen[word] = seen[word] || strings.Contains(sample, word)
					if strings.Contains(string(out.Body), word) && !strings.Contains(word, "Xilotzingo") {
						t.Errorf("%s: %q is left in %s", provider, word, out.Body)
					}
				}
			}
		}
		for word := range strings.SplitSeq(words, "|") {
			if !seen[word] {
				t.Errorf("%s: no sample has %q", provider, word)
			}
		}
	}
	rewriter, err := route.NewRewriter(&route.Rewrite{Edits: []route.Edit{{Delete: "personal"}}})
	if err != nil {
		t.Fatal(err)
	}
	e, err := arrival{provider: "sentry", config: &verify.Config{Unverified: true}, body: `{"personal":1}`}.event()
	if err != nil {
		t.Fatal(err)
	}
	if out, err := rewriter.Apply(e); err == nil {
		t.Errorf("of a provider whose description names nothing, %s goes on", out.Body)
	}
	// A member of that name.
	out, err := apply(t, newEvent(t, `{"personal":1,"b":2}`), route.Rewrite{Edits: []route.Edit{{Delete: `\personal`}}})
	if err != nil || string(out.Body) != `{"b":2}` {
		t.Errorf("%+v, %v", out, err)
	}
}
