package e2e_test

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"
)

// A description is what of an OpenAPI document these tests read.
type description struct {
	Paths map[string]map[string]json.RawMessage
}

// An operation of a description.
type operation struct {
	Parameters []struct {
		Ref string `json:"$ref"`
	}
	RequestBody *struct{ Content map[string]json.RawMessage }
	Responses   map[string]struct {
		Ref     string `json:"$ref"`
		Content map[string]json.RawMessage
	}
}

// The program does what its own description says: every path answers with the
// methods that are described, and each of them, asked as it is described, with a
// described success of a described type. (That all its other answers are as they
// are described is tested where the answers are made.)
func TestOpenAPITellsTheTruth(t *testing.T) {
	s := serve(t, "--key", "the-key-of-this-test")
	const ann, bo = "ann-5f0c2b7d91e84a36", "bo-c81d4e2f60b97a53"
	ask := func(method, path, body string, header ...string) (*http.Response, string) {
		t.Helper()
		req, err := http.NewRequest(method, s.URL+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		got, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp, string(got)
	}
	var doc description
	if _, body := ask("GET", "/-/openapi.json", ""); json.Unmarshal([]byte(body), &doc) != nil {
		t.Fatal("the description is no JSON")
	}

	paths := make([]string, 0, len(doc.Paths))
	for path := range doc.Paths {
		paths = append(paths, path)
	}
	sort.Strings(paths)
	asked := 0
	for _, path := range paths {
		var methods []string
		for word := range doc.Paths[path] {
			if word != "parameters" {
				methods = append(methods, strings.ToUpper(word))
			}
		}
		sort.Strings(methods)
		for _, method := range methods {
			// Everything that an operation may be about is there: an event, two members,
			// a question that waits.
			var event, member struct{ ID, From string }
			_, body := ask("POST", "/demo/lobby", "hello", "Connection-ID", ann)
			if err := json.Unmarshal([]byte(body), &event); err != nil {
				t.Fatal(err)
			}
			_, body = ask("POST", "/demo/elsewhere", "hello", "Connection-ID", bo)
			if err := json.Unmarshal([]byte(body), &member); err != nil {
				t.Fatal(err)
			}
			ask("GET", "/demo/lobby?format=json", "", "Connection-ID", ann)
			ask("GET", "/demo/lobby?format=json", "", "Connection-ID", bo)

			var op operation
			if err := json.Unmarshal(doc.Paths[path][strings.ToLower(method)], &op); err != nil {
				t.Fatal(err)
			}
			// A poll without a position answers at once; a stream never ends.
			header := []string{"Accept", "application/json, */*;q=0.1", "Authorization", "Bearer the-key-of-this-test"}
			body, id := "", event.ID
			var query []string
			for _, p := range op.Parameters {
				switch p.Ref[strings.LastIndexByte(p.Ref, '/')+1:] {
				case "to":
					query = append(query, "to=lobby")
				case "in":
					query = append(query, "in=lobby")
				case "roomNeeded":
					query = append(query, "room=lobby")
				}
			}
			answered := make(chan struct{})
			close(answered)
			switch {
			case strings.HasSuffix(path, "/me"):
				header = []string{"Accept", "application/json", "Connection-ID", ann}
			case strings.Contains(path, "/acks/"):
				header = []string{"Connection-ID", bo}
				id, answered = question(t, s, ann, bo)
			}
			if op.RequestBody != nil && method == "PATCH" {
				header = append(header, "Content-Type", "application/json")
				body = `{"name":"Ann"}`
			}
			address := strings.NewReplacer("{ns}", "demo", "{room}", "lobby", "{id}", id, "{member}", member.From, "{file}", "app.js").Replace(path)
			resp, got := ask(method, address+"?"+strings.Join(query, "&"), body, header...)
			<-answered
			asked++
			said, told := op.Responses[strconv.Itoa(resp.StatusCode)]
			if !told || resp.StatusCode/100 != 2 {
				t.Errorf("%s %s answers %s: %s", method, path, resp.Status, got)
				continue
			}
			media, _, _ := strings.Cut(resp.Header.Get("Content-Type"), ";")
			if _, described := said.Content[media]; said.Ref == "" && method != "HEAD" && described == (got == "") {
				t.Errorf("%s %s answers with %q: %s", method, path, media, got)
			}
		}
		// The first of the names of a member that a path can have is me, which is a
		// path of its own.
		address := strings.NewReplacer("{ns}", "demo", "{room}", "lobby", "{id}", "abcd-1", "{member}", "k3x7abcdefgh2345", "{file}", "app.js").Replace(path)
		resp, _ := ask("OPTIONS", address, "")
		allowed := strings.Split(resp.Header.Get("Allow"), ", ")
		if want := slices.Sorted(slices.Values(append(methods, "OPTIONS"))); !slices.Equal(allowed, want) {
			t.Errorf("%s allows %v, and the description has %v", path, allowed, want)
		}
	}
	if asked < 50 {
		t.Errorf("only %d operations are described", asked)
	}
}

// question has one member ask another, and gives what the answer is sent to; the
// channel is closed once the sender has it.
func question(t *testing.T, s *server, from, to string) (id string, answered chan struct{}) {
	t.Helper()
	resp, err := open(t.Context(), s.URL+"/demo/question?format=ndjson", to, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	dec := json.NewDecoder(resp.Body)
	var e struct{ Ack struct{ ID string } }
	if err := dec.Decode(&e); err != nil { // hello
		t.Fatal(err)
	}
	answered = make(chan struct{})
	go func() {
		defer close(answered)
		req, err := http.NewRequest("POST", s.URL+"/demo/question?ack=20s&cid="+from, strings.NewReader("well?"))
		if err != nil {
			return
		}
		if resp, err := http.DefaultClient.Do(req); err == nil {
			resp.Body.Close()
		}
	}()
	if err := dec.Decode(&e); err != nil || e.Ack.ID == "" {
		t.Fatalf("nobody asks: %+v, %v", e, err)
	}
	return e.Ack.ID, answered
}
