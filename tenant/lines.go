package tenant

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"os"
	"slices"
)

// lines is the content of a file of JSON Lines. Only where the lines are is kept, so
// that a million tenants take some 24 MB. The file stays open, so that one that
// takes its name does not get mixed up with it.
type lines struct {
	file *os.File
	seed maphash.Seed
	at   []line // in the order of their hashes
}

// line is where a tenant stands.
type line struct {
	hash   uint64 // of the id
	offset int64
	length int
}

// indexLines finds the lines of a file, which belongs to the index if there is no
// error. A file with a line that has no id, or with two for one id, is refused as a
// whole.
func indexLines(file *os.File) (*lines, error) {
	index := &lines{file: file, seed: maphash.MakeSeed()}
	if info, err := file.Stat(); err == nil {
		index.at = make([]line, 0, info.Size()/128)
	}
	err := index.scan(func(id []byte, at line) error {
		at.hash = maphash.Bytes(index.seed, id)
		index.at = append(index.at, at)
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(index.at, func(a, b line) int { return cmp.Compare(a.hash, b.hash) })
	index.at = slices.Clip(index.at)
	return index, index.checkTwice()
}

// scan calls a function with the id of each line.
func (l *lines) scan(each func(id []byte, at line) error) error {
	reader := bufio.NewReaderSize(io.NewSectionReader(l.file, 0, 1<<62), 1<<20)
	var offset int64
	for number := 1; ; number++ {
		text, err := reader.ReadSlice('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			if errors.Is(err, bufio.ErrBufferFull) {
				return fmt.Errorf("line %d is longer than a tenant may be", number)
			}
			return plainPathError(err)
		}
		if document := bytes.TrimSpace(text); len(document) > 0 {
			id := idOf(document)
			if CheckID(string(id)) != nil {
				return fmt.Errorf(`line %d has no "id" that a tenant can have`, number)
			}
			if err := each(id, line{offset: offset, length: len(text)}); err != nil {
				return err
			}
		}
		offset += int64(len(text))
		if err != nil {
			return nil
		}
	}
}

// idOf returns the id in a line: quickly where it stands first, as it does in what
// programs write.
func idOf(document []byte) []byte {
	rest := document
	for _, token := range []string{"{", `"id"`, ":", `"`} {
		var ok bool
		if rest, ok = bytes.CutPrefix(bytes.TrimLeft(rest, " \t"), []byte(token)); !ok {
			return slowIDOf(document)
		}
	}
	if end := bytes.IndexByte(rest, '"'); end >= 0 {
		return rest[:end]
	}
	return nil
}

func slowIDOf(document []byte) []byte {
	var named struct {
		ID string `json:"id"`
	}
	if json.Unmarshal(document, &named) != nil {
		return nil
	}
	return []byte(named.ID)
}

// checkTwice refuses an id that stands twice: it would depend on chance which one is
// found.
func (l *lines) checkTwice() error {
	for i := 1; i < len(l.at); i++ {
		if l.at[i-1].hash != l.at[i].hash {
			continue
		}
		one, err := l.read(l.at[i-1])
		if err != nil {
			return err
		}
		other, err := l.read(l.at[i])
		if err != nil {
			return err
		}
		if id := idOf(one); bytes.Equal(id, idOf(other)) {
			return fmt.Errorf("two lines have the id %s", id)
		}
	}
	return nil
}

func (l *lines) read(at line) ([]byte, error) {
	document := make([]byte, at.length)
	if _, err := l.file.ReadAt(document, at.offset); err != nil {
		return nil, errors.New("the file of tenants was changed where it stood; write another one and rename it")
	}
	return bytes.TrimSpace(document), nil
}

func (l *lines) find(id string) ([]byte, error) {
	hash := maphash.String(l.seed, id)
	i, found := slices.BinarySearchFunc(l.at, hash, func(at line, hash uint64) int { return cmp.Compare(at.hash, hash) })
	for ; found && i < len(l.at) && l.at[i].hash == hash; i++ {
		document, err := l.read(l.at[i])
		if err != nil {
			return nil, err
		}
		switch in := idOf(document); {
		case string(in) == id:
			return document, nil
		case maphash.Bytes(l.seed, in) != hash:
			return nil, errors.New("the file of tenants was changed where it stood; write another one and rename it")
		}
	}
	return nil, ErrUnknown
}

func (l *lines) ids() ([]string, error) {
	ids := make([]string, 0, len(l.at))
	err := l.scan(func(id []byte, _ line) error {
		ids = append(ids, string(id))
		return nil
	})
	return ids, err
}

func (l *lines) close() { _ = l.file.Close() }
