package handlers

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"

	"parley/events"
)

// A page serves the files that commands hands over.
type page struct {
	files  fs.FS
	zipped *sync.Map // etag to the same in gzip
}

func newPage(files fs.FS) page { return page{files, new(sync.Map)} }

// types are the media types of what a page is made of. The system's own table
// differs from machine to machine, and a wrong one stops a module from running.
var types = map[string]string{
	".css":   "text/css; charset=utf-8",
	".html":  "text/html; charset=utf-8",
	".ico":   "image/x-icon",
	".js":    "text/javascript; charset=utf-8",
	".json":  "application/json",
	".map":   "application/json",
	".mjs":   "text/javascript; charset=utf-8",
	".png":   "image/png",
	".svg":   "image/svg+xml",
	".ts":    "text/plain; charset=utf-8",
	".txt":   "text/plain; charset=utf-8",
	".webp":  "image/webp",
	".woff2": "font/woff2",
}

// contentSecurityPolicy lets a page run what came from this server and nothing
// else, in nobody's frame. What strangers say can then be no script.
const contentSecurityPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; " +
	"connect-src 'self'; manifest-src 'self'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"

// guard sets what every file goes out with.
func guard(h http.Header) {
	h.Set("Content-Security-Policy", contentSecurityPolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin") // an address may name a room, or hold ?cid=
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
}

// asset answers with one file of the page at a path of its own.
func asset(name string) action {
	return action{run: func(s *Server, w http.ResponseWriter, r *http.Request, _ request) error {
		return s.file(w, r, name)
	}}
}

// static answers with a file of the page by its name. index.html has its own
// places and is not one of them.
func (s *Server) static(w http.ResponseWriter, r *http.Request, q request) error {
	if q.file == indexFile {
		return notFound()
	}
	return s.file(w, r, q.file)
}

// file serves a file of the page. It is asked for again each time and told 304
// while it is the same: its name does not change with the version.
func (s *Server) file(w http.ResponseWriter, r *http.Request, name string) error {
	kind, known := types[path.Ext(name)]
	if !known {
		return notFound()
	}
	content, err := s.page.read(name)
	if err != nil {
		return err
	}
	h := w.Header()
	guard(h)
	h.Set("Content-Type", kind)
	h.Set("Cache-Control", "no-cache")
	content = s.page.compress(w, r, content)
	h.Set("ETag", etag(content))
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
	return nil
}

// read gives a file, not-found where there is none. Names are single: the file
// system of a page is flat to strangers.
func (p page) read(name string) ([]byte, error) {
	if p.files == nil || !fs.ValidPath(name) || strings.Contains(name, "/") || strings.HasPrefix(name, ".") {
		return nil, notFound()
	}
	content, err := fs.ReadFile(p.files, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, notFound()
	}
	if err != nil {
		return nil, &events.Error{Code: events.CodeInternal, Detail: defect, Cause: err}
	}
	return content, nil
}

// has reports whether there is such a file.
func (p page) has(name string) bool {
	if p.files == nil {
		return false
	}
	_, err := fs.Stat(p.files, name)
	return err == nil
}

// etag names a content by its digest.
func etag(content []byte) string {
	d := sha256.Sum256(content)
	return `"` + base64.RawURLEncoding.EncodeToString(d[:16]) + `"`
}
