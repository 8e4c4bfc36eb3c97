package bolt

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	bolt "go.etcd.io/bbolt"

	"github.com/caddy-webhooks/caddy-webhooks/internal/boltfile"
)

// bbolt gives no room back: what a long outage has made large stays so. So a file
// that is mostly empty is copied, when it is opened and while it is in use, and the
// copy takes its place. Whoever stores something waits meanwhile, which is why there
// is a bound to how much is copied.
//
// The copy is forced to disk under a name of its own before it is renamed, and is
// locked all the time. If the process is killed before that, the file is as it was,
// and what is left of the copy is removed when the file is opened.

// Bounds of what is copied.
const (
	minCompacted = 32 << 20 // bytes of a file that is worth it
	sparseness   = 4        // times larger than what is in it
	maxCopied    = 64 << 20 // bytes in the file, which takes less than a second
	compactBatch = 4 << 20  // bytes of a transaction
)

const copySuffix = ".compact"

// isSparse reports whether a file is mostly empty, and quickly copied.
func (s *Store) isSparse(tx *bolt.Tx) bool {
	kept := number(tx, bytesKey) + number(tx, deadBytesKey)
	return kept <= maxCopied && tx.Size() >= s.compactAbove && tx.Size()/sparseness > kept
}

// compactIfSparse compacts, if it is worth it. After a failure, such as for want of
// room, it is not tried again before the file is opened anew.
func (s *Store) compactIfSparse() {
	if !s.sparse || s.cannotCompact || s.failed() != nil {
		return
	}
	s.sparse = false
	if err := s.compact(); err != nil {
		s.cannotCompact = true
		if s.observer.Trouble != nil {
			s.observer.Trouble(err)
		}
	}
}

// compact puts a copy in the place of the file. Nobody else writes meanwhile. If it
// fails, the file is as it was.
func (s *Store) compact() error {
	path := s.path + copySuffix
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	smaller, err := boltfile.Open(path, fileOptions(), func(*bolt.Tx) error { return nil })
	if err != nil {
		return err
	}
	err = s.copyTo(smaller)
	if err == nil {
		err = os.Rename(path, s.path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("compacting %s: %w", s.path, err), smaller.Close(), os.Remove(path))
	}
	s.swap.Lock()
	larger := s.db
	s.db = smaller
	s.swap.Unlock()
	if err := boltfile.SyncDirectory(filepath.Dir(s.path)); err != nil {
		// After a loss of power the name may be the old file's, which is not
		// written any more.
		err = s.fail(err)
		return errors.Join(err, larger.Close())
	}
	return larger.Close()
}

func (s *Store) copyTo(smaller *bolt.DB) (err error) {
	defer boltfile.Recover(&err)
	smaller.NoSync = true
	if err := bolt.Compact(smaller, s.db, compactBatch); err != nil {
		return err
	}
	smaller.NoSync = false
	return smaller.Sync()
}
