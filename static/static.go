// Package static is what a browser is given: the page, its modules, the client
// that other pages may use too, and the description of the API. It is plain
// HTML, CSS and ES modules; there is nothing to build.
//
// index.html is the document at every address. Its references are relative to its
// <base href="{{base}}">: whoever serves it puts the path there that the server
// is mounted under, with a slash at its end, and into <html data-page="{{page}}">
// whether it is the page of a room or the landing page.
package static

import (
	"embed"
	"io/fs"
	"path"
	"regexp"
	"sync"
)

//go:embed index.html style.css
//go:embed address.js app.js chat.js commands.js composer.js elements.js landing.js message.js person.js places.js signs.js timeline.js wire.js
//go:embed parley.js parley.d.ts openapi.json
var files embed.FS

// FS holds the files by their names, in no folder. It is read-only and safe for
// any number of readers; nobody changes what it gives. Its ReadFile gives what goes over the wire: app.js with
// all that it imports, and scripts and style sheets without the comments and the
// indentation, which are for those who read them here.
var FS fs.FS = &served{FS: files}

type served struct {
	embed.FS
	ready sync.Map // name to content, as it is served
}

var asides = map[string]*regexp.Regexp{
	".js":  regexp.MustCompile(`(?m)^[ \t]*(?://.*)?\n?`),
	".css": regexp.MustCompile(`(?m)^[ \t]+|/\*[^*]*\*/\n*`),
}

func (s *served) ReadFile(name string) ([]byte, error) {
	if content, ok := s.ready.Load(name); ok {
		return content.([]byte), nil
	}
	content, err := s.FS.ReadFile(name)
	if name == "app.js" {
		content, err = join(name, s.FS.ReadFile)
	}
	if err != nil {
		return nil, err
	}
	if aside := asides[path.Ext(name)]; aside != nil {
		content = aside.ReplaceAll(content, nil)
	}
	s.ready.Store(name, content)
	return content, nil
}
