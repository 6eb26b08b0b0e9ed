package commands

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"parley/events"
	"parley/events/disklog"
	"parley/events/memlog"
	"parley/handlers"
	"parley/handlers/quiet"
	"parley/static"
)

type serveCmd struct {
	settings
}

// Run serves until ctx ends, and then ends in good order.
func (c *serveCmd) Run(ctx context.Context, env *Env) error {
	if err := c.check(); err != nil {
		return &usageError{err}
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	log := newLogger(env.Stderr, c.LogLevel)
	// The listeners open before the log does, so that who comes back after a
	// restart is told to wait and not refused.
	ears, err := c.listen(env.Inherited, log)
	if err != nil {
		log.Error("cannot start", "error", err)
		return &toldError{err}
	}
	p := newProcess(c.settings, log)
	tidying := make(chan struct{})
	go func() {
		defer close(tidying)
		newTidier(p.web.Published).run(ctx)
	}()
	err = p.run(ctx, ears)
	stop()
	<-tidying
	if err != nil {
		return &toldError{err}
	}
	return nil
}

// A process is one life of a server: opening, ready, draining, stopped.
type process struct {
	settings
	log    *slog.Logger
	known  *register // what is declared of namespaces
	web    *handlers.Server
	public *http.Server
	ops    *http.Server

	open    func() (events.Log, error)
	opening chan opened // gives what open gave, once
	keeper  events.Log  // the log, once it is open

	sweeping sync.WaitGroup
}

type opened struct {
	log events.Log
	err error
}

func newProcess(s settings, log *slog.Logger) *process {
	p := &process{settings: s, log: log, known: s.Namespaces.register(s.OpenNamespaces), opening: make(chan opened, 1)}
	p.web = handlers.New(handlers.Options{
		Key: s.Key, BasePath: s.BasePath, AllowOrigin: s.AllowOrigin,
		Page: static.FS, Logger: log, Version: version(), Heartbeat: s.Heartbeat,
	})
	p.open = p.openLog
	p.public = p.httpServer(p.web.Handler())
	p.ops = p.httpServer(p.web.Ops())
	return p
}

// httpServer has no WriteTimeout, which would end a stream at that age, and no
// ReadTimeout, which would end a long poll: who writes and reads bounds each
// write and read by itself.
func (p *process) httpServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10, // a hundred rooms of the longest names fit into a URL
		ErrorLog:          slog.NewLogLogger(p.log.Handler(), slog.LevelDebug),
	}
}

// run serves on the listeners, which it closes, until ctx ends or the server can
// no longer do what it is there for; only then it gives an error, which has been
// logged.
func (p *process) run(ctx context.Context, e ears) error {
	served := make(chan error, 2)
	serve := func(s *http.Server, l net.Listener) {
		if err := s.Serve(quiet.Listener(l)); !errors.Is(err, http.ErrServerClosed) {
			served <- err
		}
	}
	go serve(p.public, e.public)
	address, url := locate(e.public, p.BasePath)
	p.log.Info("listening", attrsOf("address", address, "url", url)...)
	if e.ops != nil {
		go serve(p.ops, e.ops)
		address, url := locate(e.ops, "")
		p.log.Info("listening for metrics", attrsOf("address", address, "url", url)...)
	}
	opening := p.opening
	go func() {
		l, err := p.open()
		opening <- opened{l, err}
	}()

	sweeping, stop := context.WithCancel(ctx)
	var failed error
	for failed == nil && ctx.Err() == nil {
		select {
		case o := <-p.opening:
			p.opening = nil
			if o.err != nil {
				failed = o.err
				p.web.Fail(failed)
				break
			}
			p.keeper = o.log
			registry := events.NewRegistry(events.Options{
				Log: o.log, WindowMemory: int64(p.WindowMemory), Grace: p.Grace, Settings: p.known.settings,
			})
			p.sweep(sweeping, registry)
			p.web.Open(registry)
			p.log.Info("ready", "log", p.where())
		case failed = <-served:
			p.log.Error("cannot serve any more", "error", failed)
		case <-ctx.Done():
		}
	}
	stop()
	p.sweeping.Wait()
	return errors.Join(failed, p.end(ctx))
}

// sweepEvery is how often namespaces that hold nothing are looked for.
const sweepEvery = time.Minute

// sweep forgets them until ctx ends.
func (p *process) sweep(ctx context.Context, registry *events.Registry) {
	p.sweeping.Go(func() {
		every := time.NewTicker(sweepEvery)
		defer every.Stop()
		for {
			select {
			case <-every.C:
				if err := registry.Sweep(ctx); err != nil && ctx.Err() == nil {
					p.log.Warn("could not forget namespaces that hold nothing", "error", err)
				}
			case <-ctx.Done():
				return
			}
		}
	})
}

// openLog opens the log. It may take as long as healing it takes.
func (p *process) openLog() (events.Log, error) {
	if p.Memory {
		return memlog.New(memlog.Options{Keep: p.keep(), KeepOf: p.known.keepOf}), nil
	}
	l, err := disklog.Open(p.Data, disklog.Options{
		Keep: p.keep(), KeepOf: p.known.keepOf, Reserve: int64(p.Reserve), NewEpoch: p.NewEpoch, Logger: p.log,
	})
	if err != nil {
		return nil, fmt.Errorf("cannot open the log in %q (--data): %w", p.Data, err)
	}
	return l, nil
}

func (p *process) where() string {
	if p.Memory {
		return "memory"
	}
	return p.Data
}

// end drains: streams first, since a shutdown of net/http never ends one, then
// the posts that are under way, then the log that they wait for. Clients get
// most of the time that there is and are cut then, so that the log has the rest.
func (p *process) end(ctx context.Context) error {
	began := time.Now()
	p.log.Info("draining", "within", p.Drain.String())
	ctx = context.WithoutCancel(ctx)
	until := func(share time.Duration) (context.Context, context.CancelFunc) {
		return context.WithDeadline(ctx, began.Add(p.Drain*share/10))
	}

	streams, cancel := until(5)
	defer cancel()
	p.web.Drain(streams)

	posts, cancel := until(8)
	defer cancel()
	for _, s := range []*http.Server{p.public, p.ops} {
		if s.Shutdown(posts) != nil {
			p.log.Warn("cut off clients that would not end")
			_ = s.Close()
		}
	}

	log, cancel := until(10)
	defer cancel()
	err := p.closeLog(log)
	if err != nil {
		p.log.Error("the log did not close", "error", err)
	}
	p.log.Info("stopped", "took", time.Since(began).Round(time.Millisecond).String())
	return err
}

// closeLog closes the log, one too that is only just being opened.
func (p *process) closeLog(ctx context.Context) error {
	closed := make(chan error, 1)
	go func() {
		if p.opening != nil {
			if o := <-p.opening; o.err == nil {
				p.keeper = o.log
			}
		}
		if p.keeper == nil {
			closed <- nil
			return
		}
		closed <- p.keeper.Close()
	}()
	select {
	case err := <-closed:
		return err
	case <-ctx.Done():
		return errors.New("it took longer than --drain allows")
	}
}

// attrsOf leaves out what is empty.
func attrsOf(pairs ...string) []any {
	var out []any
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			out = append(out, pairs[i], pairs[i+1])
		}
	}
	return out
}
