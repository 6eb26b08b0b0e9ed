package commands_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"parley/commands"
	"parley/events"
	"parley/events/memlog"
)

// What is no HTTP that can be read is refused before anything else is looked at, in
// plain text, and the connection ends.
func TestUnreadableRequests(t *testing.T) {
	r := serve(t)
	host := strings.TrimSuffix(strings.TrimPrefix(r.served, "http://"), "/")
	long := func(n int) string { return "X-Long: " + strings.Repeat("x", n) + "\r\n" }
	for name, tt := range map[string]struct {
		head   string
		status int
	}{
		"a path that cannot be decoded": {"GET /acme/%zz HTTP/1.1\r\nHost: a\r\n", 400},
		"no Host":                       {"GET /acme/lobby HTTP/1.1\r\n", 400},
		"two Hosts":                     {"GET /acme/lobby HTTP/1.1\r\nHost: a\r\nHost: b\r\n", 400},
		"another language":              {"HELO parley\r\n", 400},
		"headers above 64 KiB":          {"GET /-/health HTTP/1.1\r\nHost: a\r\n" + long(70<<10), 431},
		"the same in many":              {"GET /-/health HTTP/1.1\r\nHost: a\r\n" + strings.Repeat(long(1000), 70), 431},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := net.Dial("tcp", host)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			c.SetDeadline(time.Now().Add(20 * time.Second))
			if _, err := io.WriteString(c, tt.head+"\r\n"); err != nil {
				t.Fatal(err)
			}
			from := bufio.NewReader(c)
			resp, err := http.ReadResponse(from, nil)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			if kind := resp.Header.Get("Content-Type"); err != nil || resp.StatusCode != tt.status || !strings.HasPrefix(kind, "text/plain") {
				t.Errorf("%d in %s, %q, %v", resp.StatusCode, kind, body, err)
			}
			if more, err := io.ReadAll(from); len(more) > 0 || err != nil {
				t.Errorf("behind the refusal: %q, %v", more, err)
			}
		})
	}

	// Just below the limit is a request like any other.
	req, err := http.NewRequest("GET", r.url("/-/health"), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Long", strings.Repeat("x", 63<<10))
	resp, err := web(t).Do(req)
	if err != nil || resp.StatusCode != 200 {
		t.Fatal(resp, err)
	}
	resp.Body.Close()
}

// Nobody keeps a connection by saying nothing: the first headers have ten seconds from
// its opening, later ones from their first byte, and behind an answer it may rest for two
// minutes.
func TestSilentConnections(t *testing.T) {
	const request = "GET /-/health HTTP/1.1\r\nHost: a\r\n\r\n"
	for name, tt := range map[string]struct {
		say  string
		want int // answers
		ends time.Duration
	}{
		"not a word":         {"", 0, 10 * time.Second},
		"half a head":        {request[:20], 0, 10 * time.Second},
		"a whole one":        {request, 1, 2 * time.Minute},
		"one and half a one": {request + request[:20], 1, 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := &pipes{made: make(chan net.Conn), closed: make(chan struct{})}
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan error, 1)
				go func() {
					ended <- commands.ServeLog(ctx, l, func() (events.Log, error) {
						return memlog.New(memlog.Options{}), nil
					}, time.Second)
				}()
				synctest.Wait()

				client, server := net.Pipe()
				l.made <- server
				began := time.Now()
				if tt.say != "" {
					go io.WriteString(client, tt.say)
				}
				var told strings.Builder
				if _, err := io.Copy(&told, client); err != nil {
					t.Error(err)
				}
				if took := time.Since(began); took != tt.ends {
					t.Errorf("it ended after %s", took)
				}
				if got := strings.Count(told.String(), "HTTP/1.1 200 OK"); got != tt.want {
					t.Errorf("%d answers: %s", got, told.String())
				}

				cancel()
				if err := <-ended; err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// pipes is a listener in memory, whose connections live in the clock of a test.
type pipes struct {
	made   chan net.Conn
	closed chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.made:
		return c, nil
	case <-p.closed:
		return nil, fmt.Errorf("accept: %w", net.ErrClosed)
	}
}

func (p *pipes) Close() error {
	select {
	case <-p.closed:
	default:
		close(p.closed)
	}
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "@pipes", Net: "unix"} }
