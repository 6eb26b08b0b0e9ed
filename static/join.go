package static

import (
	"bytes"
	"fmt"
	"path"
	"regexp"
	"strings"
)

// The page's modules are small, a dozen and a half of them, and a browser would
// fetch each on its own and compress each on its own, which is a third more
// bytes. So app.js is served with all that it imports inside. Each module stays
// one: a function whose names nobody else sees, and which gives what it exports.
//
//	import { make } from "./elements.js";     const { make } = $elements;
//	export function avatar() {…}              const $message = (() => { …; return { avatar }; })();
//
// It reads no more of the language than this house writes: imports at the
// beginning of a line, exports of one named thing, no circles.
var (
	imports = regexp.MustCompile(`(?m)^import (.+) from "(?:\.|\.\.)/(\w+)\.js";$`)
	exports = regexp.MustCompile(`(?m)^export ((?:async )?function|class|const) ([\w$]+)`)
)

// join gives a module with all that it imports inside, the client excepted, which
// is a file of its own. read gives the source of a module.
func join(name string, read func(name string) ([]byte, error)) ([]byte, error) {
	out := bytes.NewBufferString("import * as $parley from \"../parley.js\";\n")
	seen := map[string]bool{"parley": true}
	var add func(string) error
	add = func(name string) error {
		if seen[name] {
			return nil
		}
		seen[name] = true
		source, err := read(name + ".js")
		if err != nil {
			return err
		}
		for _, m := range imports.FindAllSubmatch(source, -1) {
			if err := add(string(m[2])); err != nil {
				return err
			}
		}
		var given []string
		for _, m := range exports.FindAllSubmatch(source, -1) {
			given = append(given, string(m[2]))
		}
		source = imports.ReplaceAllFunc(source, func(line []byte) []byte {
			m := imports.FindSubmatch(line)
			return fmt.Appendf(nil, "const %s = $%s;", strings.ReplaceAll(string(m[1]), " as ", ": "), m[2])
		})
		source = exports.ReplaceAll(source, []byte("$1 $2"))
		fmt.Fprintf(out, "const $%s = (() => {\n%s\nreturn { %s };\n})();\n", name, source, strings.Join(given, ", "))
		return nil
	}
	err := add(strings.TrimSuffix(path.Base(name), ".js"))
	return out.Bytes(), err
}
