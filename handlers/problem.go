package handlers

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"strconv"

	"parley/events"
)

// Codes that only HTTP knows.
const (
	codeUnauthorized     events.Code = "unauthorized"
	codeMethodNotAllowed events.Code = "method-not-allowed"
	codeNotAcceptable    events.Code = "not-acceptable"
	codeUnsupportedType  events.Code = "unsupported-type"
	codeNotImplemented   events.Code = "not-implemented"
)

// A kind is how a code looks over HTTP.
type kind struct {
	status int
	title  string
}

// kinds is the one table of refusals. What is not in it is a defect of ours.
var kinds = map[events.Code]kind{
	events.CodeBadName:      {400, "A name that cannot be"},
	events.CodeBadEvent:     {400, "An event that cannot be"},
	events.CodeBadID:        {400, "An ID that cannot be"},
	events.CodeBadJSON:      {400, "Not JSON"},
	events.CodeBadParameter: {400, "A parameter that cannot be"},
	events.CodeNoTarget:     {400, "Nobody to hear it"},
	codeUnauthorized:        {401, "Unknown token"},
	events.CodeForbidden:    {403, "Not permitted"},
	events.CodeNotFound:     {404, "Not found"},
	events.CodeNoStream:     {404, "No stream"},
	codeMethodNotAllowed:    {405, "Method not allowed"},
	codeNotAcceptable:       {406, "No such representation"},
	events.CodeGone:         {410, "Over"},
	events.CodeTooLarge:     {413, "Too large"},
	codeUnsupportedType:     {415, "Unsupported type"},
	events.CodeKeyReused:    {422, "Idempotency key reused"},
	events.CodeQuota:        {429, "Too many"},
	events.CodeInternal:     {500, "A defect of the server"},
	codeNotImplemented:      {501, "Not implemented"},
	events.CodeUnavailable:  {503, "Unavailable for now"},
	events.CodeLogFull:      {507, "No space left"},
}

// problemType is the front of a problem's type: a name, not an address.
const problemType = "urn:parley:problem:"

// defect is all that a stranger is told of a defect of ours.
const defect = "something went wrong here; the server's log says what"

// refusal gives an error as strangers may see it: a code of the table and a
// detail without a cause.
func refusal(err error) *events.Error {
	var e *events.Error
	known := errors.As(err, &e)
	switch {
	case !known && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)):
		return &events.Error{Code: events.CodeUnavailable, Detail: "the request ended before the log answered", Cause: err}
	case !known:
		return &events.Error{Code: events.CodeInternal, Detail: defect, Cause: err}
	case e.Code == events.CodeCorrupt:
		// What is on the disk is nobody's business but the operator's.
		return &events.Error{Code: events.CodeUnavailable, Detail: "the log cannot answer this now", Cause: err}
	}
	if _, known := kinds[e.Code]; !known {
		return &events.Error{Code: events.CodeInternal, Detail: defect, Cause: err}
	}
	return e
}

// mended reports whether time would mend it, so that a client should come back.
func mended(status int) bool {
	return status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable
}

// retryAfter gives the seconds after which to come back: not all at once.
func retryAfter() int { return 5 + rand.IntN(11) }

// refuse answers with the problem document of an error and logs it, once. Headers
// that the answer needs besides (Allow) are set by then.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	e := refusal(err)
	k := kinds[e.Code]
	s.logRefused(r, e, k.status)

	h := w.Header()
	switch {
	case k.status == http.StatusUnauthorized:
		h.Set("WWW-Authenticate", `Bearer realm="parley"`)
	case mended(k.status):
		h.Set("Retry-After", strconv.Itoa(retryAfter()))
	}
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Del("ETag")
	h.Del("Content-Length")
	w.WriteHeader(k.status)
	_, _ = w.Write(problem(e, k)) // whoever is gone by now has no use for it
}

// problem is the document: its members in the order in which they are read.
func problem(e *events.Error, k kind) []byte {
	b := events.QuoteJSON([]byte(`{"type":`), problemType+string(e.Code))
	b = events.QuoteJSON(append(b, `,"title":`...), k.title)
	b = append(b, `,"status":`...)
	b = strconv.AppendInt(b, int64(k.status), 10)
	b = events.QuoteJSON(append(b, `,"detail":`...), e.Detail)
	b = events.QuoteJSON(append(b, `,"code":`...), string(e.Code))
	return append(b, "}\n"...)
}

func notFound() error {
	return events.Refuse(events.CodeNotFound, "there is nothing at this path")
}

// notImplemented answers for what is promised and not built yet.
func (s *Server) notImplemented(http.ResponseWriter, *http.Request, request) error {
	return events.Refuse(codeNotImplemented, "this server does not do that yet")
}
