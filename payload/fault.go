package payload

import "fmt"

// Fault is an error whose text holds nothing of a payload, so that it may stand
// in a log.
type Fault string //nolint:errname // packages make constants and values of it; Fault reads better there

func (f Fault) Error() string { return string(f) }

// Faultf makes a Fault of a format and of what is no part of a payload.
func Faultf(format string, args ...any) error { return Fault(fmt.Sprintf(format, args...)) }
