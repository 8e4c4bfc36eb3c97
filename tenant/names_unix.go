//go:build !windows

package tenant

// opensByOtherNames reports whether the system opens a file by names that differ
// from its own in more than case.
const opensByOtherNames = false
