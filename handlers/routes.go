package handlers

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"parley/events"
)

// A route is a path and what each method does there. :ns is a namespace and
// :room a room; a segment "-" belongs to the server.
type route struct {
	path string
	does map[string]action
}

// Paths that are there and promise something that is not built yet.
var later = action{run: (*Server).notImplemented}

// publicRoutes is the map of the public side.
var publicRoutes = []route{
	{"/", gets(action{run: (*Server).landing})},
	{"/-/health", gets(action{run: (*Server).health})},
	{"/-/ready", gets(action{run: (*Server).readiness})},
	{"/-/parley.js", gets(asset("parley.js"))},
	{"/-/parley.d.ts", gets(asset("parley.d.ts"))},
	{"/-/openapi.json", gets(asset("openapi.json"))},
	{"/-/static/:file", gets(action{run: (*Server).static})},
	{"/-", nil},
	{"/-/*", nil},

	{"/:ns", listenAndSend},
	{"/:ns/-/history", history},
	{"/:ns/-/history/:id", historyEvent},
	{"/:ns/-/members", map[string]action{
		"GET":    {need: events.MayRead, run: (*Server).members},
		"HEAD":   {need: events.MayRead, run: (*Server).members},
		"PUT":    {need: events.MayManage, run: (*Server).moveMembers},
		"DELETE": {need: events.MayManage, run: (*Server).disconnectMembers},
	}},
	{"/:ns/-/members/me", map[string]action{
		"PATCH":  {need: events.MayRead, oneself: true, run: (*Server).describe},
		"PUT":    {need: events.MayRead, oneself: true, run: (*Server).join},
		"DELETE": {need: events.MayRead, oneself: true, run: (*Server).disconnectOneself},
	}},
	{"/:ns/-/members/:member", map[string]action{
		"PUT":    {need: events.MayManage, run: (*Server).moveMember},
		"DELETE": {need: events.MayManage, run: (*Server).disconnectMember},
	}},
	{"/:ns/-/rooms", gets(action{need: events.MayRead, run: (*Server).rooms})},
	{"/:ns/-/acks/:id", map[string]action{"POST": {need: events.MayRead, oneself: true, run: (*Server).ack}}},
	{"/:ns/-", nil},
	{"/:ns/-/*", nil},

	{"/:ns/:room", listenAndSend},
	{"/:ns/:room/history", history},
	{"/:ns/:room/history/:id", historyEvent},
	{"/:ns/:room/members", map[string]action{
		"GET":    {need: events.MayRead, run: (*Server).members},
		"HEAD":   {need: events.MayRead, run: (*Server).members},
		"PUT":    {need: events.MayManage, run: (*Server).moveMembers},
		"DELETE": {need: events.MayManage, run: (*Server).moveMembers},
	}},
	{"/:ns/:room/members/me", map[string]action{
		"PUT":    {need: events.MayRead, oneself: true, run: (*Server).join},
		"DELETE": {need: events.MayRead, oneself: true, run: (*Server).leave},
	}},
	{"/:ns/:room/members/:member", map[string]action{
		"PUT":    {need: events.MayManage, run: (*Server).moveMember},
		"DELETE": {need: events.MayManage, run: (*Server).moveMember},
	}},
}

// opsRoutes is the map of the operator's side.
var opsRoutes = []route{
	{"/-/metrics", gets(action{run: (*Server).exposition})},
	{"/-/health", gets(action{run: (*Server).health})},
	{"/-/ready", gets(action{run: (*Server).readiness})},
	{"/-/admin", everything(later)},
	{"/-/admin/*", everything(later)},
}

var listenAndSend = map[string]action{
	"GET":  {need: events.MayRead, listens: true, run: (*Server).listenTo},
	"HEAD": {need: events.MayRead, listens: true, run: (*Server).headOf},
	"POST": {need: events.MayWrite, run: (*Server).send},
}

var history = map[string]action{
	"GET":    {need: events.MayHistory, run: (*Server).history},
	"HEAD":   {need: events.MayHistory, run: (*Server).history},
	"DELETE": {need: events.MayManage, run: (*Server).erase},
}

// One's own event takes no permission to erase, so the registry judges it.
var historyEvent = map[string]action{
	"GET":    {need: events.MayHistory, run: (*Server).historyEvent},
	"HEAD":   {need: events.MayHistory, run: (*Server).historyEvent},
	"DELETE": {run: (*Server).eraseEvent},
}

// gets is a path that can only be read. HEAD stands beside every GET.
func gets(a action) map[string]action {
	return map[string]action{"GET": a, "HEAD": a}
}

func everything(a action) map[string]action {
	return map[string]action{"GET": a, "HEAD": a, "POST": a, "PUT": a, "PATCH": a, "DELETE": a}
}

// allow gives the methods of a route for Allow, OPTIONS with them.
func (rt route) allow() string {
	methods := []string{"OPTIONS"}
	for m := range rt.does {
		methods = append(methods, m)
	}
	slices.Sort(methods)
	return strings.Join(methods, ", ")
}

// routes builds the router of a table, mounted under base.
//
// A path is registered once, for every method there is, and the table picks the
// method: echo's own 405 comes without the path's parameters, and so could not
// say first that a name is wrong; and while it looks for a method it would try
// the segment "-" as a room.
func (s *Server) routes(table []route, base string) http.Handler {
	e := s.newEcho()
	for _, rt := range table {
		e.RouteNotFound(rt.path, s.serve(rt))
	}
	// Not by echo's Pre, which makes functions for each request.
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mount(r.URL, base)
		e.ServeHTTP(w, r)
	})
}

// mount takes base off the front of a path, and writes every segment the one way
// that url.PathEscape does: some proxies escape more than they must, and /%2D/ is
// /-/ to everybody but a byte comparison. The router works on RawPath, whatever
// Path holds, so that a parameter is always escaped and is unescaped once.
//
// What is not under base becomes a path that no route has.
func mount(u *url.URL, base string) {
	rest, found := strings.CutPrefix(u.EscapedPath(), base)
	if !found || rest != "" && rest[0] != '/' {
		u.RawPath = "//"
		return
	}
	if rest == "" && base != "" {
		rest = "/" // /chat is the landing page as /chat/ is
	}
	if unreserved(rest) {
		u.RawPath = rest
		return
	}
	segments := strings.Split(rest, "/")
	for i, seg := range segments {
		plain, err := url.PathUnescape(seg)
		if err != nil {
			u.RawPath = "//"
			return
		}
		segments[i] = url.PathEscape(plain)
	}
	u.RawPath = strings.Join(segments, "/")
}

// unreserved reports whether a path holds nothing but slashes and what is never
// escaped, and so is written the one way that there is.
func unreserved(path string) bool {
	for i := 0; i < len(path); i++ {
		switch c := path[i]; {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c >= 'A' && c <= 'Z':
		case c == '/', c == '-', c == '.', c == '_', c == '~':
		default:
			return false
		}
	}
	return true
}

// names takes the names out of the path, unescaped once, and checks them.
// The router lets a last parameter take slashes too; there is no such path.
func names(c echo.Context) (q request, err error) {
	for i, name := range c.ParamNames() {
		raw := c.ParamValues()[i]
		if raw == "" || strings.Contains(raw, "/") {
			return request{}, notFound()
		}
		value, err := url.PathUnescape(raw)
		if err != nil {
			return request{}, notFound()
		}
		switch name {
		case "ns":
			q.ns = value
			err = events.CheckNamespace(value)
		case "room":
			q.room = value
			err = events.CheckRoom(value)
		case "member":
			q.member = value
			err = events.CheckMember(value)
		case "id":
			q.id = value
		case "file":
			q.file = value
		}
		if err != nil {
			return request{}, err
		}
	}
	return q, nil
}
