package handlers_test

import (
	"bufio"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// A body that does not come keeps nobody longer than bodies may take, whether it
// was wanted, refused or never asked for. Without a deadline net/http waits for it
// before it answers.
func TestAnAnswerDoesNotWaitForABodyForever(t *testing.T) {
	for name, c := range map[string]struct {
		request string
		status  int
	}{
		"wanted":       {"POST /acme/lobby HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc", 400},
		"bad name":     {"POST /acme/-x HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n", 400},
		"bad method":   {"PUT /acme/lobby HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n", 405},
		"not asked":    {"GET /-/health HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n", 200},
		"history":      {"GET /acme/lobby/history HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n", 200},
		"chunked":      {"POST /acme/lobby HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", 400},
		"unknown path": {"POST /-/nothing HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", 404},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := newStage(t, stageOptions{})
				conn := st.dial()
				defer conn.Close()
				began := time.Now()
				go io.WriteString(conn, c.request)
				r, err := http.ReadResponse(bufio.NewReader(conn), nil)
				if err != nil {
					t.Fatal(err)
				}
				if r.StatusCode != c.status || time.Since(began) > 30*time.Second {
					t.Errorf("%s after %v", r.Status, time.Since(began))
				}
			})
		})
	}
}

// A stream with a body nobody asked for outlives the body's time.
func TestAStreamOutlivesTheTimeOfABody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStage(t, stageOptions{})
		r := st.listen("/acme/lobby", "Content-Length", "3")
		go func() {
			time.Sleep(10 * time.Minute)
			st.say("acme", "lobby", "", "still here")
		}()
		for {
			b, err := r.sse.block()
			if err != nil {
				t.Fatal(err)
			}
			if b.event != nil {
				return
			}
		}
	})
}
