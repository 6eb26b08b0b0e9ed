package commands_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// effective reads what check prints: the value and the source of each setting.
func effective(stdout string) map[string][2]string {
	out := map[string][2]string{}
	for l := range strings.Lines(stdout) {
		setting, source, _ := strings.Cut(strings.TrimSpace(l), " # ")
		name, value, _ := strings.Cut(setting, ":")
		out[name] = [2]string{strings.TrimSpace(value), source}
	}
	return out
}

func TestAFlagCountsBeforeTheEnvironmentBeforeTheFile(t *testing.T) {
	file := write(t, "parley.yaml", `
listen: 127.0.0.1:1001
data: `+filepath.ToSlash(filepath.Join(t.TempDir(), "log"))+`
keep:
  age: 3d
  bytes: 1048576
max-disk: 1.5GiB
drain: 20s
memory: true
allow-origin: ["https://a.example", "https://b.example:8443"]
key: from-the-file
`)
	env := map[string]string{
		"PARLEY_CONFIG": file, "PARLEY_LISTEN": "127.0.0.1:1002", "PARLEY_KEEP_AGE": "36h",
		"PARLEY_OPS_LISTEN": "", "PARLEY_PORT": "tcp://10.0.0.1:80", "PARLEY_NEW_EPOCH": "true",
	}
	code, stdout, stderr := run(t, env, "", "check", "--listen", "127.0.0.1:1003")
	if code != 0 {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	got := effective(stdout)
	for name, want := range map[string][2]string{
		"listen":         {"127.0.0.1:1003", "--listen"},
		"keep-age":       {"36h", "$PARLEY_KEEP_AGE"},
		"ops-listen":     {"none", "$PARLEY_OPS_LISTEN"},
		"keep-bytes":     {"1MiB", file},
		"max-disk":       {"1536MiB", file},
		"drain":          {"20s", file},
		"memory":         {"true", file},
		"allow-origin":   {"[https://a.example, https://b.example:8443]", file},
		"key":            {"(set, not shown)", file},
		"keep-events":    {"10000", "default"},
		"max-namespaces": {"10000", "default"},
		"reserve":        {"256MiB", "default"},
		"window-memory":  {"256MiB", "default"},
		"socket-mode":    {"0660", "default"},
		"heartbeat":      {"15s", "default"},
		"new-epoch":      {"false", "default"}, // each start with it in a file or the environment would be a new one
	} {
		if got[name] != want {
			t.Errorf("%s is %q, not %q", name, got[name], want)
		}
	}
	if strings.Contains(stdout+stderr, "from-the-file") {
		t.Error("the key was printed")
	}
}

func TestWhatCannotBeSet(t *testing.T) {
	file := write(t, "file", "")
	for name, tt := range map[string]struct {
		args  []string
		env   map[string]string
		file  string
		names string // what the refusal names
	}{
		"an unknown flag":           {args: []string{"--lisen=x"}, names: "--lisen"},
		"an unknown key":            {file: "lisen: 127.0.0.1:1", names: `unknown key "lisen"`},
		"a nested unknown key":      {file: "keep: {age: 1d, days: 1}", names: `unknown key "keep-days"`},
		"a key that is a flag only": {file: "new-epoch: true", names: `unknown key "new-epoch"`},
		"a key in two ways":         {file: "keep-age: 1d\nkeep: {age: 2d}", names: `key "keep-age" is there twice`},
		"a file that is no YAML":    {file: "listen: [", names: "configuration file"},
		"a file of a list":          {file: "- listen", names: "configuration file"},
		"no file":                   {args: []string{"--config", filepath.Join(file, "none")}, names: "configuration file"},
		"an address":                {args: []string{"--listen=8080"}, names: "--listen"},
		"a port":                    {args: []string{"--listen=127.0.0.1:99999"}, names: "--listen"},
		"a socket without path":     {args: []string{"--listen=unix:"}, names: "--listen"},
		"one address twice":         {args: []string{"--listen=127.0.0.1:1", "--ops-listen=127.0.0.1:1"}, names: "--ops-listen"},
		"an age":                    {env: map[string]string{"PARLEY_KEEP_AGE": "week"}, names: "--keep-age"},
		"an age of nothing":         {args: []string{"--keep-age=0s"}, names: "--keep-age"},
		"a size":                    {file: "keep: {bytes: many}", names: "--keep-bytes"},
		"too small a reserve":       {args: []string{"--reserve=1MiB"}, names: "--reserve"},
		"no reserve":                {args: []string{"--reserve=none"}, names: "--reserve"},
		"a size of nothing":         {args: []string{"--max-disk=0"}, names: "--max-disk"},
		"windows of nothing":        {args: []string{"--window-memory=0"}, names: "--window-memory"},
		"a count":                   {args: []string{"--keep-events=-1"}, names: "--keep-events"},
		"a base path":               {args: []string{"--base-path=chat"}, names: "--base-path"},
		"a climbing base path":      {args: []string{"--base-path=/a/../b"}, names: "--base-path"},
		"an origin with a path":     {args: []string{"--allow-origin=https://a.example/"}, names: "--allow-origin"},
		"an origin in capitals":     {args: []string{"--allow-origin=https://A.example"}, names: "--allow-origin"},
		"an origin's usual port":    {args: []string{"--allow-origin=https://a.example:443"}, names: "--allow-origin"},
		"every origin and one":      {args: []string{"--allow-origin=*", "--allow-origin=https://a.example"}, names: "--allow-origin"},
		"a key with a space":        {env: map[string]string{"PARLEY_KEY": "sesame open"}, names: "--key"},
		"a heartbeat":               {args: []string{"--heartbeat=1s"}, names: "--heartbeat"},
		"a drain":                   {args: []string{"--drain=1ms"}, names: "--drain"},
		"a level":                   {args: []string{"--log-level=loud"}, names: "--log-level"},
		"permissions":               {args: []string{"--socket-mode=rw"}, names: "--socket-mode"},
		"no data":                   {args: []string{"--data="}, names: "--data"},
		"an epoch of memory":        {args: []string{"--memory", "--new-epoch"}, names: "--new-epoch"},
		"an argument":               {args: []string{"surplus"}, names: "surplus"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, command := range []string{"check", "serve"} {
				args := append([]string{command}, tt.args...)
				if tt.file != "" {
					args = append(args, "--config", write(t, "parley.yaml", tt.file))
				}
				code, stdout, stderr := run(t, tt.env, "", args...)
				if code != 2 || !strings.Contains(stderr, tt.names) || stdout != "" {
					t.Errorf("%s: exit %d, %q, %q", command, code, stdout, stderr)
				}
				if strings.Contains(stderr, "sesame") {
					t.Errorf("%s: the key was printed: %s", command, stderr)
				}
			}
		})
	}
}

func TestAmounts(t *testing.T) {
	for flag, values := range map[string]map[string]string{
		"keep-age":    {"90s": "1m30s", "36h": "36h", "168h": "7d", "7d": "7d", "none": "none", "90m": "1h30m"},
		"keep-bytes":  {"1024": "1KiB", "1000": "1000", "512mib": "512MiB", "1.5 GiB": "1536MiB", "10GB": "9765625KiB", "1TiB": "1TiB", "7B": "7", "none": "none"},
		"keep-events": {"10_000": "10000", "none": "none"},
	} {
		for in, want := range values {
			_, stdout, stderr := run(t, nil, "", "check", "--memory", "--"+flag, in)
			if got := effective(stdout)[flag][0]; got != want {
				t.Errorf("--%s %s is %q: %s", flag, in, got, stderr)
			}
		}
	}
}

func TestWhatTheMachineStandsInTheWayOf(t *testing.T) {
	file := write(t, "file", "")
	for name, tt := range map[string]struct {
		args  []string
		names string
	}{
		"data under a file":   {[]string{"--data", filepath.Join(file, "log")}, file},
		"a socket in nothing": {[]string{"--memory", "--listen", "unix:" + filepath.Join(file, "a", "sock")}, "sock"},
		"a socket on a file":  {[]string{"--memory", "--listen", "unix:" + file}, "no socket"},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := run(t, nil, "", append([]string{"check"}, tt.args...)...)
			if code != 1 || !strings.Contains(stderr, tt.names) || !strings.Contains(stdout, "keep-age") {
				t.Errorf("exit %d, %q", code, stderr)
			}
		})
	}
	dir := filepath.Join(t.TempDir(), "not", "yet")
	if code, _, stderr := run(t, nil, "", "check", "--data", dir); code != 0 {
		t.Errorf("exit %d, %s", code, stderr)
	}
	if _, err := os.Stat(filepath.Dir(dir)); err == nil {
		t.Error("check made a directory")
	}
}

func TestHelpAndVersion(t *testing.T) {
	if code, stdout, _ := run(t, nil, "", "version"); code != 0 || !strings.HasPrefix(stdout, "parley ") {
		t.Errorf("exit %d, %q", code, stdout)
	}
	code, stdout, _ := run(t, nil, "", "serve", "--help")
	if code != 0 || !strings.Contains(stdout, "$PARLEY_KEEP_AGE") {
		t.Errorf("exit %d, %q", code, stdout)
	}
}
