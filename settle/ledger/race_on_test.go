//go:build race

package ledger

// raceDetector: the tests run under the race detector.
const raceDetector = true
