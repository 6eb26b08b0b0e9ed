package handlers_test

import (
	"compress/gzip"
	"io"
	"strings"
	"testing"

	"parley/handlers"
)

func TestPageIsCompressed(t *testing.T) {
	s := open(t, handlers.Options{Page: page()})
	for _, path := range []string{"/-/static/app.js", "/-/parley.js", "/", "/acme/lobby"} {
		plain := s.get(path, "Accept: text/html").is(200)
		if plain.header.Get("Content-Encoding") != "" || !strings.Contains(strings.Join(plain.header.Values("Vary"), ","), "Accept-Encoding") {
			t.Errorf("%s: %q", path, plain.header)
		}
		for accept, want := range map[string]bool{
			"gzip": true, "br, gzip;q=0.5": true, "deflate,GZIP": true, "gzip; q=1.0": true,
			"gzip;q=0": false, "identity": false, "*": false, "gzip;q=x": false, "x-gzip": false, "": false,
		} {
			r := s.get(path, "Accept: text/html", "Accept-Encoding: "+accept).is(200)
			body := r.body
			if got := r.header.Get("Content-Encoding") == "gzip"; got != want {
				t.Errorf("%s, Accept-Encoding %q: %q", path, accept, r.header)
				continue
			}
			if want {
				z, err := gzip.NewReader(strings.NewReader(body))
				if err != nil {
					t.Fatal(err)
				}
				content, err := io.ReadAll(z)
				if err != nil {
					t.Fatal(err)
				}
				body = string(content)
				if tag := r.header.Get("ETag"); tag != "" && tag == plain.header.Get("ETag") {
					t.Errorf("%s: both have the ETag %s", path, tag)
				}
			}
			if body != plain.body {
				t.Errorf("%s, Accept-Encoding %q: another content", path, accept)
			}
		}
	}
	// A stream and what is said are not.
	for _, path := range []string{"/acme/lobby/history", "/acme/lobby?format=json"} {
		if r := s.get(path, "Accept-Encoding: gzip").is(200); r.header.Get("Content-Encoding") != "" {
			t.Errorf("%s: %q", path, r.header)
		}
	}
}
