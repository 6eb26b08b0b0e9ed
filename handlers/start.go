package handlers

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"parley/events"
)

// mostLast is how many of the newest events a stream can start from.
const mostLast = 1000

// startOf reads where a stream starts: the header Last-Event-ID, else ?since=,
// else ?last=, else now. All that was given is checked, also where something
// before it decides; an empty one was not given. A header is never refused: it
// is sent again by an EventSource without anybody looking at it.
func startOf(r *http.Request, query url.Values) (start events.Start, given bool, err error) {
	last, _, err := one(query, "last")
	if err != nil {
		return events.Start{}, false, err
	}
	if last != "" {
		n, err := number(query, "last", 0, mostLast)
		if err != nil {
			return events.Start{}, false, err
		}
		start, given = events.FromLast(n), true
	}
	since, _, err := one(query, "since")
	if err != nil {
		return events.Start{}, false, err
	}
	if since != "" {
		if start, err = startSince(since, time.Now()); err != nil {
			return events.Start{}, false, err
		}
		given = true
	}
	if id := r.Header.Get("Last-Event-ID"); id != "" {
		return events.After(id), true, nil
	}
	return start, given, nil
}

// startSince reads ?since=: an event ID, whose mark is ignored so that somebody
// can come back on purpose; all; a duration; or a time.
func startSince(s string, now time.Time) (events.Start, error) {
	if id := strings.TrimSuffix(s, string(finalMark)); isID(id) {
		return events.After(id), nil
	}
	if s == "all" {
		return events.FromAll(), nil
	}
	if d, ok := parseDuration(s); ok && d >= 0 {
		return events.FromTime(now.Add(-d)), nil
	}
	// In a query a + is a space unless it was escaped.
	if t, err := time.Parse(time.RFC3339, strings.Replace(s, " ", "+", 1)); err == nil {
		return events.FromTime(t), nil
	}
	return events.Start{}, events.Refuse(events.CodeBadParameter, "since is an event ID, all, a duration such as 10m, or a time such as 2026-11-23T01:02:03Z")
}

func isID(s string) bool {
	_, ok := events.ParseID(s)
	return ok
}
