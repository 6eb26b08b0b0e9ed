package handlers

import (
	"context"
	"io/fs"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"

	"parley/events"
	"parley/handlers/pump"
)

// Options say how a Server behaves. The zero value serves anonymous callers at
// the root of a host, without a page.
type Options struct {
	Key      string // the Bearer token that may do everything; "" means that there is none, and every Bearer token is refused
	BasePath string // where everything is mounted, such as "/chat"; "" is the root

	// AllowOrigin lists the other origins that may read and write, each exactly as
	// a browser names it ("https://app.example"). "*" alone allows every origin.
	AllowOrigin []string

	// Page holds the files of the page: index.html, parley.js, parley.d.ts,
	// openapi.json and what they refer to. Without one (nil) there is no page, and
	// browsers get the text.
	Page fs.FS

	Logger    *slog.Logger  // nil discards
	Version   string        // what the landing page and the metrics say; "" means "dev"
	Heartbeat time.Duration // after so long without a word a stream gets a heartbeat; 0 means 15 s
	Stall     time.Duration // a stream that takes nothing for so long is closed; 0 means 30 s
}

// A Server answers HTTP for a Registry. It answers from the moment it is made:
// before Open, whatever needs the log is unavailable for now.
//
// All methods may be called at once from any goroutine. It starts no goroutine
// of its own that outlives its streams, and owns no listener.
type Server struct {
	o       Options
	log     *slog.Logger
	origins origins
	key     key
	page    page
	metrics *metrics
	public  http.Handler
	ops     http.Handler
	life    atomic.Pointer[life]
	streams streams
	said    atomic.Uint64 // events published
	askers  askers
	returns returns
}

// A life is how far a server has come. It is replaced, never changed.
type life struct {
	registry *events.Registry
	err      error // why there is no log any more
	draining bool
}

// New makes a server that is starting.
func New(o Options) *Server {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Version == "" {
		o.Version = "dev"
	}
	if o.Heartbeat <= 0 {
		o.Heartbeat = 15 * time.Second
	}
	if o.Stall <= 0 {
		o.Stall = 30 * time.Second
	}
	o.BasePath = strings.TrimRight(o.BasePath, "/")
	s := &Server{
		o:       o,
		log:     o.Logger,
		origins: newOrigins(o.AllowOrigin),
		key:     newKey(o.Key),
		page:    newPage(o.Page),
	}
	s.life.Store(&life{})
	s.returns.begin()
	s.streams.pump = pump.New(pump.Options{Stall: o.Stall, Busy: s.returns.busy})
	s.metrics = newMetrics(s)
	s.public = s.routes(publicRoutes, o.BasePath)
	s.ops = s.routes(opsRoutes, "")
	return s
}

// Handler answers the public side.
func (s *Server) Handler() http.Handler { return s.public }

// Ops answers the operator's side: metrics, health, readiness. It asks for no
// key, so whoever can reach it may read it.
func (s *Server) Ops() http.Handler { return s.ops }

// Published gives how many events were published since the server was made, repeats
// among them.
func (s *Server) Published() uint64 { return s.said.Load() }

// Open hands over the registry: from now on the server is ready. Opening a
// server that drains or has failed changes nothing.
func (s *Server) Open(r *events.Registry) {
	s.returns.start()
	s.change(func(l *life) {
		if l.err == nil && !l.draining {
			l.registry = r
		}
	})
}

// Fail says that the log could not be opened or has died: the server is not
// ready, and what needs the log is unavailable. The process is still healthy, so
// that nobody restarts it in a circle while somebody looks for the cause.
func (s *Server) Fail(err error) {
	s.change(func(l *life) { l.err = err })
	s.log.Error("log failed", "error", err)
}

// Drain ends every stream with a bye and lets no new one begin; the server is
// not ready any more. Posts go on until the caller shuts its http.Server down; those
// that wait for answers wait on, for who was asked can still answer. Drain returns
// when all streams have ended and nobody waits, or when ctx ends: then it cuts the
// streams that are left, and whoever waits is told what has been answered.
func (s *Server) Drain(ctx context.Context) {
	s.change(func(l *life) { l.draining = true })
	s.returns.end()
	r := s.life.Load().registry
	if r != nil {
		r.Drain()
	}
	s.streams.Wait(ctx)
	s.askers.Wait(ctx)
	if r != nil {
		r.Settle()
	}
	s.streams.Cut()
}

func (s *Server) change(f func(*life)) {
	for {
		old := s.life.Load()
		next := *old
		f(&next)
		if s.life.CompareAndSwap(old, &next) {
			return
		}
	}
}

// registry gives the registry, or unavailable while there is none.
func (s *Server) registry() (*events.Registry, error) {
	l := s.life.Load()
	switch {
	case l.err != nil:
		return nil, &events.Error{Code: events.CodeUnavailable, Detail: "the log cannot be used now", Cause: l.err}
	case l.draining && l.registry == nil:
		return nil, events.Refuse(events.CodeUnavailable, "the server is about to end")
	case l.registry == nil:
		return nil, events.Refuse(events.CodeUnavailable, "the server is starting")
	}
	return l.registry, nil
}

// ready says whether the server can do all it is there for, and in a word why not.
func (s *Server) ready() (ok bool, word string) {
	l := s.life.Load()
	switch {
	case l.draining:
		return false, "draining"
	case l.err != nil:
		return false, "unavailable"
	case l.registry == nil:
		return false, "starting"
	}
	return true, "ready"
}

// newEcho makes a router that knows nothing but the routes it is given. What it
// cannot place is not-found, told like every other refusal.
func (s *Server) newEcho() *echo.Echo {
	e := echo.New()
	e.HTTPErrorHandler = func(_ error, c echo.Context) {
		s.unplaced(c.Response(), c.Request())
	}
	return e
}
