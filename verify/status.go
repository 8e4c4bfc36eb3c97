package verify

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Statuses are HTTP statuses: codes such as "404" and classes such as "3xx".
// The single entry "off" stands for none.
type Statuses []string

// disabling are the statuses for which providers disable an endpoint, or take
// an event for lost: redirects, and answers that say that nobody is there.
var disabling = Statuses{"3xx", "401", "404", "410"}

// Include reports whether a status is among them. Nil stands for those for
// which providers disable an endpoint.
func (s Statuses) Include(status int) bool {
	if status < 300 {
		return false
	}
	if s == nil {
		s = disabling
	}
	code := strconv.Itoa(status)
	return slices.ContainsFunc(s, func(entry string) bool {
		return entry == code || strings.HasSuffix(entry, "xx") && entry[0] == code[0]
	})
}

func (s Statuses) validate() error {
	for _, entry := range s {
		if entry == "off" && len(s) == 1 {
			continue
		}
		code, err := strconv.Atoi(strings.Replace(entry, "xx", "00", 1))
		if err != nil || len(entry) != 3 || code < 300 || code > 599 {
			return fmt.Errorf("map_status: %q is not a status from 300 on; write codes and classes, such as 404 or 3xx, or off alone", entry)
		}
	}
	return nil
}
