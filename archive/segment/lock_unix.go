//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package segment

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// lockFolder makes sure that no other process has the archive in a folder, until the file
// that it returns is closed.
func lockFolder(folder string) (*os.File, error) {
	file, err := os.OpenFile(filepath.Join(folder, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = fmt.Errorf("the archive in %s is open in another process; give each its own folder", folder)
		}
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}
