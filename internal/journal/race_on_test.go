//go:build race

package journal

// raceEnabled: SQLite's code is some twenty times slower then.
const raceEnabled = true
