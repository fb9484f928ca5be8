package test

import (
	"os/exec"
	"syscall"
)

// dieWithUs has the kernel end a child when this test process is killed: a
// timed out run then leaves no servers behind.
func dieWithUs(cmd *exec.Cmd) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
}
