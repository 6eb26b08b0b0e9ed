package e2e_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"testing"
)

// A between stands between browsers and a server, and does what bad networks do.
type between struct {
	URL string

	mu      sync.Mutex
	lose    func(r *http.Request) bool // the answer is lost; guarded by mu
	mute    bool                       // streams that are open say nothing more; guarded by mu
	streams int                        // that are open; guarded by mu
	most    int                        // that ever were at once; guarded by mu
}

// put puts a between in front of a server. One that buffers hands an answer on
// when it has all of it, so never a stream.
func put(t *testing.T, s *server, buffers bool) *between {
	t.Helper()
	b := &between{}
	to, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(to) },
		FlushInterval: -1,
		ErrorHandler:  func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	proxy.ModifyResponse = func(r *http.Response) error {
		r.Body = muted{r.Body, r.Request.Context(), b}
		return nil
	}
	if buffers {
		proxy.ModifyResponse = func(r *http.Response) error {
			whole, err := io.ReadAll(r.Body)
			r.Body.Close()
			r.Body = io.NopCloser(bytes.NewReader(whole))
			return err
		}
	}
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && r.Header.Get("Accept") == "text/event-stream" {
			b.mu.Lock()
			b.streams++
			b.most = max(b.most, b.streams)
			b.mu.Unlock()
			defer func() {
				b.mu.Lock()
				b.streams--
				b.mu.Unlock()
			}()
		}
		b.mu.Lock()
		lost := b.lose != nil && b.lose(r)
		b.mu.Unlock()
		if lost {
			proxy.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler)
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		front.CloseClientConnections()
		front.Close()
	})
	b.URL = front.URL
	return b
}

// loses makes answers be lost from now on, when they were the server's already.
func (b *between) loses(when func(r *http.Request) bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lose = when
}

// mutes makes streams that are open say nothing more, as a network does that has
// forgotten them, or ends that for those opened after it.
func (b *between) mutes(yes bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mute = yes
}

// A muted body has nothing more to say once its between mutes.
type muted struct {
	io.ReadCloser
	ctx context.Context
	b   *between
}

func (m muted) Read(p []byte) (int, error) {
	n, err := m.ReadCloser.Read(p)
	m.b.mu.Lock()
	mute := m.b.mute
	m.b.mu.Unlock()
	if mute {
		<-m.ctx.Done()
		return 0, m.ctx.Err()
	}
	return n, err
}

// opened gives how many streams are open, and how many ever were at once.
func (b *between) opened() (now, most int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.streams, b.most
}
