//go:build race

package test

// raceEnabled: these tests run under the race detector, and so does the binary.
const raceEnabled = true
