package handlers

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/labstack/echo/v4"

	"parley/events"
	"parley/handlers/pump"
	"parley/handlers/quiet"
)

// Streams are a server's streams and polls that are open, and what they have
// carried. The counters may be read at any time.
type streams struct {
	Open   atomic.Int64 // streams and polls that are open now
	Opened atomic.Int64 // since the start
	Bytes  atomic.Int64 // that sockets took of streams that have ended, and of polls
	Events tally        // put on pages, for each stream anew

	pump *pump.Pump
}

// Wait returns when no stream is open, or when ctx ends.
func (t *streams) Wait(ctx context.Context) {
	_ = t.pump.Wait(ctx) // Cut follows, whichever it was
}

// Cut closes the sockets of the streams that are still open and gives them a
// moment to end, which depends on nobody's client.
func (t *streams) Cut() {
	t.pump.Cut()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = t.pump.Wait(ctx) // there is nothing left to do about one that has not
}

// A format writes the frames of one representation, each appended to dst.
type format interface {
	mediaType() string
	hello(dst []byte, h *events.Hello, heartbeat time.Duration) []byte
	event(dst []byte, epoch string, e *events.Event) []byte
	rooms(dst []byte, rooms []string) []byte
	presence(dst []byte, p *events.Presence) []byte
	gap(dst []byte, g *events.Gap) []byte
	bye(dst []byte, at events.ID, b *events.Bye) []byte
	heartbeat(dst []byte, at events.ID) []byte
}

// format gives the format of a representation that is a stream.
func (a representation) format() format {
	switch a {
	case asLines:
		return ndjson{}
	case asText:
		return text{}
	}
	return sse{}
}

// streamHeader sets what every stream is answered with.
func streamHeader(h http.Header, f format) {
	h.Set("Content-Type", f.mediaType())
	h.Set("Cache-Control", "no-cache, no-store, no-transform")
	h.Set("X-Accel-Buffering", "no")
	h.Set("Vary", "Accept, Origin")
	h.Set("X-Content-Type-Options", "nosniff")
}

// stream answers with a stream and closes the cursor when it ends. A connection
// of cleartext HTTP/1 is taken over, and stream returns while it goes on; any
// other stays net/http's and stream returns with its end.
func (s *Server) stream(w http.ResponseWriter, r *http.Request, src *source, a ask) {
	f := a.as.format()
	streamHeader(w.Header(), f)
	hello := src.cursor.Hello()
	first := f.hello(nil, &hello, a.heartbeat)
	src.told = hello.Start.Seq
	src.began = s.opened(src.cursor, formats[a.as]).Sub(clock)
	st := pump.Stream{Source: src, Bell: &src.bell, First: first, Heartbeat: a.heartbeat, End: src.end}
	p := s.streams.pump
	if conn, ok := takeOver(w, r); ok {
		src.chunked = r.ProtoAtLeast(1, 1)
		st.First = appendChunk(appendHead(nil, r, w.Header(), src.chunked), first, src.chunked)
		p.Take(conn, st)
		return
	}
	w.WriteHeader(http.StatusOK)
	p.Run(r.Context(), newWriter(w), st)
}

// takeOver takes the connection of a cleartext HTTP/1 request from net/http. What
// the client had sent after its request is lost with the buffer it lay in: a
// stream's connection has no further request.
func takeOver(w http.ResponseWriter, r *http.Request) (net.Conn, bool) {
	if r.ProtoMajor != 1 || r.TLS != nil {
		return nil, false
	}
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, false
	}
	if e, ok := w.(*echo.Response); ok {
		e.Status, e.Committed = http.StatusOK, true
	}
	return quiet.Plain(conn), true
}

// appendHead appends the head of an answer on a connection that was taken over.
// The end of the stream is the end of the connection; HTTP/1.1 can besides tell
// an end from a cut, by chunks.
func appendHead(dst []byte, r *http.Request, h http.Header, chunked bool) []byte {
	h = h.Clone()
	h.Del("Content-Length")
	h.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	h.Set("Connection", "close")
	buf := bytes.NewBuffer(dst)
	if chunked {
		buf.WriteString("HTTP/1.1 200 OK\r\n")
		h.Set("Transfer-Encoding", "chunked")
	} else {
		buf.WriteString("HTTP/1.0 200 OK\r\n")
	}
	_ = h.Write(buf) // a Buffer takes everything
	buf.WriteString("\r\n")
	return buf.Bytes()
}

// appendChunk appends a page, as a chunk where it is to be one.
func appendChunk(dst, page []byte, chunked bool) []byte {
	if !chunked {
		return append(dst, page...)
	}
	dst = strconv.AppendInt(dst, int64(len(page)), 16)
	return append(append(append(dst, "\r\n"...), page...), "\r\n"...)
}

// A writer is a response that stays net/http's.
type writer struct {
	http.ResponseWriter
	*http.ResponseController
}

func newWriter(w http.ResponseWriter) pump.Writer {
	if e, ok := w.(*echo.Response); ok {
		w = e.Writer // echo's Flush keeps its error to itself
	}
	return writer{w, http.NewResponseController(w)}
}

// pageLimit bounds what a stream holds at once, and with it what a reader that
// stalls costs.
var pageLimit = events.Limit{Events: 256, Bytes: 64 << 10}

// The clock tells when streams began, in a third of the memory of a time.Time.
var clock = time.Now()

// A source gives a cursor's pages in a format. It is all that there is of a stream
// here, in one piece of memory with what the pump has of it: there are many, and
// most of them wait.
type source struct {
	began time.Duration // by the clock
	bye   *events.Bye   // with which it was done, once it is

	// What every page needs stands together, and beside what is so of the bell.
	server  *Server
	cursor  *events.Cursor
	told    uint64 // the position that the last page led to
	events  uint32
	as      representation
	chunked bool
	bell    pump.Bell
}

// Memory is what a page is made in, by one goroutine at a time and for any stream.
type memory struct {
	scratch events.Scratch
	lane    uint32 // where it counts
}

// memories counts them.
var memories atomic.Uint32

// end is called when the stream has ended, for whatever reason.
func (c *source) end(res pump.Result) {
	c.cursor.Close()
	c.server.streams.Bytes.Add(res.Bytes)
	reason := ""
	if c.bye != nil {
		reason = string(c.bye.Reason)
	}
	c.server.closed(c.cursor, clock.Add(c.began), int(c.events), endReason(res.Err, reason))
}

// Next makes a page of what the stream is to be told next. It can be cut behind
// every event: what comes before the first of them is in no position and could not
// be told again, so it leaves whole.
func (c *source) Next(ctx context.Context, p *pump.Page, near bool) pump.State {
	made, ok := p.Memory.(*memory)
	if !ok {
		made = &memory{lane: memories.Add(1)}
		p.Memory = made
	}
	limit := pageLimit
	limit.Near, limit.Scratch = near, &made.scratch
	d, err := c.cursor.Next(ctx, limit)
	if ctx.Err() != nil {
		return pump.Done
	}
	if d.Far {
		return pump.Far
	}
	if err != nil {
		// The client comes back to where it is, as to a server that is starting.
		c.server.log.LogAttrs(ctx, slog.LevelError, "stream cannot read its log",
			slog.String("namespace", c.cursor.Hello().Namespace), slog.Any("error", err))
		d = events.Delivery{Bye: busyBye()}
	}
	f := c.as.format()
	at := d.Position.Seq
	if len(d.Events) > 0 {
		at = c.told
	}
	if d.Rooms != nil {
		from := len(p.Bytes)
		p.Bytes = c.framed(f.rooms(p.Bytes, d.Rooms), from)
	}
	for _, who := range d.Presence {
		from := len(p.Bytes)
		p.Bytes = c.framed(f.presence(p.Bytes, who), from)
	}
	for i := range d.Gaps {
		from := len(p.Bytes)
		p.Bytes = c.framed(f.gap(p.Bytes, &d.Gaps[i]), from)
	}
	epoch := c.cursor.Epoch()
	for _, e := range d.Events {
		if c.chunked && c.as == asStream {
			p.Bytes = sse{}.chunk(p.Bytes, epoch, e)
		} else {
			from := len(p.Bytes)
			p.Bytes = c.framed(f.event(p.Bytes, epoch, e), from)
		}
		if e.Seq > 0 {
			at = e.Seq
		}
		p.Mark(at)
	}
	c.told = d.Position.Seq
	c.events += uint32(len(d.Events))
	c.server.streams.Events.Add(made.lane, int64(len(d.Events)))
	switch {
	case d.Bye != nil:
		c.bye = d.Bye
		from := len(p.Bytes)
		p.Bytes = c.framed(f.bye(p.Bytes, d.Position, d.Bye), from)
		if c.chunked {
			p.Bytes = append(p.Bytes, "0\r\n\r\n"...)
		}
		return pump.Done
	case d.More:
		return pump.More
	}
	return pump.Dry
}

// Soon asks for the lines of memory that make most pages: the cursor's first, and
// its seat.
func (c *source) Soon() { pump.Prefetch(unsafe.Pointer(c.cursor), 0, 5) }

// Back takes the stream back to what its socket took.
func (c *source) Back(at uint64) {
	c.cursor.Back(at)
	c.told = at
}

// Beat makes a heartbeat that carries the position.
func (c *source) Beat(p *pump.Page) {
	from := len(p.Bytes)
	p.Bytes = c.framed(c.as.format().heartbeat(p.Bytes, c.cursor.Position()), from)
}

// framed makes a chunk of what dst holds beyond from, where the stream has chunks.
func (c *source) framed(dst []byte, from int) []byte {
	if !c.chunked || len(dst) == from {
		return dst
	}
	return asChunk(dst, from)
}

// asChunk makes a chunk, in place, of what dst holds beyond from.
func asChunk(dst []byte, from int) []byte {
	n := len(dst) - from
	var size [18]byte
	head := append(strconv.AppendInt(size[:0], int64(n), 16), "\r\n"...)
	dst = append(dst, head...)
	copy(dst[from+len(head):], dst[from:from+n])
	copy(dst[from:], head)
	return append(dst, "\r\n"...)
}

// opened counts and logs a stream or poll that was let in.
func (s *Server) opened(c *events.Cursor, format string) time.Time {
	s.streams.Open.Add(1)
	s.streams.Opened.Add(1)
	h := c.Hello()
	s.log.LogAttrs(context.Background(), slog.LevelInfo, "stream opened",
		slog.String("namespace", h.Namespace), slog.Any("rooms", h.Rooms),
		slog.String("member", h.Member), slog.String("format", format), slog.Bool("resumed", h.Resumed))
	return time.Now()
}

// closed counts and logs its end.
func (s *Server) closed(c *events.Cursor, began time.Time, count int, reason string) {
	s.streams.Open.Add(-1)
	h := c.Hello()
	s.log.LogAttrs(context.Background(), slog.LevelInfo, "stream closed",
		slog.String("namespace", h.Namespace), slog.Any("rooms", h.Rooms), slog.String("member", h.Member),
		slog.String("duration", time.Since(began).Round(time.Millisecond).String()), slog.Int("events", count), slog.String("reason", reason))
}

// endReason gives the word for why a stream ended.
func endReason(err error, otherwise string) string {
	switch {
	case err == nil:
		return otherwise
	case errors.Is(err, pump.ErrGone):
		return "gone"
	case errors.Is(err, pump.ErrStalled):
		return "stalled"
	case errors.Is(err, pump.ErrNoise):
		return "noise"
	case errors.Is(err, pump.ErrCut):
		return "cut"
	}
	return "failed"
}
