//go:build !linux

package main

// protectMemory is for Linux only: elsewhere core files are the service
// manager's to switch off.
func protectMemory() error { return nil }
