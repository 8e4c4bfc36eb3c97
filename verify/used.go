package verify

// Used says which credentials of each kind were right, by their numbers as they stand
// in the configuration, from 1; 0 where none of the kind is asked for. Of several
// headers with tokens it is the number in the last one.
type Used struct{ Secret, Token, TokenHeader, Basic int }

// Each calls a function with the name of each kind that was used, as the
// configuration has it, and the number.
func (u *Used) Each(f func(kind string, number int)) {
	for _, used := range [...]struct {
		kind   string
		number int
	}{{"secret", u.Secret}, {"token", u.Token}, {"token_header", u.TokenHeader}, {"basic", u.Basic}} {
		if used.number > 0 {
			f(used.kind, used.number)
		}
	}
}
