package e2e_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestTypes compiles a program that uses every call of parley.js as parley.d.ts
// says it may be used, and the examples of the guide.
func TestTypes(t *testing.T) {
	compiler, err := filepath.Abs("types/node_modules/typescript/bin/tsc")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(compiler); err != nil {
		t.Skip("make need has not installed TypeScript")
	}
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("there is no node on this machine")
	}
	module, err := filepath.Abs("../static/parley.js")
	if err != nil {
		t.Fatal(err)
	}
	guide, err := os.ReadFile("../docs/javascript.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := fmt.Sprintf("import { connect, type Connection } from %s;\ndeclare function show(words: unknown): { mark(word: string): void };\n", quoted(filepath.ToSlash(module)))
	for i, m := range regexp.MustCompile("(?s)```js\n(.*?)```").FindAllStringSubmatch(string(guide), -1) {
		code := strings.Replace(m[1], "import { connect } from \"/-/parley.js\";\n", "", 1)
		given := "conn: Connection"
		if i == 0 {
			given = ""
		}
		examples += fmt.Sprintf("export async function example%d(%s) {\n%s}\n", i, given, code)
	}
	file := filepath.Join(t.TempDir(), "guide.ts")
	if err := os.WriteFile(file, []byte(examples), 0o600); err != nil {
		t.Fatal(err)
	}
	for what, args := range map[string][]string{
		"types/use.ts":       {"--project", "types"},
		"docs/javascript.md": {"--strict", "--noEmit", "--allowImportingTsExtensions", "--target", "es2022", "--module", "esnext", "--moduleResolution", "bundler", file},
	} {
		if out, err := exec.Command(node, append([]string{compiler}, args...)...).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", what, err, out)
		}
	}
}
