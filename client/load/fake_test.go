package load_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// A fake is a server of Server-Sent Events that keeps everything, and can be told
// to err.
type fake struct {
	*httptest.Server
	deliver func(stream, n int, frame string) []string // what becomes of message n to a stream; nil is the frame itself
	status  func(n int) int                            // what POST n is answered; nil is 201
	limit   int                                        // streams that are let in; 0 is all
	deaf    bool                                       // every stream hears room0, whichever it asked for
	ends    string                                     // each stream is told this, and no more

	mu      sync.Mutex
	bell    *sync.Cond
	posted  int
	rooms   map[string][]string // frames
	streams int
	resumed int
	closed  bool
}

func serve(t *testing.T, f *fake) *fake {
	t.Helper()
	f.bell, f.rooms = sync.NewCond(&f.mu), map[string][]string{}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /bench/{room}", f.listen)
	mux.HandleFunc("POST /bench/{room}", f.say)
	f.Server = httptest.NewServer(mux)
	t.Cleanup(func() {
		f.mu.Lock()
		f.closed = true
		f.bell.Broadcast()
		f.mu.Unlock()
		f.Close()
	})
	return f
}

func (f *fake) say(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	room := r.PathValue("room")
	f.mu.Lock()
	f.posted++
	status := http.StatusCreated
	if f.status != nil {
		status = f.status(f.posted)
	}
	if status == http.StatusCreated {
		n := len(f.rooms[room]) + 1
		f.rooms[room] = append(f.rooms[room], fmt.Sprintf("id: %d\ndata: {\"data\":\"%s\"}\n\n", n, body))
		f.bell.Broadcast()
	}
	f.mu.Unlock()
	w.WriteHeader(status)
}

func (f *fake) listen(w http.ResponseWriter, r *http.Request) {
	room := r.PathValue("room")
	if f.deaf {
		room = "room0"
	}
	f.mu.Lock()
	stream := f.streams
	f.streams++
	at := len(f.rooms[room])
	if id := r.Header.Get("Last-Event-ID"); id != "" {
		at, _ = strconv.Atoi(id)
		f.resumed++
	}
	full := f.limit > 0 && stream >= f.limit
	f.mu.Unlock()
	if full {
		http.Error(w, "full", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	if f.ends != "" {
		w.(http.Flusher).Flush()
		_, _ = io.WriteString(w, f.ends)
		return
	}
	fmt.Fprintf(w, "retry: 10\nid: %d\nevent: hello\ndata: {}\n\n", at)
	flush := w.(http.Flusher).Flush
	flush()
	gone := r.Context().Done()
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		select {
		case <-gone:
			f.mu.Lock()
			f.bell.Broadcast()
			f.mu.Unlock()
		case <-stop:
		}
	}()
	for {
		f.mu.Lock()
		for len(f.rooms[room]) == at && !f.closed && r.Context().Err() == nil {
			f.bell.Wait()
		}
		over := f.closed || r.Context().Err() != nil
		var frame string
		if !over {
			frame = f.rooms[room][at]
		}
		f.mu.Unlock()
		if over {
			return
		}
		at++
		frames := []string{frame}
		if f.deliver != nil {
			frames = f.deliver(stream, at, frame)
		}
		for _, s := range frames {
			// In pieces, each of which becomes a chunk: nothing may depend on where a
			// line or a mark is cut.
			for len(s) > 0 {
				n := min(len(s), 1+(at+stream)%61)
				if _, err := io.WriteString(w, s[:n]); err != nil {
					return
				}
				flush()
				s = s[n:]
			}
		}
	}
}

// lines makes frames of a frame's copies.
func lines(frames ...string) []string { return strings.SplitAfter(strings.Join(frames, ""), "\n\n") }
