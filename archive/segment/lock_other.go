//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package segment

import (
	"os"
	"path/filepath"
)

// lockFolder returns a file that stands for the archive in a folder. Nothing keeps other
// processes out here.
func lockFolder(folder string) (*os.File, error) {
	return os.OpenFile(filepath.Join(folder, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
}
