package pump

import "context"

// A Source is what a stream is told. It is called by one goroutine at a time, not
// always the same one.
type Source interface {
	// Next makes the next page in p, which is empty and may stay so with any
	// State. It does not wait for anything new; ctx ends with the stream. With near
	// it must not wait for a disk either: where it would have to it leaves the page
	// empty and says Far.
	Next(ctx context.Context, p *Page, near bool) State

	// Soon tells that Next is likely to be called in a moment, for which memory may
	// be brought nearer; see [Prefetch]. It may be called at any time, also while
	// another goroutine calls Next and after the last call of it.
	Soon()

	// Back tells that of the page that Next made last only what leads to a
	// position was taken: one that was marked on it. The next page begins there.
	Back(at uint64)

	// Beat makes the page that is written when nothing was for the length of a
	// heartbeat. It is called right after a Next that was empty and Dry.
	Beat(p *Page)
}

// A State says how a source goes on after a page.
type State uint8

// The states of a source.
const (
	Dry  State = iota // it gave all there is; the bell rings when there is more
	More              // it has more to give
	Done              // this was its last page
	Far               // it has more to give, and must read a disk for it
)

// A Page is what is written in one go, and the memory that it is made in.
type Page struct {
	Bytes []byte

	// Memory is the source's own. It stays with the page, whatever source makes
	// the next one in it, and is nil at first.
	Memory any

	marks []mark
}

// A mark is a place where a page can be cut.
type mark struct {
	end int
	at  uint64
}

// Mark tells that whoever has taken all of the page so far is at a position. A
// page without marks is taken whole.
func (p *Page) Mark(at uint64) { p.marks = append(p.marks, mark{len(p.Bytes), at}) }

func (p *Page) reset() { p.Bytes, p.marks = p.Bytes[:0], p.marks[:0] }

// cut gives what must follow when only the first n bytes of the page were taken:
// the rest up to the next mark. back is false when that is all of it.
func (p *Page) cut(n int) (rest []byte, at uint64, back bool) {
	for _, m := range p.marks {
		if m.end >= n && m.end < len(p.Bytes) {
			return p.Bytes[n:m.end], m.at, true
		}
	}
	return p.Bytes[n:], 0, false
}
