//go:build !linux

package test

import "testing"

// limitDescriptors needs prlimit, which only Linux has.
func limitDescriptors(t testing.TB, _ *proxy, _ int) { t.Helper(); t.Skip("needs Linux") }
