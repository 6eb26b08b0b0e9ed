package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
)

// A visitor is somebody in a room without a browser: an open stream, and words.
type visitor struct {
	Member string

	t         testing.TB
	room, cid string
	leave     context.CancelFunc
}

var visitors atomic.Int64

// visit opens a stream of a room under a nickname, and waits until it is open.
func visit(t testing.TB, room, name string) *visitor {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	v := &visitor{t: t, room: room, cid: fmt.Sprintf("a-visitor-of-these-tests-%d", visitors.Add(1)), leave: cancel}
	req, err := http.NewRequestWithContext(ctx, "GET", room+"?format=sse&name="+url.QueryEscape(name), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Connection-ID", v.cid)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(resp.Body)
		t.Fatalf("%s: %s", resp.Status, body)
	}
	hello := make(chan string, 1)
	go func() {
		defer resp.Body.Close()
		_ = readFrames(resp.Body, func(f frame) bool {
			if f.event == "hello" {
				var h struct{ Member string }
				_ = json.Unmarshal([]byte(f.data), &h)
				hello <- h.Member
			}
			return true
		})
	}()
	v.Member = <-hello
	return v
}

// say sends words to the room; query has what more there is to say, "&event=greeting".
func (v *visitor) say(words string) { v.t.Helper(); v.send(v.room, "", words) }

// whisper sends words to one member.
func (v *visitor) whisper(member, words string) {
	v.t.Helper()
	v.send(v.room[:strings.LastIndex(v.room, "/")], "?to=@"+member, words)
}

func (v *visitor) send(address, query, words string) {
	v.t.Helper()
	req, err := http.NewRequest("POST", address+query, strings.NewReader(words))
	if err != nil {
		v.t.Fatal(err)
	}
	req.Header.Set("Connection-ID", v.cid)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		v.t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, _ := io.ReadAll(resp.Body); resp.StatusCode/100 != 2 {
		v.t.Fatalf("POST %s: %s: %s", address, resp.Status, body)
	}
}
