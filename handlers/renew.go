package handlers

import (
	"encoding/json"
	"reflect"
	"strings"

	"go.uber.org/zap"

	"github.com/caddy-webhooks/caddy-webhooks/handlers/observe"
)

// renewal takes up the credentials of a handler that stand in files when the files
// change. It runs on the goroutine of the watch; what it makes is handed to requests by
// the handler's atomic pointers.
type renewal[T any] struct {
	handler string // for the metric
	whose   zap.Field
	logger  *zap.Logger
	current T      // as it was read last, and is in use
	failed  string // what was wrong last; empty if nothing was

	read func() (T, error)
	use  func(T) error
}

// renew begins to look after the credentials of a handler, if any stands in a file.
func renew[T any](watch *observe.Watcher, configured any, r *renewal[T]) {
	if namesFile(configured) {
		watch.Every(r.look)
	}
}

// namesFile reports whether a configuration has a placeholder for the content of a file.
func namesFile(configured any) bool {
	text, err := json.Marshal(configured)
	return err == nil && strings.Contains(string(text), "{file.")
}

// look reads the credentials, and uses them if they are others. What cannot be read or
// used leaves those that are in use, and is told of once.
func (r *renewal[T]) look() {
	fresh, err := r.read()
	if err == nil && reflect.DeepEqual(fresh, r.current) {
		r.failed = ""
		return
	}
	if err == nil {
		err = r.use(fresh)
	}
	switch {
	case err == nil:
		r.current, r.failed = fresh, ""
		observe.Collectors().Renewed.WithLabelValues(r.handler, "taken").Inc()
		r.logger.Info("credentials have changed in their files, and the new ones are in use", r.whose)
	case err.Error() != r.failed:
		r.failed = err.Error()
		observe.Collectors().Renewed.WithLabelValues(r.handler, "broken").Inc()
		r.logger.Warn("credentials have changed in their files and cannot be used; the old ones stay in use", r.whose, zap.Error(err))
	}
}
