package handlers

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"parley/events"
)

// Origins are the other origins that may read and write.
type origins struct {
	listed []string
	any    bool
}

func newOrigins(list []string) origins {
	return origins{listed: list, any: slices.Contains(list, "*")}
}

const (
	corsHeaders = "Connection-ID, Idempotency-Key, Last-Event-ID, Content-Type, Authorization"
	corsExposed = "Retry-After, Idempotent-Replayed, RateLimit, RateLimit-Policy"
	corsMaxAge  = "7200"
)

// admit refuses what a page of another origin does. A browser says where a
// request comes from; whoever says nothing is no browser, and is held by nothing
// that a server could say.
//
// A link to a room from elsewhere is a page that is opened, not a page that
// reads: where page is set, a browser's own navigation to what it will show as
// the page is let in.
func (o origins) admit(r *http.Request, page bool) error {
	site, origin := r.Header.Get("Sec-Fetch-Site"), r.Header.Get("Origin")
	switch {
	case site == "" && origin == "",
		site == "same-origin", site == "none",
		o.any, origin != "" && slices.Contains(o.listed, origin),
		sameHost(origin, r.Host),
		preflighted(r),
		page && navigates(r):
		return nil
	}
	return events.Refuse(events.CodeForbidden, "another origin may not do that here; the server's allow-origin setting lists those that may")
}

// sameHost compares an origin's host with Host. Ports count, the scheme's own
// port may be left out.
func sameHost(origin, host string) bool {
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" || host == "" {
		return false
	}
	port := map[string]string{"http": ":80", "https": ":443"}[u.Scheme]
	return port != "" && strings.EqualFold(strings.TrimSuffix(u.Host, port), strings.TrimSuffix(host, port))
}

// preflighted reports whether the request carries a header that a page cannot
// send to another origin unless that origin was asked first and said yes. Of
// Authorization only Bearer is one: Basic and its like a browser adds by itself,
// also to a form that a stranger's page sends.
func preflighted(r *http.Request) bool {
	if _, ok := r.Header["Connection-Id"]; ok {
		return true
	}
	return len(bearers(r)) > 0
}

// navigates reports whether a browser opens the page: a whole document, which no
// other origin can look into.
func navigates(r *http.Request) bool {
	return (r.Method == http.MethodGet || r.Method == http.MethodHead) &&
		r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document" &&
		strings.Contains(r.Header.Get("Accept"), "text/html") && !r.URL.Query().Has("format")
}

// allowed gives what Access-Control-Allow-Origin says to a request, "" for none.
func (o origins) allowed(r *http.Request) string {
	origin := r.Header.Get("Origin")
	switch {
	case origin == "":
		return ""
	case o.any:
		return "*"
	case slices.Contains(o.listed, origin):
		return origin
	}
	return ""
}

// tell sets what a listed origin needs to read an answer, an error's too. There
// are no cookies here, so nothing about credentials.
func (o origins) tell(h http.Header, r *http.Request) {
	if a := o.allowed(r); a != "" {
		h.Set("Access-Control-Allow-Origin", a)
		h.Set("Access-Control-Expose-Headers", corsExposed)
	}
}

// preflight answers a browser that asks before it sends.
func (o origins) preflight(h http.Header, r *http.Request, methods string) {
	if o.allowed(r) == "" || r.Header.Get("Access-Control-Request-Method") == "" {
		return
	}
	h.Set("Access-Control-Allow-Methods", methods)
	h.Set("Access-Control-Allow-Headers", corsHeaders)
	h.Set("Access-Control-Max-Age", corsMaxAge)
}
