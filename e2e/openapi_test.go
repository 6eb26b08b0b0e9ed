package e2e_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The server does what its own description says: every path and method in it
// answers as one of the answers told, and what is told to come later is 501.
func TestOpenAPITellsTheTruth(t *testing.T) {
	s := serve(t)
	var kept struct{ ID string }
	resp, err := http.Post(s.URL+"/demo/lobby", "text/plain", strings.NewReader("hello"))
	if err != nil {
		t.Fatal(err)
	}
	err = json.NewDecoder(resp.Body).Decode(&kept)
	resp.Body.Close()
	if err != nil {
		t.Fatal(err)
	}

	resp, err = http.Get(s.URL + "/-/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Paths map[string]map[string]json.RawMessage
	}
	err = json.NewDecoder(resp.Body).Decode(&doc)
	resp.Body.Close()
	if err != nil {
		t.Fatal(err)
	}

	methods := []string{"get", "head", "post", "put", "patch", "delete"}
	asked := 0
	for path, item := range doc.Paths {
		id := kept.ID
		if strings.Contains(path, "/acks/") {
			id = "an-ack"
		}
		address := s.URL + strings.NewReplacer("{ns}", "demo", "{room}", "lobby", "{id}", id, "{member}", "me", "{file}", "app.js").Replace(path)
		if query, ok := map[string]string{
			"/{ns}": "?to=lobby", "/{ns}/-/history": "?room=lobby", "/{ns}/-/history/{id}": "?room=lobby",
		}[path]; ok {
			address += query
		}
		for method, raw := range item {
			if !slices.Contains(methods, method) {
				continue
			}
			var op struct {
				Responses map[string]json.RawMessage
			}
			if err := json.Unmarshal(raw, &op); err != nil {
				t.Fatal(err)
			}
			later := true
			for status := range op.Responses {
				if strings.HasPrefix(status, "2") {
					later = false
				}
			}
			req, err := http.NewRequest(strings.ToUpper(method), address, strings.NewReader(""))
			if err != nil {
				t.Fatal(err)
			}
			// A poll without a position answers at once; a stream never ends.
			req.Header.Set("Accept", "application/json, */*;q=0.1")
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			asked++
			status := strconv.Itoa(resp.StatusCode)
			if _, told := op.Responses[status]; !told || later != (status == "501") || !later && status[0] != '2' {
				t.Errorf("%s %s answers %s", req.Method, path, status)
			}
		}
	}
	if asked < 20 {
		t.Errorf("only %d operations are described", asked)
	}
}
