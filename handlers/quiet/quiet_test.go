package quiet_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"parley/handlers/quiet"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long something may take that takes no time.
const patience = 30 * time.Second

// listen gives a quiet listener and how it is reached.
func listen(t *testing.T, network string) (net.Listener, func() net.Conn) {
	t.Helper()
	address := "127.0.0.1:0"
	if network == "unix" {
		address = filepath.Join(t.TempDir(), "s")
	}
	plain, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	l := quiet.Listener(plain)
	t.Cleanup(func() { l.Close() })
	return l, func() net.Conn {
		t.Helper()
		c, err := net.Dial(network, plain.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
}

// pair gives the two ends of a connection, the server's quiet.
func pair(t *testing.T, network string) (server, client net.Conn) {
	t.Helper()
	l, dial := listen(t, network)
	client = dial()
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	return server, client
}

func both(t *testing.T, f func(t *testing.T, network string)) {
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) { f(t, network) })
	}
}

// What is written to a socket that is full waits for room, and arrives whole.
func TestWholeWrites(t *testing.T) {
	both(t, func(t *testing.T, network string) {
		server, client := pair(t, network)
		want := bytes.Repeat([]byte("0123456789abcde\n"), 1<<19) // more than any socket holds
		wrote := make(chan error, 1)
		go func() {
			n, err := server.Write(want)
			if err == nil && n != len(want) {
				err = fmt.Errorf("%d bytes of %d, and no error", n, len(want))
			}
			wrote <- errors.Join(err, server.Close())
		}()
		got, err := io.ReadAll(client)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d bytes of %d: %v", len(got), len(want), err)
		}
		if err := <-wrote; err != nil {
			t.Error(err)
		}
	})
}

// A read gives what is there, waits for what is not, and ends with io.EOF.
func TestReads(t *testing.T) {
	both(t, func(t *testing.T, network string) {
		server, client := pair(t, network)
		if n, err := server.Read(nil); n != 0 || err != nil {
			t.Errorf("a read of nothing: %d, %v", n, err)
		}
		for _, word := range []string{"one", "another", "x"} {
			heard := make(chan string)
			go func() {
				b := make([]byte, 100)
				n, err := server.Read(b)
				heard <- fmt.Sprint(string(b[:n]), err)
			}()
			io.WriteString(client, word)
			if got := <-heard; got != word+"<nil>" {
				t.Errorf("%q, not %q", got, word)
			}
		}
		client.(interface{ CloseWrite() error }).CloseWrite()
		if n, err := server.Read(make([]byte, 1)); n != 0 || err != io.EOF {
			t.Errorf("behind the end: %d, %v", n, err)
		}
		// The other direction is still open, and can be closed by itself too.
		io.WriteString(server, "still here")
		if err := server.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
			t.Error(err)
		}
		if got, err := io.ReadAll(client); string(got) != "still here" || err != nil {
			t.Errorf("%q, %v", got, err)
		}
	})
}

// Errors are those of net's own connections, which net/http looks at.
func TestErrors(t *testing.T) {
	both(t, func(t *testing.T, network string) {
		is := func(err error, op string, want error) {
			t.Helper()
			var o *net.OpError
			if !errors.As(err, &o) || o.Op != op || o.Net != network || !errors.Is(err, want) {
				t.Errorf("%v, not %v of %s", err, want, op)
			}
		}
		server, client := pair(t, network)
		b := make([]byte, 1<<20)

		server.SetReadDeadline(time.Unix(1, 0))
		_, err := server.Read(b)
		is(err, "read", os.ErrDeadlineExceeded)
		var timeout net.Error
		if !errors.As(err, &timeout) || !timeout.Timeout() {
			t.Errorf("%v is no timeout", err)
		}
		server.SetReadDeadline(time.Time{})
		io.WriteString(client, "on")
		if n, err := server.Read(b); n != 2 || err != nil {
			t.Errorf("behind a deadline that was taken back: %d, %v", n, err)
		}

		// A deadline that is set while a read waits ends it: so net/http takes back the
		// read that listens for a hang-up.
		ended := make(chan error)
		go func() { _, err := server.Read(b[:1]); ended <- err }()
		server.SetReadDeadline(time.Now().Add(time.Millisecond))
		is(<-ended, "read", os.ErrDeadlineExceeded)

		server.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
		var n int
		for err = nil; err == nil; {
			n, err = server.Write(b) // until the socket is full
		}
		is(err, "write", os.ErrDeadlineExceeded)
		if n >= len(b) {
			t.Errorf("%d bytes were taken of %d that were not", n, len(b))
		}

		go func() { _, err := server.Read(b); ended <- err }()
		server.SetReadDeadline(time.Time{})
		server.Close()
		if err := <-ended; !errors.Is(err, net.ErrClosed) && !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error(err)
		}
		_, err = server.Read(b)
		is(err, "read", net.ErrClosed)
		_, err = server.Write(b)
		is(err, "write", net.ErrClosed)
	})
}

// A peer that has closed is an error of the write, and no signal that ends the
// process.
func TestGonePeer(t *testing.T) {
	both(t, func(t *testing.T, network string) {
		server, client := pair(t, network)
		client.Close()
		var err error
		for end := time.Now().Add(patience); err == nil && time.Now().Before(end); {
			_, err = server.Write([]byte("anybody?"))
		}
		var op *net.OpError
		if !errors.As(err, &op) || op.Op != "write" {
			t.Error(err)
		}
	})
}

// Several goroutines may write at once; what each writes stays together.
func TestManyWriters(t *testing.T) {
	both(t, func(t *testing.T, network string) {
		const writers, size = 8, 256 << 10
		server, client := pair(t, network)
		var all sync.WaitGroup
		for i := range writers {
			all.Go(func() {
				if _, err := server.Write(bytes.Repeat([]byte{byte('a' + i)}, size)); err != nil {
					t.Error(err)
				}
			})
		}
		go func() { all.Wait(); server.Close() }()
		got, err := io.ReadAll(client)
		if err != nil || len(got) != writers*size {
			t.Fatalf("%d bytes, %v", len(got), err)
		}
		for i := 0; i < len(got); i += size {
			if n := bytes.Count(got[i:i+size], got[i:i+1]); n != size {
				t.Errorf("a write was torn: %d of %q in the part of %d", n, got[i], i/size)
			}
		}
	})
}

// Several goroutines may read at once; each byte is read by one of them.
func TestManyReaders(t *testing.T) {
	both(t, func(t *testing.T, network string) {
		const readers, size = 8, 256 << 10
		server, client := pair(t, network)
		heard := make(chan int, readers)
		for range readers {
			go func() {
				b := make([]byte, 1000)
				sum := 0
				for {
					n, err := server.Read(b)
					sum += n
					if err != nil {
						heard <- sum
						return
					}
				}
			}()
		}
		client.Write(make([]byte, size))
		client.Close()
		sum := 0
		for range readers {
			sum += <-heard
		}
		if sum != size {
			t.Errorf("%d bytes were read of %d", sum, size)
		}
	})
}

// net/http serves on it: requests that follow each other on one connection, bodies
// that come in pieces, who hangs up, and connections that are taken over.
func TestHTTP(t *testing.T) {
	both(t, func(t *testing.T, network string) {
		l, dial := listen(t, network)
		gone := make(chan error, 1)
		took := make(chan net.Conn, 1)
		mux := http.NewServeMux()
		mux.HandleFunc("/echo", func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			w.Write(body)
		})
		mux.HandleFunc("/wait", func(_ http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			gone <- r.Context().Err()
		})
		mux.HandleFunc("/take", func(w http.ResponseWriter, _ *http.Request) {
			c, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
			}
			took <- c
		})
		s := &http.Server{Handler: mux}
		over := make(chan struct{})
		go func() { defer close(over); s.Serve(l) }()
		defer func() { s.Close(); <-over }()

		var dialed atomic.Int32
		transport := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
			dialed.Add(1)
			return dial(), nil
		}}
		defer transport.CloseIdleConnections()
		client := &http.Client{Transport: transport}
		big := strings.Repeat("payload ", 1<<17)
		const requests = 20
		for i := range requests {
			r, w := io.Pipe()
			go func() {
				for part := range len(big) / (1 << 15) {
					io.WriteString(w, big[part<<15:(part+1)<<15])
				}
				w.Close()
			}()
			resp, err := client.Post("http://server/echo", "text/plain", r)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if string(got) != big || err != nil {
				t.Fatalf("request %d: %d bytes, %v", i, len(got), err)
			}
		}
		if n := dialed.Load(); n == requests {
			t.Errorf("%d connections for requests that follow each other", n)
		}

		c := dial()
		io.WriteString(c, "GET /wait HTTP/1.1\r\nHost: server\r\n\r\n")
		c.Close()
		select {
		case <-gone:
		case <-time.After(patience):
			t.Error("nobody noticed the hang-up")
		}

		c = dial()
		io.WriteString(c, "GET /take HTTP/1.1\r\nHost: server\r\n\r\n")
		mine := quiet.Plain(<-took)
		switch mine.(type) {
		case *net.TCPConn, *net.UnixConn:
		default:
			t.Errorf("below is a %T", mine)
		}
		io.WriteString(mine, "taken")
		mine.Close()
		if got, err := io.ReadAll(c); string(got) != "taken" || err != nil {
			t.Errorf("%q, %v", got, err)
		}
	})
}

// What is no quiet connection is left as it is.
func TestPlain(t *testing.T) {
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	if quiet.Plain(a) != a {
		t.Error("another connection")
	}
}

// With one processor a listener stays as it is.
func TestOneProcessor(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if quiet.Listener(l) != l {
		t.Error("another listener")
	}
}

// BenchmarkExchange is a byte there and back.
func BenchmarkExchange(b *testing.B) {
	for name, wrap := range map[string]func(net.Listener) net.Listener{
		"plain": func(l net.Listener) net.Listener { return l }, "quiet": quiet.Listener,
	} {
		b.Run(name, func(b *testing.B) {
			plain, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				b.Fatal(err)
			}
			l := wrap(plain)
			defer l.Close()
			client, err := net.Dial("tcp", plain.Addr().String())
			if err != nil {
				b.Fatal(err)
			}
			defer client.Close()
			server, err := l.Accept()
			if err != nil {
				b.Fatal(err)
			}
			defer server.Close()
			one := make([]byte, 1)
			b.ReportAllocs()
			for b.Loop() {
				client.Write(one)
				server.Read(one)
				server.Write(one)
				client.Read(one)
			}
		})
	}
}
