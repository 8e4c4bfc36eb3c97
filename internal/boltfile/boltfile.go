// Package boltfile opens files of bbolt for the stores that keep something in
// one, and says what its failures mean.
package boltfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// lockTimeout is how long Open waits for another process to free the file.
const lockTimeout = time.Second

// Open opens the file at path, and makes it if there is none, with its
// directories. It is readable by its owner only. A file that another process has
// open is refused, and so is one that prepare, which gets the first transaction,
// returns an error for, or that is damaged.
//
// With NoFreelistSync a damaged one ends the process nevertheless: bbolt then
// looks at all pages in a goroutine of its own. To do so here first would take
// half as long again, which is seconds after a crash with a large backlog.
func Open(path string, options bolt.Options, prepare func(*bolt.Tx) error) (*bolt.DB, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	options.Timeout, options.FreelistType, options.NoStatistics = lockTimeout, bolt.FreelistMapType, true
	db, err := open(path, &options)
	if errors.Is(err, bolterrors.ErrTimeout) {
		return nil, fmt.Errorf("%s is open in another process; give each its own file", path)
	}
	if errors.Is(err, ErrDamaged) {
		err = fmt.Errorf("%w; move it away to go on without what it holds", err)
	}
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", path, err)
	}
	if err := errors.Join(private(path), Update(db, prepare)); err != nil {
		return nil, errors.Join(fmt.Errorf("opening %s: %w", path, err), db.Close())
	}
	return db, nil
}

func open(path string, options *bolt.Options) (_ *bolt.DB, err error) {
	defer Recover(&err)
	return bolt.Open(path, 0o600, options)
}

// private takes away what others may do with the file, which a copy or an
// older umask may have allowed.
func private(path string) error {
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm()&0o077 == 0 {
		return err
	}
	return os.Chmod(path, info.Mode().Perm()&^fs.FileMode(0o077))
}

// Update makes a transaction.
func Update(db *bolt.DB, change func(*bolt.Tx) error) (err error) {
	defer Recover(&err)
	return db.Update(change)
}

// ErrDamaged is returned for a file that is not as bbolt has written it.
var ErrDamaged = errors.New("the file is damaged")

// Recover is deferred by what uses a file. bbolt panics where it finds one
// damaged, which is made an error.
func Recover(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("%w: %v", ErrDamaged, r)
	}
}

// IsFull reports whether a transaction has failed because there was no room for
// its pages: on the disk, or in what its user or a file may have. There may be
// room again. After any other failure, such as data that could not be forced to
// disk, nobody knows what is on disk: the kernel reports that once and forgets
// the data. Nothing should be written then until the file is opened anew.
func IsFull(err error) bool {
	write, ok := errors.AsType[*fs.PathError](err)
	return ok && write.Op == "write" &&
		(errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG))
}
