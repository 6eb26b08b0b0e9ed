package handlers

import (
	"net/http"
	"strconv"
	"time"

	"parley/events"
)

// answer writes a JSON document and ends it with a newline, for terminals.
func answer(w http.ResponseWriter, status int, body []byte) {
	body = append(body, '\n')
	h := w.Header()
	h["Content-Type"] = typeJSON
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if h.Get("Cache-Control") == "" {
		h["Cache-Control"] = noStore
	}
	h["X-Content-Type-Options"] = noSniff
	w.WriteHeader(status)
	_, _ = w.Write(body) // whoever is gone by now asks again with the same key
}

// What headers of nearly every answer say. They are shared by all answers, where
// Set would make a slice for each: nobody writes into them, and there is no room
// behind them, so that Add makes another.
var (
	typeJSON   = []string{"application/json"}
	noStore    = []string{"no-store"}
	noSniff    = []string{"nosniff"}
	varyOrigin = []string{"Origin"}
)

// appendTime appends a time as a JSON string.
func appendTime(b []byte, t time.Time) []byte {
	return append(appendBareTime(append(b, '"'), t), '"')
}

// appendBareTime appends a time in RFC 3339, in UTC and always with milliseconds. It
// stands in every event and every answer: RFC3339 is the layout that package time
// has code of its own for, and takes a third of the time that one with .000 does.
func appendBareTime(b []byte, t time.Time) []byte {
	t = t.UTC()
	b = t.AppendFormat(b, time.RFC3339)
	ms := t.Nanosecond() / int(time.Millisecond)
	return append(b[:len(b)-len("Z")], '.', '0'+byte(ms/100), '0'+byte(ms/10%10), '0'+byte(ms%10), 'Z')
}

// saidBytes is how long the answer to one event may be, with its line's end.
const saidBytes = 128

// said is the answer to one event: {"id","time","from"}, without an id when it
// has none and without from when nobody was named.
func said(p events.Published) []byte {
	b := append(make([]byte, 0, saidBytes), '{')
	if p.First != (events.ID{}) {
		b = append(appendPosition(append(b, `"id":`...), p.First), ',')
	}
	return end(b, p)
}

// saidAll is the answer to a batch: {"id","last","count","time","from"}.
func saidAll(p events.Published) []byte {
	b := events.QuoteJSON([]byte(`{"id":`), p.First.String())
	b = events.QuoteJSON(append(b, `,"last":`...), p.Last.String())
	b = strconv.AppendInt(append(b, `,"count":`...), int64(p.Count), 10)
	return end(append(b, ','), p)
}

func end(b []byte, p events.Published) []byte {
	b = appendTime(append(b, `"time":`...), p.Time)
	if p.From != "" {
		b = events.QuoteJSON(append(b, `,"from":`...), p.From)
	}
	return append(b, '}')
}
