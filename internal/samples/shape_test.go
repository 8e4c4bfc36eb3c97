package samples

import (
	"encoding/json"
	"os"
	"slices"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
)

func shapeOf(t *testing.T, documents ...string) *Shape {
	t.Helper()
	var shape *Shape
	for _, document := range documents {
		var value any
		if err := json.Unmarshal([]byte(document), &value); err != nil {
			t.Fatal(err)
		}
		shape = shape.with(value)
	}
	return shape
}

func TestMisspelt(t *testing.T) {
	shape := shapeOf(t, `{"job":{"status":"A","order_id":1,"lines":[{"sku":"a","price":1}],"line1":"x","note":null},"item":{},"url":"u"}`, `{"job":{"state":"B"}}`)
	tests := map[string]string{
		"job.stauts": "job.status", "job.sttus": "job.status", "job.statuss": "job.status", "job.stetus": "job.status", "job.Status": "job.status",
		"jbo.status": "", "jobb.status": "", "job.orderId": "job.order_id", "job.order-id": "job.order_id", "job.lines.0.pirce": "job.lines.0.price",
		"job.lines.*.pirce": "job.lines.*.price", "job.stauts.code": "job.status.code",
		// What is known, and what may well be there.
		"job.status": "", "job.state": "", "job.lines.7.sku": "", "job.status.code": "", "job.note.text": "", "job.customer": "", "job.line2": "", "items": "",
		"job.line": "", "uri": "", "*.status": "", "job.lines.sku": "", "": "",
	}
	for text, want := range tests {
		var path payload.Path
		if text != "" {
			path, _ = payload.ParsePath(text)
		}
		if got := shape.Misspelt(path); got.String() != want {
			t.Errorf("%s is taken for %q, want %q", text, got, want)
		}
	}
}

func TestLacks(t *testing.T) {
	shape := shapeOf(t, `{"job":{"lines":[{"sku":"a"}],"note":null,"data":{}},"none":[]}`)
	for text, want := range map[string]bool{
		"job.other": true, "other": true, "job.lines.*.price": true, "job.lines.0.price": true, "job.lines.price": false,
		"job": false, "job.lines.*.sku": false, "job.note.a": false, "job.data.a": false, "none.*.a": false, "*.lines": false,
	} {
		path, _ := payload.ParsePath(text)
		if got := shape.Lacks(path); got != want {
			t.Errorf("%s is lacking: %t, want %t", text, got, want)
		}
	}
}

// A webhook of which there is no sample yet is taken for no slip of others: for each
// sample, what the provider's others know.
func TestNoFalseAlarm(t *testing.T) {
	root := os.DirFS("../..")
	folders, err := os.ReadDir("../../testdata")
	if err != nil {
		t.Fatal(err)
	}
	held := 0
	for _, folder := range folders {
		if !folder.IsDir() || slices.Contains([]string{"adapt", "observability", "troubleshooting"}, folder.Name()) {
			continue
		}
		found, err := Read(root, folder.Name())
		if err != nil {
			t.Fatal(err)
		}
		for left := range found {
			var shape *Shape
			for i, sample := range found {
				if value := valueOf(sample); i != left && value != nil {
					shape = shape.with(value)
				}
			}
			if value := valueOf(found[left]); value != nil && shape != nil {
				held++
				eachPath(value, nil, func(path payload.Path) {
					if meant := shape.Misspelt(path); meant != nil && joined(meant.String()) != joined(path.String()) {
						t.Errorf("%s: %s is taken for %s", folder.Name(), path, meant)
					}
				})
			}
		}
	}
	if held < 25 {
		t.Errorf("%d samples were held against others", held)
	}
}

func valueOf(sample *Sample) any {
	value, _ := payload.New(sample.Body, sample.Header.Get("Content-Type"), "").Value()
	return value
}

func eachPath(value any, path payload.Path, visit func(payload.Path)) {
	if object, ok := value.(map[string]any); ok {
		for name, member := range object {
			inner := append(slices.Clone(path), name)
			visit(inner)
			eachPath(member, inner, visit)
		}
	}
	if list, ok := value.([]any); ok {
		for _, element := range list {
			eachPath(element, append(slices.Clone(path), "0"), visit)
		}
	}
}
