package tenant

import (
	"errors"
	"io/fs"
)

// plainPathError leaves out of an error the place where a file was looked for: it
// holds an id that a stranger has made up. What was tried and why it failed stay.
func plainPathError(err error) error {
	if failed, ok := errors.AsType[*fs.PathError](err); ok {
		return errors.New(failed.Op + ": " + failed.Err.Error())
	}
	return err
}

// cmpError returns the first error that is one.
func cmpError(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}
