//go:build race

package route_test

// raceDetector is whether the race detector is on, which empties pools.
const raceDetector = true
