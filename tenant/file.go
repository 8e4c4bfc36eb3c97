package tenant

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/caddy-webhooks/caddy-webhooks/payload"
)

// File is a Source of many tenants in one file: JSON Lines, where a line is a tenant
// with its id, or one JSON object that has the tenants by their ids. The ending of
// the file's name tells: .jsonl and .ndjson are JSON Lines.
//
// Refresh takes a changed file up, as a whole or not at all.
type File struct {
	path string

	refreshing sync.Mutex // held by Refresh
	seen       fs.FileInfo

	mu      sync.RWMutex // guards what follows; look-ups hold it while they read
	content content
}

// content is a file as it was when it was taken up.
type content interface {
	find(id string) ([]byte, error) // ErrUnknown if it is not there
	ids() ([]string, error)
	close()
}

// OpenFile reads a file for the first time.
func OpenFile(path string) (*File, error) {
	f := &File{path: path}
	if _, err := f.Refresh(); err != nil {
		return nil, err
	}
	return f, nil
}

// Refresh looks whether the file is another one than before, and takes it up. It
// reports whether it was. After an error the tenants stay as they were; the same
// file is not read again.
func (f *File) Refresh() (changed bool, err error) {
	f.refreshing.Lock()
	defer f.refreshing.Unlock()
	info, err := os.Stat(f.path)
	if err != nil {
		f.seen = nil
		return false, fmt.Errorf("the file of tenants: %w", plainPathError(err))
	}
	if f.seen != nil && os.SameFile(f.seen, info) && f.seen.Size() == info.Size() && f.seen.ModTime().Equal(info.ModTime()) {
		return false, nil
	}
	if !info.Mode().IsRegular() {
		return false, fmt.Errorf("%s is no regular file", f.path)
	}
	file, err := os.Open(f.path)
	if err != nil {
		return false, fmt.Errorf("the file of tenants: %w", plainPathError(err))
	}
	// What was opened may be a newer file than what was looked at: then the next
	// Refresh finds a difference.
	f.seen = info
	fresh, err := readContent(file)
	if err != nil {
		return false, fmt.Errorf("the file of tenants is not taken up: %w", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.content != nil {
		f.content.close()
	}
	f.content = fresh
	return true, nil
}

// readContent takes a file up, and closes it unless the content needs it.
func readContent(file *os.File) (content, error) {
	if ending := filepath.Ext(file.Name()); ending == ".jsonl" || ending == ".ndjson" {
		index, err := indexLines(file)
		if err != nil {
			_ = file.Close()
			return nil, err
		}
		return index, nil
	}
	defer func() { _ = file.Close() }() // it is only read
	return readObject(file)
}

// Close lets go of the file.
func (f *File) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.content != nil {
		f.content.close()
	}
	f.content = nil
	return nil
}

var errClosed = errors.New("the file of tenants is closed")

// Tenant implements Source.
func (f *File) Tenant(_ context.Context, id string) (*Tenant, error) {
	if err := CheckID(id); err != nil {
		return nil, err
	}
	document, err := f.find(id)
	if err != nil {
		return nil, err
	}
	return Parse(id, document)
}

func (f *File) find(id string) ([]byte, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.content == nil {
		return nil, errClosed
	}
	return f.content.find(id)
}

// List implements Lister.
func (f *File) List(context.Context) ([]string, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.content == nil {
		return nil, errClosed
	}
	ids, err := f.content.ids()
	slices.Sort(ids)
	return ids, err
}

// object is the content of a file that is one JSON object.
type object map[string]json.RawMessage

func readObject(file *os.File) (object, error) {
	document, err := os.ReadFile(file.Name())
	if err != nil {
		return nil, plainPathError(err)
	}
	tree, err := payload.Decode(document) // refuses a name that stands twice
	if err != nil {
		return nil, err
	}
	if _, ok := tree.(map[string]any); !ok {
		return nil, errors.New("it is no object of tenants by their ids")
	}
	var tenants object
	if err := json.Unmarshal(document, &tenants); err != nil {
		return nil, errors.New("it is no object of tenants by their ids")
	}
	for id := range tenants {
		if CheckID(id) != nil {
			return nil, fmt.Errorf("the name %.40q: %w", id, ErrID)
		}
	}
	return tenants, nil
}

func (o object) find(id string) ([]byte, error) {
	document, ok := o[id]
	if !ok {
		return nil, ErrUnknown
	}
	return document, nil
}

func (o object) ids() ([]string, error) {
	ids := make([]string, 0, len(o))
	for id := range o {
		ids = append(ids, id)
	}
	return ids, nil
}

func (o object) close() {}
