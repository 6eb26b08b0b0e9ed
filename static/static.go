// Package static is what a browser is given: the page, its modules, the client
// that other pages may use too, and the description of the API. It is plain
// HTML, CSS and ES modules, served as it lies here; nothing is built.
//
// index.html is the document at every address. Its references are relative to its
// <base href="{{base}}">: whoever serves it puts the path there that the server
// is mounted under, with a slash at its end.
package static

import (
	"embed"
	"io/fs"
)

//go:embed index.html style.css
//go:embed app.js address.js copy.js landing.js outbox.js pill.js room.js text.js timeline.js
//go:embed parley.js parley.d.ts openapi.json
var files embed.FS

// FS holds the files by their names, in no folder. It is read-only and safe for
// any number of readers.
var FS fs.FS = files
