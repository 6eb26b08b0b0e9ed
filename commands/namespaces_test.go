package commands_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"parley/commands"
	"parley/events"
)

func TestWhichDeclarationCounts(t *testing.T) {
	const declared = `
acme: {streams: 1}
tenant-*: {streams: 2}
tenant-big-*: {streams: 3}
tenant-big-one: {streams: 4}
"*-test": {streams: 5}
a*b*c: {streams: 6}
pair-*x: {streams: 7}
pair-x*: {streams: 8}
bare:
`
	for name, want := range map[string]int{
		"acme":           1,
		"tenant-7":       2,
		"tenant-":        2, // a star is also nothing
		"tenant-big":     2,
		"tenant-big-7":   3,
		"tenant-big-one": 4, // its own name counts before any pattern
		"tenant-test":    2, // of two patterns the longer one
		"x-test":         5,
		"axxbyyc":        6,
		"abc":            6,
		"pair-xx":        7, // of two as long the one that the alphabet has first
		"pair-xy":        8,
		"bare":           0,
		"abcd":           -1,
		"acme2":          -1,
		"other":          -1,
	} {
		s, ok, err := commands.SettingsOf(declared, name)
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			s.Streams = -1
		}
		if s.Streams != want {
			t.Errorf("%s has %d, not %d", name, s.Streams, want)
		}
	}
	all, ok, err := commands.SettingsOf(`{"*": {rooms: 9}, "": {}}`, "x")
	if err == nil {
		t.Errorf("an empty name was taken: %v %v", all, ok)
	}
	if all, ok, err := commands.SettingsOf(`"*": {rooms: 9}`, "x"); err != nil || !ok || all.Rooms != 9 {
		t.Errorf("every namespace: %+v, %t, %v", all, ok, err)
	}
	if _, ok, err := commands.SettingsOf("", "x"); ok || err != nil {
		t.Errorf("nothing is declared: %t, %v", ok, err)
	}
}

func TestWhatADeclarationSays(t *testing.T) {
	for text, want := range map[string]events.Settings{
		"{}":                          {},
		"{keep-age: 36h}":             {Keep: events.Keep{Age: 36 * time.Hour}},
		"{keep-age: none}":            {Keep: events.Keep{Age: -1}},
		"{keep-events: 1_000}":        {Keep: events.Keep{Events: 1000}},
		"{keep-events: none}":         {Keep: events.Keep{Events: -1}},
		"{keep-bytes: 1MiB}":          {Keep: events.Keep{Bytes: 1 << 20}},
		"{streams: 100, rooms: 50}":   {Streams: 100, Rooms: 50},
		"{streams: none}":             {},
		"{data: 4KiB}":                {Data: 4096},
		"{data: 64KiB}":               {Data: events.MaxDataBytes},
		"{anonymous: [read]}":         {Anonymous: events.MayRead},
		"{anonymous: read}":           {Anonymous: events.MayRead},
		"{anonymous: [history,read]}": {Anonymous: events.MayRead | events.MayHistory},
		"{anonymous: none}":           {Anonymous: events.Nothing},
		"{presence: false}":           {NoPresence: true},
		"{presence: true}":            {},
		"{volatile: no}":              {NoVolatile: true},
	} {
		got, ok, err := commands.SettingsOf("acme: "+text, "acme")
		if err != nil || !ok || got != want {
			t.Errorf("%s is %+v, %v", text, got, err)
		}
	}
	// What several have in common can be written once.
	const common = "a: &common {streams: 5}\nb: *common\n"
	if got, _, err := commands.SettingsOf(common, "b"); err != nil || got.Streams != 5 {
		t.Errorf("an alias is %+v, %v", got, err)
	}
}

func TestWhatCannotBeDeclared(t *testing.T) {
	for name, tt := range map[string]struct {
		file  string
		names []string // what the refusal names
	}{
		"an unknown key":        {"namespaces:\n  acme:\n    keep-age: 1d\n    keep-days: 1\n", []string{"line 4", `unknown key "keep-days"`}},
		"several at once":       {"namespaces:\n  acme: {stream: 1}\n  Beta: {}\n", []string{"line 2", `unknown key "stream"`, "line 3", `"Beta"`}},
		"no name":               {"namespaces:\n  a/b: {}\n", []string{"line 2", `"a/b"`}},
		"no pattern":            {"namespaces:\n  'tenant-?': {}\n", []string{"line 2", `"tenant-?"`}},
		"a pattern of nothing":  {"namespaces:\n  '-*': {}\n", []string{"line 2", `"-*"`}},
		"a name twice":          {"namespaces:\n  acme: {}\n  acme: {}\n", []string{"acme"}},
		"a key twice":           {"namespaces:\n  acme:\n    data: 1KiB\n    data: 2KiB\n", []string{"data"}},
		"an age":                {"namespaces:\n  acme: {keep-age: week}\n", []string{"line 2", "keep-age"}},
		"a count of nothing":    {"namespaces:\n  acme: {streams: 0}\n", []string{"line 2", "streams"}},
		"a list of counts":      {"namespaces:\n  acme: {streams: [1]}\n", []string{"line 2", "streams"}},
		"too much data":         {"namespaces:\n  acme: {data: 65KiB}\n", []string{"line 2", "64KiB"}},
		"data without a bound":  {"namespaces:\n  acme: {data: none}\n", []string{"line 2", "data"}},
		"an unknown permission": {"namespaces:\n  acme: {anonymous: [read, manage]}\n", []string{"line 2", "anonymous"}},
		"none and read":         {"namespaces:\n  acme: {anonymous: [none, read]}\n", []string{"line 2", "anonymous"}},
		"no permission":         {"namespaces:\n  acme: {anonymous: []}\n", []string{"line 2", "anonymous"}},
		"a switch":              {"namespaces:\n  acme: {presence: perhaps}\n", []string{"line 2", "presence"}},
		"a list":                {"namespaces:\n  - acme\n", []string{"line 2", "mapping"}},
		"a word":                {"namespaces: acme\n", []string{"line 1", "mapping"}},
		"settings as a word":    {"namespaces: {acme: 1d}\n", []string{"line 1", "mapping"}},
		"a key of the server's": {"namespaces:\n  acme: {drain: 1s}\n", []string{"line 2", `unknown key "drain"`}},
		"none, and none open":   {"open-namespaces: false\n", []string{"--open-namespaces"}},
		"a grace of nothing":    {"grace: 0s\n", []string{"--grace"}},
		"an endless grace":      {"grace: 24h\n", []string{"--grace"}},
		"the file's own keys":   {"listen: 127.0.0.1:1\nkeep:\n  age: 1d\n  days: 2\n", []string{"line 4", `unknown key "keep-days"`}},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := run(t, nil, "", "check", "--config", write(t, "parley.yaml", tt.file))
			if code != 2 || stdout != "" {
				t.Errorf("exit %d, %q", code, stdout)
			}
			for _, n := range tt.names {
				if !strings.Contains(stderr, n) {
					t.Errorf("does not name %s: %s", n, stderr)
				}
			}
		})
	}
}

// What check prints of namespaces, a file may hold.
func TestCheckPrintsNamespaces(t *testing.T) {
	file := write(t, "parley.yaml", `
memory: true
open-namespaces: false
grace: 5s
namespaces:
  tenant-*: {keep-age: 24h, streams: 100, anonymous: [history, read], volatile: false, data: 4096}
  "*": {presence: false}
  acme:
  "42": {anonymous: none, keep-events: none}
`)
	code, stdout, stderr := run(t, nil, "", "check", "--config", file)
	if code != 0 {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	for _, want := range []string{
		"open-namespaces: false ", "grace: 5s ", "namespaces: ",
		"\n  \"*\": {presence: false}\n  \"42\": {keep-events: none, anonymous: none}\n  acme: {}\n" +
			"  tenant-*: {keep-age: 1d, streams: 100, data: 4KiB, anonymous: [read, history], volatile: false}\n",
	} {
		if !strings.Contains(stdout, want) {
			t.Errorf("%q is not in\n%s", want, stdout)
		}
	}
	again := write(t, "again.yaml", stdout[strings.Index(stdout, "\nnamespaces: "):strings.Index(stdout, "grace: ")])
	_, second, stderr := run(t, nil, "", "check", "--config", again)
	if at := strings.Index(second, "  \"*\""); at < 0 || !strings.HasPrefix(second[at:], stdout[strings.Index(stdout, "  \"*\""):strings.Index(stdout, "grace: ")]) {
		t.Errorf("read again it is\n%s%s", second, stderr)
	}

	// The same as a flag and as a variable, in the order of the other settings.
	env := map[string]string{"PARLEY_CONFIG": file, "PARLEY_NAMESPACES": "{acme: {rooms: 3}}", "PARLEY_OPEN_NAMESPACES": "true"}
	_, stdout, stderr = run(t, env, "", "check")
	if !strings.Contains(stdout, "  acme: {rooms: 3}\ngrace") || !strings.Contains(stdout, "# $PARLEY_NAMESPACES") {
		t.Errorf("from the environment:\n%s%s", stdout, stderr)
	}
	_, stdout, stderr = run(t, env, "", "check", "--namespaces", "acme: {rooms: 4}", "--open-namespaces=false")
	if !strings.Contains(stdout, "  acme: {rooms: 4}\ngrace") || !strings.Contains(stdout, "open-namespaces: false") {
		t.Errorf("from the flags:\n%s%s", stdout, stderr)
	}
	if code, _, stderr := run(t, nil, "", "check", "--namespaces", "acme: {room: 4}"); code != 2 || !strings.Contains(stderr, "--namespaces") || !strings.Contains(stderr, "line 1") {
		t.Errorf("exit %d: %s", code, stderr)
	}
	if got := effective(second)["namespaces"][1]; got != again {
		t.Errorf("they come from %q", got)
	}
	if _, stdout, _ := run(t, nil, "", "check", "--data", filepath.Join(t.TempDir(), "x")); effective(stdout)["namespaces"] != [2]string{"{}", "default"} || effective(stdout)["open-namespaces"][0] != "true" {
		t.Errorf("without any:\n%s", stdout)
	}
}
