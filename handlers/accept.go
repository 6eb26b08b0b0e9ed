package handlers

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"parley/events"
)

// A representation is one of the ways to listen.
type representation uint8

// In the order of the table: where a client likes two as much, the first wins.
const (
	asStream representation = iota
	asLines
	asText
	asPoll
	asPage
)

// formats and mediaTypes are what ?format= and Accept call the representations
// that a client can be given without naming them; a page only who names it.
var (
	formats = []string{asStream: "sse", asLines: "ndjson", asText: "text", asPoll: "json"}

	mediaTypes = []string{
		asStream: "text/event-stream", asLines: "application/x-ndjson",
		asText: "text/plain", asPoll: "application/json",
	}
)

// A mediaRange is one of the things that a client accepts.
type mediaRange struct {
	name string // lower case, without parameters
	q    float64
}

// mediaRanges reads the Accept header.
func mediaRanges(r *http.Request) []mediaRange {
	var out []mediaRange
	for _, line := range r.Header.Values("Accept") {
		for part := range strings.SplitSeq(line, ",") {
			name, params, _ := strings.Cut(part, ";")
			if name = strings.ToLower(strings.TrimSpace(name)); name != "" {
				out = append(out, mediaRange{name, quality(params)})
			}
		}
	}
	return out
}

// quality finds q among the parameters of a media range. One that is no number is
// passed over, as a parameter that is not known would be.
func quality(params string) float64 {
	for p := range strings.SplitSeq(params, ";") {
		key, value, _ := strings.Cut(strings.TrimSpace(p), "=")
		if !strings.EqualFold(strings.TrimSpace(key), "q") {
			continue
		}
		if q, err := strconv.ParseFloat(strings.TrimSpace(value), 64); err == nil && q >= 0 && q <= 1 {
			return q
		}
	}
	return 1
}

// represent chooses how the answer to r looks: as ?format= says, else a page for
// who names it where there is one, else what Accept likes best.
func represent(r *http.Request, format string, page bool) (representation, error) {
	if format != "" {
		if i := slices.Index(formats, format); i >= 0 {
			return representation(i), nil
		}
		return 0, events.Refuse(events.CodeBadParameter, "format is sse, ndjson, text or json")
	}
	if page {
		for _, m := range mediaRanges(r) {
			if m.name == "text/html" && m.q > 0 {
				return asPage, nil
			}
		}
	}
	if i := negotiate(r, mediaTypes); i >= 0 {
		return representation(i), nil
	}
	return 0, events.Refuse(codeNotAcceptable, "this can be had as text/event-stream, application/x-ndjson, text/plain and application/json")
}

// negotiate gives the offer that Accept likes best, the first of those that it
// likes as much, and -1 when it accepts none. No Accept is all of them.
func negotiate(r *http.Request, offers []string) int {
	ranges := mediaRanges(r)
	if len(ranges) == 0 {
		return 0
	}
	best, most := -1, 0.0
	for i, offer := range offers {
		if q := likes(ranges, offer); q > most {
			best, most = i, q
		}
	}
	return best
}

// likes gives the quality of a media type: that of the most specific range that
// covers it, of the first where two are as specific.
func likes(ranges []mediaRange, mediaType string) float64 {
	group, _, _ := strings.Cut(mediaType, "/")
	for _, name := range [...]string{mediaType, group + "/*", "*/*"} {
		for _, m := range ranges {
			if m.name == name {
				return m.q
			}
		}
	}
	return 0
}
