//go:build !linux

package test

import "os/exec"

func dieWithUs(*exec.Cmd) {}
