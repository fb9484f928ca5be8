package test

import (
	"os/exec"
	"syscall"
)

// dieWithUs has the kernel end a child when this test process is killed: a
// timed out run then leaves no servers behind.
func dieWithUs(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
