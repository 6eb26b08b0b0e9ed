package e2e_test

import (
	"os"
	"os/exec"
	"testing"
)

// TestTypes compiles a program that uses every call of parley.js as parley.d.ts
// says it may be used.
func TestTypes(t *testing.T) {
	const compiler = "types/node_modules/typescript/bin/tsc"
	if _, err := os.Stat(compiler); err != nil {
		t.Skip("make need has not installed TypeScript")
	}
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("there is no node on this machine")
	}
	if out, err := exec.Command(node, compiler, "--project", "types").CombinedOutput(); err != nil {
		t.Errorf("tsc: %v\n%s", err, out)
	}
}
