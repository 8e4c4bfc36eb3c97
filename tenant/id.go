package tenant

import "errors"

// maxID is how long an id may be, in bytes.
const maxID = 128

// ErrID is returned for what cannot be the id of a tenant. It does not repeat the
// id, which is a stranger's text.
var ErrID = errors.New("a tenant's id has 1 to 128 of the characters A-Z a-z 0-9 . _ ~ - and does not begin with a dot")

// CheckID refuses what cannot be the id of a tenant. An id is used in the names
// of files, keys and URLs: none of its characters separates anything there, and
// none that begins with a dot leads up a directory or names a hidden file.
func CheckID(id string) error {
	if len(id) == 0 || len(id) > maxID || id[0] == '.' {
		return ErrID
	}
	for i := range len(id) {
		if !isIDByte(id[i]) {
			return ErrID
		}
	}
	return nil
}

func isIDByte(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	default:
		return c == '.' || c == '_' || c == '~' || c == '-'
	}
}
