package tenant

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
)

// suffix is how the names of files and keys end that hold one tenant.
const suffix = ".json"

// Directory is a Source of one file for each tenant, named after its id and ".json".
// Nothing is kept: each look-up reads the file anew, so that it does not matter how
// the file came to be another one.
type Directory struct{ path string }

// NewDirectory returns the Source of a directory.
func NewDirectory(path string) *Directory { return &Directory{path} }

// Check returns an error unless the directory is there.
func (d *Directory) Check() error {
	info, err := os.Stat(d.path)
	switch {
	case err != nil:
		return fmt.Errorf("the directory of tenants: %w", plainPathError(err))
	case !info.IsDir():
		return fmt.Errorf("%s is no directory", d.path)
	}
	return nil
}

// Tenant implements Source.
func (d *Directory) Tenant(_ context.Context, id string) (*Tenant, error) {
	if err := CheckID(id); err != nil {
		return nil, err
	}
	document, err := readSmall(d.file(id))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		// A directory that is gone has no tenants, but not because they have left.
		if err := d.Check(); err != nil {
			return nil, err
		}
		return nil, ErrUnknown
	case err != nil:
		return nil, plainPathError(err)
	}
	if spelled, err := d.isSpelled(id); err != nil || !spelled {
		return nil, cmpError(err, ErrUnknown)
	}
	return Parse(id, document)
}

func (d *Directory) file(id string) string { return filepath.Join(d.path, id+suffix) }

// isSpelled reports whether a file that could be opened has this very name. Where
// names in another case, or Windows' short ones, open the same file, one tenant
// would be found by several ids.
func (d *Directory) isSpelled(id string) (bool, error) {
	if !opensByOtherNames && !d.sameFile(id, swapCase(id)) {
		return true, nil
	}
	entries, err := os.ReadDir(d.path)
	if err != nil {
		return false, plainPathError(err)
	}
	return slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() == id+suffix }), nil
}

func (d *Directory) sameFile(id, other string) bool {
	if id == other {
		return false
	}
	a, errA := os.Stat(d.file(id))
	b, errB := os.Stat(d.file(other))
	return errA == nil && errB == nil && os.SameFile(a, b)
}

func swapCase(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsUpper(r) {
			return unicode.ToLower(r)
		}
		return unicode.ToUpper(r)
	}, text)
}

// List implements Lister.
func (d *Directory) List(context.Context) ([]string, error) {
	entries, err := os.ReadDir(d.path)
	if err != nil {
		return nil, plainPathError(err)
	}
	names := make([]string, len(entries))
	for i, entry := range entries {
		names[i] = entry.Name()
	}
	return idsOf(names), nil
}

// idsOf returns the ids of the tenants that are kept under these names, in order.
func idsOf(names []string) []string {
	var ids []string
	for _, name := range names {
		if id, ok := strings.CutSuffix(name, suffix); ok && CheckID(id) == nil {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// Put implements Store: the file is complete before it has its name.
func (d *Directory) Put(_ context.Context, id string, document []byte) error {
	if _, err := Parse(id, document); err != nil {
		return err
	}
	return plainPathError(writeWhole(d.path, d.file(id), document))
}

// writeWhole writes a file that others see as a whole or not at all, also after a
// loss of power. Its name until then begins with a dot, which no id does.
func writeWhole(directory, name string, content []byte) error {
	draft, err := os.CreateTemp(directory, ".tenant-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(draft.Name()) }() // it is gone if all went well
	_, err = draft.Write(content)
	if err = errors.Join(err, draft.Sync(), draft.Close()); err != nil {
		return err
	}
	if err := os.Rename(draft.Name(), name); err != nil {
		return err
	}
	return syncDirectory(directory)
}

func syncDirectory(path string) error {
	directory, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = directory.Close() }()                       // nothing was written to it
	if err := directory.Sync(); err != nil && !opensByOtherNames { // Windows cannot do it
		return err
	}
	return nil
}

// Delete implements Store.
func (d *Directory) Delete(_ context.Context, id string) error {
	if err := CheckID(id); err != nil {
		return err
	}
	if spelled, err := d.isSpelled(id); err != nil || !spelled {
		return cmpError(err, ErrUnknown)
	}
	err := os.Remove(d.file(id))
	if errors.Is(err, fs.ErrNotExist) {
		return ErrUnknown
	}
	return plainPathError(err)
}

// readSmall reads a regular file that is no larger than a tenant may be. Opening
// another kind of file might wait for ever.
func readSmall(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, broken("%s is no regular file", filepath.Base(name))
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // it is only read
	return io.ReadAll(io.LimitReader(file, maxDocument+1))
}
