package handlers

import (
	"bytes"
	"html"
	"net/http"
	"strings"

	"parley/events"
)

// indexFile is the page: of the server, and of every room.
const indexFile = "index.html"

// landing says what this is, to whoever came: a page to a browser, text to curl,
// JSON to who asks for it by Accept or ?format=.
func (s *Server) landing(w http.ResponseWriter, r *http.Request, q request) error {
	form, err := s.landingForm(r, q)
	if err != nil {
		return err
	}
	w.Header().Set("Vary", "Accept, Origin")
	switch form {
	case "html":
		return s.index(w, r, "landing")
	case "json":
		answer(w, http.StatusOK, s.landingJSON())
	default:
		h := w.Header()
		h.Set("Content-Type", "text/plain; charset=utf-8")
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		_, _ = w.Write([]byte(s.landingText(r)))
	}
	return nil
}

func (s *Server) landingForm(r *http.Request, q request) (string, error) {
	format, given, err := one(q.query, "format")
	if err != nil {
		return "", err
	}
	paged := s.page.has(indexFile)
	if given {
		if format == "text" || format == "json" || format == "html" && paged {
			return format, nil
		}
		return "", events.Refuse(events.CodeBadParameter, "format is text, json or html")
	}
	offers, forms := []string{"text/plain", "application/json"}, []string{"text", "json"}
	if paged {
		offers, forms = append(offers, "text/html"), append(forms, "html")
	}
	i := negotiate(r, offers)
	if i < 0 {
		return "", events.Refuse(codeNotAcceptable, "this page is %s", strings.Join(offers, ", "))
	}
	return forms[i], nil
}

// index answers with the page. Its places differ with the base path and with how
// deep a room's address is, so it says once where it is rooted, and everything in
// it is relative to that. kind is landing or room: what is seen before any script
// has run.
func (s *Server) index(w http.ResponseWriter, r *http.Request, kind string) error {
	content, err := s.page.read(indexFile)
	if err != nil {
		return err
	}
	h := w.Header()
	guard(h)
	h.Set("Content-Type", types[".html"])
	h.Set("Cache-Control", "no-store")
	_, _ = w.Write(s.page.compress(w, r, rooted(content, s.o.BasePath, kind)))
	return nil
}

// rooted puts where everything is mounted into the page's <base href="{{base}}">,
// and its kind into <html data-page="{{page}}">.
func rooted(content []byte, base, kind string) []byte {
	content = bytes.ReplaceAll(content, []byte("{{base}}"), []byte(html.EscapeString(base+"/")))
	return bytes.ReplaceAll(content, []byte("{{page}}"), []byte(kind))
}

func (s *Server) landingJSON() []byte {
	base := s.o.BasePath
	b := events.QuoteJSON([]byte(`{"name":"parley","version":`), s.o.Version)
	links := [][2]string{{"health", "/-/health"}, {"ready", "/-/ready"}}
	for _, file := range [][2]string{{"openapi", "openapi.json"}, {"script", "parley.js"}} {
		if s.page.has(file[1]) {
			links = append(links, [2]string{file[0], "/-/" + file[1]})
		}
	}
	for _, link := range links {
		b = events.QuoteJSON(append(b, ','), link[0])
		b = events.QuoteJSON(append(b, ':'), base+link[1])
	}
	return append(b, '}')
}

// landingText shows a person at a terminal how to talk, with the address that
// they used.
func (s *Server) landingText(r *http.Request) string {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	here := scheme + "://" + printable(r.Host) + s.o.BasePath
	return strings.NewReplacer("HERE", here, "VERSION", printable(s.o.Version)).Replace(
		`Parley VERSION: rooms over plain HTTP. Listen with GET, speak with POST.

  listen    curl -N HERE/demo/lobby
  speak     curl -d 'hello' HERE/demo/lobby
  look back curl HERE/demo/lobby/history

With a Connection-ID of your own on both (16 to 64 letters, digits, - or _),
you do not hear your own words:

  curl -N -H 'Connection-ID: ann-0123456789abcdef' HERE/demo/lobby
  curl -H 'Connection-ID: ann-0123456789abcdef' -d 'hello' HERE/demo/lobby

Accept: text/plain is for people, application/x-ndjson for programs.
HERE/-/health   HERE/-/ready
`)
}

// printable keeps what a terminal shows as it is. Host is what a stranger said.
func printable(s string) string {
	return strings.Map(func(c rune) rune {
		if c <= ' ' || c > '~' {
			return -1
		}
		return c
	}, s)
}
