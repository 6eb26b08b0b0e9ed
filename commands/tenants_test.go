package commands_test

import (
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"parley/commands"
	"parley/events"
)

// documented gives the multi-tenant example of the configuration's manual.
func documented(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile("(?s)```yaml\n(.*?open-namespaces.*?)```").FindSubmatch(text)
	if m == nil {
		t.Fatal("docs/configuration.md has no example with open-namespaces")
	}
	return string(m[1])
}

// The manual's example does what the manual says of it.
func TestTheDocumentedTenants(t *testing.T) {
	file := write(t, "parley.yaml", documented(t))
	r := serve(t, soon, "--config", file)
	c := web(t)
	ask := func(method, path, key, body string) (int, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, r.url(path), strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if key != "" {
			req.Header.Set("Authorization", "Bearer "+key)
		}
		resp, err := c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		got, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(got)
	}
	for _, tt := range []struct {
		what, method, path, key, body string
		status                        int
		code                          string
	}{
		{"the company's own namespace is open to all", "POST", "/acme/lobby", "", "hello", 201, ""},
		{"a tenant by the pattern is there", "GET", "/tenant-7/lobby/history", "open-sesame", "", 200, ""},
		{"nobody without the key speaks in it", "POST", "/tenant-7/lobby", "", "hello", 403, "forbidden"},
		{"with the key one does", "POST", "/tenant-7/lobby", "open-sesame", "hello", 201, ""},
		{"anybody reads it", "GET", "/tenant-7/lobby?format=json", "", "", 200, ""},
		{"what is longer than a tenant may say is refused", "POST", "/tenant-7/lobby", "open-sesame", strings.Repeat("x", 5<<10), 413, "too-large"},
		{"the trial has a declaration of its own, and the pattern's is not for it", "POST", "/tenant-trial/lobby", "", "hello", 201, ""},
		{"in it nothing is volatile", "POST", "/tenant-trial/lobby?volatile=1", "", "hello", 403, "forbidden"},
		{"and nobody is told who is there", "GET", "/tenant-trial/lobby/members", "", "", 403, "forbidden"},
		{"what is not declared is not there", "POST", "/other/lobby", "", "hello", 404, "not-found"},
		{"not even with the key", "GET", "/other/lobby/history", "open-sesame", "", 404, "not-found"},
	} {
		status, body := ask(tt.method, tt.path, tt.key, tt.body)
		if status != tt.status || !strings.Contains(body, `"code":"`+tt.code) && tt.code != "" {
			t.Errorf("%s: %d %s", tt.what, status, body)
		}
	}

	// How many streams there may be holds for each tenant alone.
	first := start(t, nil, "listen", "--server", r.served, "tenant-trial/lobby")
	first.await("hello", holds("(you are "))
	second := start(t, nil, "listen", "--server", r.served, "tenant-trial/lobby")
	second.await("hello", holds("(you are "))
	if status, body := ask("GET", "/tenant-trial/lobby?format=ndjson", "", ""); status != 429 || !strings.Contains(body, "quota") {
		t.Errorf("a third stream: %d %s", status, body)
	}
	other := r.hear("acme/lobby")
	other.stop()
}

// What a declaration says of keeping, both logs do.
func TestATenantsLogKeepsItsOwn(t *testing.T) {
	const declared = `{trial: {keep-events: 5}, tenant-*: {keep-events: none}}`
	for name, dir := range map[string]string{"memory": "", "disk": t.TempDir()} {
		t.Run(name, func(t *testing.T) {
			log, err := commands.OpenLog(declared, dir, 7)
			if err != nil {
				t.Fatal(err)
			}
			defer log.Close()
			for ns, want := range map[string]int{"trial": 5, "tenant-7": 9, "other": 7} {
				for range 9 {
					if _, err := log.Append(t.Context(), ns, events.Batch{Drafts: []events.Draft{{To: []string{"lobby"}, Event: "message", Data: []byte("1")}}}); err != nil {
						t.Fatal(err)
					}
				}
				if err := log.Sweep(t.Context()); err != nil {
					t.Fatal(err)
				}
				page, err := log.Read(t.Context(), ns, events.Query{Stretch: "lobby", Upto: 100, Limit: 100})
				if err != nil || len(page.Events) != want {
					t.Errorf("%s keeps %d, %v", ns, len(page.Events), err)
				}
			}
		})
	}
}
