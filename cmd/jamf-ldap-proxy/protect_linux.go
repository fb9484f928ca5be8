package main

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// protectMemory keeps the passwords in this process from other processes of the
// same user (/proc/PID/mem, ptrace, /proc/PID/environ) and out of core files:
// the kernel writes none, and hands none to a program like systemd-coredump,
// which the limit alone would not prevent. Root may still look.
func protectMemory() error {
	var failed error
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		failed = fmt.Errorf("keeping other processes out of the memory: %w", err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		failed = errors.Join(failed, fmt.Errorf("switching off core files: %w", err))
	}
	return failed
}
