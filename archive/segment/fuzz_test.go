package segment

import (
	"bytes"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/archive"
	"github.com/caddy-webhooks/caddy-webhooks/archive/archivetest"
)

// Whatever is in a file, reading it ends, and takes no more memory than the file has
// bytes. What was read is there.
func FuzzReader(f *testing.F) {
	record := archivetest.Made(1)
	written := appendFrame(nil, recordKind, []byte(`{"ref":"r","id":"evt_1"}`), record.Head, record.Body)
	written = appendFrame(written, noteKind, []byte(`{"ref":"r","outcome":"dead"}`), nil, nil)
	f.Add(written)
	f.Add(written[:len(written)-1])
	f.Add([]byte("R\xff\xff\xff\xff\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, content []byte) {
		s := &series{}
		g := &segment{size: int64(len(content))}
		file := bytes.NewReader(content)
		end := int64(0)
		_, err := s.scan(t.Context(), g, file, func(e *entry) {
			if e.offset < end || e.offset+e.size > int64(len(content)) || e.content > e.size {
				t.Errorf("a record of %d bytes stands at %d of %d", e.size, e.offset, len(content))
			}
			end = e.offset + e.size
			if loaded, err := e.load(file); err == nil && int64(len(loaded.Request())) != e.content {
				t.Errorf("the request has %d bytes, not %d", len(loaded.Request()), e.content)
			}
		}, func(*archive.Note) {})
		if err != nil {
			t.Error(err)
		}
		kept := new(bytes.Buffer)
		if _, err := copyRest(kept, file, int64(len(content)), nil); err != nil || !bytes.HasPrefix(content, kept.Bytes()) {
			t.Errorf("of it stays %q, %v", kept, err)
		}
	})
}
