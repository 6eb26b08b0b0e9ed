package e2e_test

import (
	"os/exec"
	"syscall"
)

// dieWithParent has the kernel end cmd when the test binary ends, however it does.
func dieWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
