package pump

import "context"

// A Source is what a stream is told. It is called by one goroutine at a time.
type Source interface {
	// Next appends the next page to dst, which may be empty with any State. It
	// does not wait for anything new; ctx ends with the stream.
	Next(ctx context.Context, dst []byte) ([]byte, State)

	// Beat appends what is written when nothing was for the length of a
	// heartbeat. It is called right after a Next that was empty and Dry.
	Beat(dst []byte) []byte
}

// A State says how a source goes on after a page.
type State uint8

// The states of a source.
const (
	Dry  State = iota // it gave all there is; the bell rings when there is more
	More              // it has more to give
	Done              // this was its last page
)
