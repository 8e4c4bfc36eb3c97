// Package suggest finds the name that was probably meant, for error messages.
package suggest

import "strings"

// Nearest returns the candidate that a misspelt name most likely stands for,
// or an empty string if none is near. A name that is a candidate but for words in
// front stands for it, as assign_driver does for order_update:assign_driver.
func Nearest(name string, candidates []string) string {
	for _, candidate := range candidates {
		if endsIn(candidate, name) || endsIn(name, candidate) {
			return candidate
		}
	}
	nearest, least := "", max(2, len(name)/3)+1
	for _, candidate := range candidates {
		if d := distance(strings.ToLower(name), strings.ToLower(candidate)); d < least {
			nearest, least = candidate, d
		}
	}
	return nearest
}

// endsIn reports whether a name ends in another one, before which a word ends.
func endsIn(long, short string) bool {
	at := len(long) - len(short)
	return short != "" && at > 0 && strings.EqualFold(long[at:], short) && strings.IndexByte("_-.:/ ", long[at-1]) >= 0
}

// DidYouMean returns "; did you mean X?", or nothing if no candidate is near.
func DidYouMean(name string, candidates []string) string {
	if nearest := Nearest(name, candidates); nearest != "" {
		return "; did you mean " + nearest + "?"
	}
	return ""
}

// distance is the number of bytes to insert, delete or replace (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
