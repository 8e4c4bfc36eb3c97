//go:build race

package payload_test

// heapSlack is the part of a measured heap that the allocator of the race detector
// may add: up to a third.
const heapSlack = 3
