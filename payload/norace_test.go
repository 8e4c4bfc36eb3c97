//go:build !race

package payload_test

// heapSlack is the part of a measured heap that a count may miss: an eighth.
const heapSlack = 8
