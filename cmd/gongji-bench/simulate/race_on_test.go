//go:build race

package simulate

// raceDetector: the tests run under the race detector, which makes a world ten times as slow.
const raceDetector = true
