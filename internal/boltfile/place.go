package boltfile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/caddyserver/caddy/v2"
)

// Place returns the real path of a file that a configuration names, in which
// placeholders such as {env.NAME} are replaced. If it names none, that is one of a
// name in Caddy's data directory. The path is what tells the file from others,
// whatever links lead to it.
func Place(path, name string) (string, error) {
	if path == "" {
		path = filepath.Join(caddy.AppDataDir(), "webhooks", name)
	} else {
		replaced, err := caddy.NewReplacer().ReplaceOrErr(path, true, true)
		if err != nil {
			return "", fmt.Errorf("the path %s: %w", path, err)
		}
		path = replaced
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	return realPath(path), nil
}

// realPath follows the links in a path. The file may not be there yet, nor the
// directories that lead to it.
func realPath(path string) string {
	for directory, rest := path, ""; ; {
		if real, err := filepath.EvalSymlinks(directory); err == nil {
			return filepath.Join(real, rest)
		}
		parent := filepath.Dir(directory)
		if parent == directory {
			return path
		}
		rest = filepath.Join(filepath.Base(directory), rest)
		directory = parent
	}
}

// SyncDirectory makes sure that what was made, renamed and removed in a directory stays
// so.
func SyncDirectory(path string) error {
	directory, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(directory.Sync(), directory.Close())
}
