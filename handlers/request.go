package handlers

import (
	"net/http"
	"net/url"

	"parley/events"
)

// A request is what the route table and the parsing made of an HTTP request:
// its names are checked, and its caller is who it says it is.
type request struct {
	ns     string
	rooms  []string // the room of the path, or those of ?room=, each once
	all    bool     // ?room=*: everything in the namespace
	caller events.Caller

	room   string     // the room of the path; "" where the path has none
	member string     // the member of the path
	id     string     // the last segment of …/history/{id} and …/acks/{id}, as it was received
	file   string     // the last segment of /-/static/{file}
	query  url.Values // the whole query; nil without one
}

// An action is what a method does on a path. It writes the answer itself, or
// returns an error and has written nothing.
type action struct {
	need    events.Permission // what the caller must be permitted
	listens bool              // the answer may be a stream, and so an EventSource's
	oneself bool              // it is about the caller's own member, which a connection ID names
	run     func(*Server, http.ResponseWriter, *http.Request, request) error
}
