package static_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"parley/static"
)

func read(t *testing.T, name string) string {
	t.Helper()
	content, err := fs.ReadFile(static.FS, name)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// What the page names is there, and relative: the server may be mounted anywhere.
func TestReferences(t *testing.T) {
	index := read(t, "index.html")
	if n := strings.Count(index, `<base href="{{base}}">`); n != 1 {
		t.Errorf("index.html has %d bases", n)
	}
	for _, m := range regexp.MustCompile(`(?:href|src)="([^"]*)"`).FindAllStringSubmatch(index, -1) {
		ref := m[1]
		if ref == "." || ref == "{{base}}" || strings.HasPrefix(ref, "data:") {
			continue
		}
		if drawing, ok := strings.CutPrefix(ref, "#"); ok {
			if !strings.Contains(index, `<symbol id="`+drawing+`"`) {
				t.Errorf("index.html has no drawing %q", drawing)
			}
			continue
		}
		name, ok := strings.CutPrefix(ref, "-/static/")
		if !ok {
			name, ok = strings.CutPrefix(ref, "-/")
		}
		if !ok {
			t.Errorf("index.html names %q, which is not below its base", ref)
			continue
		}
		read(t, name)
	}
}

// app.js is served with every module inside, each once and after those that it
// imports, and imports nothing but the client.
func TestModulesAreJoined(t *testing.T) {
	app := read(t, "app.js")
	if got := regexp.MustCompile(`(?m)^import .*`).FindAllString(app, -1); len(got) != 1 || got[0] != `import * as $parley from "../parley.js";` {
		t.Errorf("app.js imports %q", got)
	}
	if found := regexp.MustCompile(`(?m)^export .*`).FindString(app); found != "" {
		t.Errorf("app.js has %q", found)
	}
	names, err := fs.Glob(static.FS, "*.js")
	if err != nil {
		t.Fatal(err)
	}
	declared := regexp.MustCompile(`(?m)^const \$(\w+) = \(\(\) => \{$`)
	var order []string
	for _, m := range declared.FindAllStringSubmatch(app, -1) {
		order = append(order, m[1]+".js")
	}
	for _, name := range names {
		if name != "parley.js" && !slices.Contains(order, name) {
			t.Errorf("%s is not in app.js", name)
		}
	}
	if len(order) != len(names)-1 {
		t.Errorf("app.js is made of %q", order)
	}
	for _, m := range regexp.MustCompile(`(?m)^const \{.*\} = \$(\w+);$`).FindAllStringSubmatchIndex(app, -1) {
		name := app[m[2]:m[3]]
		if name != "parley" && !strings.Contains(app[:m[0]], "const $"+name+" = ") {
			t.Errorf("%s is used before it is there", name)
		}
	}
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("there is no node on this machine")
	}
	file := filepath.Join(t.TempDir(), "app.mjs")
	if err := os.WriteFile(file, []byte(app), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(node, "--check", file).CombinedOutput(); err != nil {
		t.Errorf("node --check: %v\n%s", err, out)
	}
}

// The policy that the page is served under allows no script and no style in the
// document, and the code takes nobody's words for markup.
func TestNothingInline(t *testing.T) {
	index := read(t, "index.html")
	for _, bad := range []string{`<style`, ` style=`, `<script>`, `javascript:`} {
		if strings.Contains(index, bad) {
			t.Errorf("index.html has %q", bad)
		}
	}
	if regexp.MustCompile(`\son[a-z]+=`).MatchString(index) {
		t.Error("index.html has a handler in an attribute")
	}
	modules, err := fs.Glob(static.FS, "*.js")
	if err != nil {
		t.Fatal(err)
	}
	sink := regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|setHTML|createContextualFragment|DOMParser|\beval\b|new Function|srcdoc`)
	for _, module := range modules {
		if found := sink.FindString(read(t, module)); found != "" {
			t.Errorf("%s has %s", module, found)
		}
	}
}

// Sizes are kept, because they only ever grow. They are of what goes over the
// wire where it is compressed, file by file.
func TestSizes(t *testing.T) {
	size := func(name string) int {
		var b bytes.Buffer
		w, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
		w.Write([]byte(read(t, name)))
		w.Close()
		return b.Len()
	}
	client, page := size("parley.js"), 0
	for _, name := range []string{"index.html", "style.css", "app.js", "parley.js"} {
		page += size(name)
	}
	t.Logf("gzipped, parley.js is %d bytes, and the whole page %d", client, page)
	if client > 8<<10 {
		t.Errorf("parley.js is %d bytes gzipped, more than 8 KB", client)
	}
	if page > 40<<10 {
		t.Errorf("the page is %d bytes gzipped, more than 40 KB", page)
	}
}

// What is left out of a module when it is served is comments and no more: no
// string goes over the end of a line.
func TestOnlyCommentsAreLeftOut(t *testing.T) {
	source, err := os.ReadFile("parley.js")
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for line := range strings.Lines(string(source)) {
		if code := strings.TrimSpace(line); code != "" && !strings.HasPrefix(code, "//") {
			want = append(want, code)
		}
	}
	if got := strings.Split(strings.TrimSpace(read(t, "parley.js")), "\n"); !slices.Equal(got, want) {
		t.Error("parley.js is served as something else")
	}
	modules, err := filepath.Glob("*.js")
	if err != nil {
		t.Fatal(err)
	}
	quiet := regexp.MustCompile(`\\.|"(?:[^"\\]|\\.)*"|/(?:[^/\\\s]|\\.)+/\w*|^\s*//.*`)
	for _, name := range modules {
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range strings.Split(string(source), "\n") {
			if strings.Count(quiet.ReplaceAllString(line, ""), "`")%2 != 0 {
				t.Errorf("%s:%d: a string that goes over the end of the line", name, i+1)
			}
		}
	}
}

// The description of the API is whole: every reference in it leads somewhere,
// every parameter of a path is described, and every operation answers.
func TestOpenAPI(t *testing.T) {
	var doc map[string]any
	if err := json.Unmarshal([]byte(read(t, "openapi.json")), &doc); err != nil {
		t.Fatal(err)
	}
	resolve := func(ref string) map[string]any {
		at := any(doc)
		for _, step := range strings.Split(strings.TrimPrefix(ref, "#/"), "/") {
			m, _ := at.(map[string]any)
			at = m[step]
		}
		m, ok := at.(map[string]any)
		if !ok {
			t.Errorf("%s leads nowhere", ref)
		}
		return m
	}
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if ref, ok := v["$ref"].(string); ok {
				resolve(ref)
			}
			for _, inner := range v {
				walk(inner)
			}
		case []any:
			for _, inner := range v {
				walk(inner)
			}
		}
	}
	walk(doc)

	described := func(params any, out map[string]bool) {
		list, _ := params.([]any)
		for _, p := range list {
			m := p.(map[string]any)
			if ref, ok := m["$ref"].(string); ok {
				m = resolve(ref)
			}
			if m["in"] == "path" {
				out[m["name"].(string)] = true
			}
		}
	}
	ids := map[any]bool{}
	for path, item := range doc["paths"].(map[string]any) {
		shared := map[string]bool{}
		described(item.(map[string]any)["parameters"], shared)
		for method, op := range item.(map[string]any) {
			if method == "parameters" {
				continue
			}
			op := op.(map[string]any)
			if op["responses"] == nil {
				t.Errorf("%s %s answers nothing", method, path)
			}
			if id := op["operationId"]; id != nil {
				if ids[id] {
					t.Errorf("two operations are called %v", id)
				}
				ids[id] = true
			}
			have := map[string]bool{}
			described(op["parameters"], have)
			for _, m := range regexp.MustCompile(`\{(\w+)\}`).FindAllStringSubmatch(path, -1) {
				if !have[m[1]] && !shared[m[1]] {
					t.Errorf("%s %s does not describe {%s}", method, path, m[1])
				}
			}
		}
	}
}

func TestClient(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("there is no node on this machine")
	}
	if out, err := exec.Command(node, "--test", "--test-timeout=120000", "parley.test.mjs", "shared.test.mjs").CombinedOutput(); err != nil {
		t.Errorf("node --test: %v\n%s", err, out)
	}
}
