package handlers

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strconv"
	"strings"
	"time"

	"parley/events"
)

// bodyWait is how long a body may take to come. The connection belongs to the
// request while it does.
const bodyWait = 30 * time.Second

// maxTypeBytes bounds the media type that is kept beside binary data.
const maxTypeBytes = 255

// A content is what a body says it is.
type content struct {
	kind     contentKind
	typ      string // the media type with its parameters, for binary data
	boundary string // of multipart/form-data
}

type contentKind int

const (
	textContent contentKind = iota
	jsonContent
	formContent
	batchContent
	binaryContent
)

// contentOf reads Content-Type, of a request or of a part of a form. None is text,
// and so is what curl's -d says.
func contentOf(h interface{ Values(string) []string }) (content, error) {
	for _, enc := range h.Values("Content-Encoding") {
		if !strings.EqualFold(strings.TrimSpace(enc), "identity") {
			return content{}, unsupported("a body comes as it is, without a Content-Encoding")
		}
	}
	given := h.Values("Content-Type")
	if len(given) > 1 {
		return content{}, unsupported("a body has one Content-Type")
	}
	if len(given) == 0 || strings.TrimSpace(given[0]) == "" {
		return content{kind: textContent}, nil
	}
	switch given[0] { // what nearly every body says: it need not be taken apart
	case "text/plain", "text/plain;charset=UTF-8", "application/x-www-form-urlencoded":
		return content{kind: textContent}, nil
	case "application/json":
		return content{kind: jsonContent}, nil
	}
	name, params, err := mime.ParseMediaType(given[0])
	if err != nil || !strings.Contains(name, "/") {
		return content{}, unsupported("the Content-Type cannot be read")
	}
	c := content{kind: binaryContent}
	switch {
	case name == "application/json":
		c.kind = jsonContent
	case name == "application/x-ndjson":
		c.kind = batchContent
	case name == "application/x-www-form-urlencoded", strings.HasPrefix(name, "text/"):
		c.kind = textContent
	case name == "multipart/form-data":
		c.kind, c.boundary = formContent, params["boundary"]
		if c.boundary == "" {
			return content{}, unsupported("a form says its boundary")
		}
		return c, nil
	}
	if c.kind == binaryContent {
		c.typ = mime.FormatMediaType(name, params)
		if c.typ == "" || len(c.typ) > maxTypeBytes {
			return content{}, unsupported("the Content-Type is at most %d bytes of ASCII", maxTypeBytes)
		}
		return c, nil
	}
	switch strings.ToLower(params["charset"]) {
	case "", "utf-8", "utf8", "us-ascii":
		return c, nil
	}
	return content{}, unsupported("text is UTF-8 here; another charset can be sent as application/octet-stream")
}

func unsupported(format string, args ...any) error {
	return events.Refuse(codeUnsupportedType, format, args...)
}

func (c content) batch() bool { return c.kind == batchContent }

// limit is how many bytes the body may have.
func (c content) limit() int64 {
	if c.batch() {
		return events.MaxBatchBytes
	}
	return events.MaxDataBytes
}

// readBody reads a whole body of at most limit bytes, and not more than that off
// the connection.
func readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	tooLarge := func() error {
		// Or net/http would read on, to have the next request on this connection.
		w.Header().Set("Connection", "close")
		return events.Refuse(events.CodeTooLarge, "a body of this kind is at most %d bytes", limit)
	}
	if r.ContentLength > limit {
		return nil, tooLarge()
	}
	raw, err := whole(w, r, limit)
	if err != nil {
		if over := (*http.MaxBytesError)(nil); errors.As(err, &over) {
			return nil, tooLarge()
		}
		return nil, &events.Error{Code: events.CodeBadEvent, Detail: "the body did not come whole", Cause: err}
	}
	// The body is here, and its deadline (see serve) is taken back: net/http goes
	// on reading in the background, to learn that a client is gone, and would take
	// a deadline for that.
	bodyUntil(w, time.Time{})
	return raw, nil
}

// bodyUntil says until when a body may come; a connection that has no deadlines waits
// as long as it takes.
func bodyUntil(w http.ResponseWriter, t time.Time) {
	_ = http.NewResponseController(w).SetReadDeadline(t)
}

// smallBody is how much memory a body gets on its word alone, before it has come.
const smallBody = 4 << 10

// whole reads a body to its end. A small one that says how long it is, as nearly
// every one does, has its memory at once. net/http sees its end with its last byte.
func whole(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	if r.ContentLength < 1 || r.ContentLength > smallBody {
		return io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	}
	raw := make([]byte, r.ContentLength)
	_, err := io.ReadFull(r.Body, raw)
	return raw, err
}

// bodies makes of a body what is said: one thing, or with a batch many.
func (c content) bodies(raw []byte, d draft) ([]events.Body, error) {
	switch c.kind {
	case batchContent:
		return batch(raw, d)
	case formContent:
		b, err := c.form(raw, d)
		return []events.Body{b}, err
	}
	b, err := c.one(raw)
	b.Event, b.TTL = d.event, d.ttl
	return []events.Body{b}, err
}

// one makes an event's data of a payload.
func (c content) one(raw []byte) (b events.Body, err error) {
	switch c.kind {
	case textContent:
		b.Data, err = events.TextData(raw)
	case jsonContent:
		b.Data, err = events.JSONData(raw)
	default:
		b.Data, b.Encoding, b.Type = events.BinaryData(raw), "base64", c.typ
	}
	return b, err
}

// form reads the fields data and event of a multipart form. A field says by its
// own Content-Type what it is, so that a file comes as the bytes it has. Other
// fields are passed over: a button may have a name.
func (c content) form(raw []byte, d draft) (b events.Body, err error) {
	broken := events.Refuse(events.CodeBadEvent, "the form cannot be read")
	b.Event, b.TTL = d.event, d.ttl
	var hasData, hasEvent bool
	for parts := multipart.NewReader(bytes.NewReader(raw), c.boundary); ; {
		part, err := parts.NextRawPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			return b, broken
		}
		value, err := io.ReadAll(part)
		if err != nil {
			return b, broken
		}
		switch part.FormName() {
		case "event":
			if hasEvent {
				return b, events.Refuse(events.CodeBadEvent, "a form has one field event")
			}
			hasEvent = true
			if len(value) == 0 {
				break // the field was left empty
			}
			if d.named {
				return b, events.Refuse(events.CodeBadParameter, "the event is named in the query or in the form, not in both")
			}
			b.Event = string(value)
		case "data":
			if hasData {
				return b, events.Refuse(events.CodeBadEvent, "a form has one field data")
			}
			hasData = true
			of, err := contentOf(http.Header(part.Header))
			if err != nil {
				return b, err
			}
			if of.kind == formContent || of.kind == batchContent {
				return b, unsupported("a field is one payload, not a form or a batch")
			}
			said, err := of.one(value)
			if err != nil {
				return b, err
			}
			b.Data, b.Encoding, b.Type = said.Data, said.Encoding, said.Type
		}
	}
	if !hasData {
		return b, events.Refuse(events.CodeBadEvent, "a form has a field data")
	}
	return b, nil
}

// batch reads one event a line. Empty lines are passed over.
func batch(raw []byte, d draft) ([]events.Body, error) {
	var out []events.Body
	for n := 1; len(raw) > 0; n++ {
		var text []byte
		text, raw, _ = bytes.Cut(raw, []byte{'\n'})
		text = bytes.TrimSpace(text)
		if len(text) == 0 {
			continue
		}
		if len(text) > events.MaxDataBytes {
			return nil, events.Refuse(events.CodeTooLarge, "line %d: a line is at most %d bytes", n, events.MaxDataBytes)
		}
		if len(out) == events.MaxBatchEvents {
			return nil, events.Refuse(events.CodeTooLarge, "a batch holds at most %d events", events.MaxBatchEvents)
		}
		b, err := line(text, d)
		if err != nil {
			return nil, inLine(n, err)
		}
		out = append(out, b)
	}
	return out, nil
}

// line reads {"event","data","ttl"}.
func line(text []byte, d draft) (b events.Body, err error) {
	b.Event, b.TTL = d.event, d.ttl
	members, err := objectOf(text, events.CodeBadEvent)
	if err != nil {
		return b, err
	}
	hasData := false
	for _, m := range members {
		hasData = hasData || m.name == "data"
		if err := member(&b, m.name, m.value); err != nil {
			return b, err
		}
	}
	if !hasData {
		return b, events.Refuse(events.CodeBadEvent, "an event has data; say null for none")
	}
	return b, nil
}

func member(b *events.Body, name string, value json.RawMessage) (err error) {
	switch name {
	case "data":
		b.Data, err = events.JSONData(value)
		return err
	case "event":
		if b.Event, err = jsonText(value); err != nil {
			return err
		}
		return events.CheckEventName(b.Event)
	case "ttl":
		s, err := jsonText(value)
		if err != nil {
			return err
		}
		b.TTL, err = lifetime(s)
		return err
	}
	return events.Refuse(events.CodeBadEvent, "a line holds event, data and ttl, and nothing else")
}

// jsonText reads a JSON string as strictly as a payload is read: encoding/json
// would put U+FFFD in the place of what is no character.
func jsonText(value json.RawMessage) (s string, err error) {
	if _, err := events.JSONData(value); err != nil {
		return "", err
	}
	if len(value) == 0 || value[0] != '"' {
		return "", events.Refuse(events.CodeBadEvent, "event and ttl are strings")
	}
	return s, json.Unmarshal(value, &s)
}

// inLine says where in a batch it went wrong.
func inLine(n int, err error) error {
	e := refusal(err)
	return &events.Error{Code: e.Code, Detail: "line " + strconv.Itoa(n) + ": " + e.Detail, Cause: e.Cause}
}
