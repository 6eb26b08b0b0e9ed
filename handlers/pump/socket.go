package pump

import (
	"context"
	"errors"
	"net"
	"os"
	"time"
)

// A socket is a connection that was taken over.
type socket struct {
	conn  net.Conn
	stall time.Duration
	taken int64
}

// linger is how long a client may take to close a connection that has been
// written to the end.
const linger = 500 * time.Millisecond

// serve runs the stream and closes the socket.
func (k *socket) serve(ctx context.Context, stop context.CancelCauseFunc, s *Stream, noise int) error {
	defer context.AfterFunc(ctx, func() {
		k.abandon(context.Cause(ctx))
		k.conn.Close()
	})()
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		stop(k.listen(noise))
	}()
	err := run(ctx, s, k)
	if cause := context.Cause(ctx); cause != nil && err != nil {
		err = cause // the write failed because the socket was closed for this
	}
	if err == nil {
		k.finish(closed)
	} else {
		k.abandon(err)
	}
	k.conn.Close()
	<-closed
	return err
}

// write counts what the socket takes, not what it was given: a deadline comes
// by several times within a stall, and what was taken until then is not written
// again.
func (k *socket) write(p []byte) error {
	took := time.Now()
	for len(p) > 0 {
		k.conn.SetWriteDeadline(time.Now().Add(max(k.stall/6, time.Millisecond)))
		n, err := k.conn.Write(p)
		p = p[n:]
		k.taken += int64(n)
		if n > 0 {
			took = time.Now()
		}
		switch {
		case err == nil:
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return ErrGone
		case time.Since(took) >= k.stall:
			return ErrStalled
		}
	}
	return nil
}

// listen throws away what the client sends, within a bound, and returns when it
// has hung up. A client that only closes its own half is gone too: it has no
// other way to say so, and a listener has nothing more to send.
func (k *socket) listen(bound int) error {
	buf := make([]byte, 256)
	for {
		n, err := k.conn.Read(buf)
		if bound -= n; bound < 0 {
			return ErrNoise
		}
		if err != nil {
			return ErrGone
		}
	}
}

// finish lets the client take the end before the socket closes: closing it with
// something unread in it would be a reset, which may overtake the last page.
func (k *socket) finish(closed <-chan struct{}) {
	half, ok := k.conn.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	t := time.NewTimer(linger)
	defer t.Stop()
	select {
	case <-closed:
	case <-t.C:
	}
}

// abandon makes the system forget what a client that takes nothing has not
// taken.
func (k *socket) abandon(err error) {
	if err != ErrStalled && err != ErrCut {
		return
	}
	if t, ok := k.conn.(interface{ SetLinger(int) error }); ok {
		_ = t.SetLinger(0)
	}
}
