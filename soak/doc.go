// Command soak runs the real program for a while as a bad day would: mixed
// clients that come and go, in front of a directory whose line breaks in every
// way there is, in random order. Every request knows its right answer. It ends
// with a report, and fails when an answer was lost, doubled or wrong, or when
// memory, goroutines, descriptors or threads only grow.
//
//	go run ./soak -duration 10m
//
// A fault of the directory must reach the client as a result, 52 (unavailable),
// 3 (too slow) or 51 (busy). A connection may end only for what the client
// itself did: it stopped reading, or sent garbage.
//
// The right answers are what the proxy gives before the first fault, asked
// twice; that those are right is what the tests in test/ are for. Everything
// runs on loopback, is bounded in time, and ends with the program.
package main
