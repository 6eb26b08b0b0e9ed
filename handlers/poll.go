package handlers

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"parley/events"
	"parley/handlers/pump"
)

// Bounds of a poll's answer. One that meets them has more to come: the client
// asks again from next.
const (
	pollEvents = 1000
	pollBytes  = 1 << 20
)

func pollHeader(h http.Header) {
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
}

// poll answers with what there is from a position, or waits for something. While
// it waits it is a stream like any other; a client that goes away ends it. An
// error has written nothing.
func (s *Server) poll(w http.ResponseWriter, r *http.Request, cursor *events.Cursor, bell *pump.Bell, q request, a ask) error {
	defer cursor.Close()
	began := s.opened(cursor, formats[asPoll])
	p := poll{body: []byte(`{"events":[`)}
	p.elsewhere(cursor.Hello().Rooms, q)
	reason, err := p.gather(r, cursor, bell, a)
	if err != nil {
		s.closed(cursor, began, 0, "log")
		return err
	}
	if reason != "" {
		s.closed(cursor, began, 0, reason)
		return nil
	}
	p.body = appendPosition(append(p.body, `],"next":`...), p.next)
	p.body = append(p.body, "}\n"...)

	pollHeader(w.Header())
	w.Header().Set("Content-Length", strconv.Itoa(len(p.body)))
	w.WriteHeader(http.StatusOK)
	err = s.streams.pump.WriteAll(r.Context(), newWriter(w), p.body)
	s.streams.Events.Add(0, int64(p.events))
	s.streams.Bytes.Add(int64(len(p.body)))
	s.closed(cursor, began, p.events, endReason(err, "answered"))
	return nil
}

// A poll is an answer that grows.
type poll struct {
	body   []byte
	told   int  // what is in the array: gaps and bye too
	news   bool // something of that is a reason to answer
	begun  bool // the cursor has given all there was when the poll began
	events int
	size   int
	next   events.ID
}

// elsewhere tells a poll that came back its rooms where they are not those that it
// names: there is no hello that would.
func (p *poll) elsewhere(rooms []string, q request) {
	if q.all || sameSet(rooms, q.rooms) {
		return
	}
	p.body = appendRoomsLine(p.comma(), rooms)
}

func sameSet(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// gather fills the answer. gone is why there is nobody to answer any more.
func (p *poll) gather(r *http.Request, cursor *events.Cursor, bell *pump.Bell, a ask) (gone string, err error) {
	ctx := r.Context()
	rung := bell.Listen()
	wait := a.wait
	if !a.given {
		wait = 0
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for last := wait == 0; ; {
		d, err := cursor.Next(ctx, events.Limit{Events: pollEvents - p.events, Bytes: pollBytes - p.size})
		if ctx.Err() != nil {
			return "gone", nil
		}
		if err != nil {
			return "", err
		}
		p.add(cursor.Epoch(), &d)
		switch {
		case d.Bye != nil, p.events >= pollEvents, p.size >= pollBytes:
			return "", nil
		case d.More:
			continue
		case p.news, last:
			return "", nil
		}
		select {
		case <-rung:
		case <-timer.C:
			last = true // once more, so that next is where the stream is now
		case <-ctx.Done():
			return "gone", nil
		}
	}
}

// add puts a page into the answer. Who is there when the poll begins is told with
// whatever it answers, since nobody knows what changed after the poll before; it
// is itself nothing to answer for, or no poll would wait.
func (p *poll) add(epoch string, d *events.Delivery) {
	if d.Rooms != nil {
		p.body = appendRoomsLine(p.comma(), d.Rooms)
		p.news = true
	}
	for _, who := range d.Presence {
		p.body = append(p.comma(), presenceLine(who)...)
		p.news = p.news || p.begun || !who.Whole
	}
	p.begun = p.begun || !d.More
	p.news = p.news || len(d.Gaps) > 0 || len(d.Events) > 0
	for i := range d.Gaps {
		p.body = appendGapLine(p.comma(), &d.Gaps[i])
	}
	for _, e := range d.Events {
		p.body = append(p.comma(), lineOf(epoch, e)...)
		p.events++
		p.size += e.Size()
	}
	if d.Bye != nil {
		p.body = appendByeLine(p.comma(), d.Position, d.Bye)
	}
	p.next = d.Position
}

func (p *poll) comma() []byte {
	if p.told++; p.told > 1 {
		return append(p.body, ',')
	}
	return p.body
}
