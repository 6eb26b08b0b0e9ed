package static_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io/fs"
	"os/exec"
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

// What the page and its modules name is there, and relative: the server may be
// mounted anywhere.
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

	modules, err := fs.Glob(static.FS, "*.js")
	if err != nil {
		t.Fatal(err)
	}
	imports := regexp.MustCompile(`(?m)^import .* from "(.*)";$`)
	for _, module := range modules {
		for _, m := range imports.FindAllStringSubmatch(read(t, module), -1) {
			// Modules lie in /-/static/, the client one above them.
			name, above := strings.CutPrefix(m[1], "../")
			if !above {
				name = strings.TrimPrefix(m[1], "./")
			}
			if above != (name == "parley.js") || module == "parley.js" {
				t.Errorf("%s imports %q", module, m[1])
			}
			read(t, name)
			if !above && !strings.Contains(index, `<link rel="modulepreload" href="-/static/`+name+`">`) {
				t.Errorf("index.html does not preload %s", name)
			}
		}
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

// Sizes are kept, because they only ever grow.
func TestSizes(t *testing.T) {
	size := func(names ...string) int {
		n := 0
		for _, name := range names {
			var b bytes.Buffer
			w, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
			w.Write([]byte(read(t, name)))
			w.Close()
			n += b.Len()
		}
		return n
	}
	n := size("parley.js")
	t.Logf("parley.js is %d bytes gzipped", n)
	if n > 8<<10 {
		t.Errorf("parley.js is %d bytes gzipped, more than %d", n, 8<<10)
	}
	all, err := fs.Glob(static.FS, "*.*s*")
	if err != nil {
		t.Fatal(err)
	}
	all = slices.DeleteFunc(all, func(name string) bool { return name == "parley.d.ts" || name == "openapi.json" })
	if n := size(append(all, "index.html")...); n > 40<<10 {
		t.Errorf("the page is %d bytes gzipped, more than 40 KB", n)
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
