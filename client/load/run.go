package load

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Run does what the options say and gives what came of it. watch, which may be
// nil, is called five times a second, by one goroutine. An error is one of the
// options, of the machine or of ctx; what a server does wrong stands in the
// Result. A nil Result comes with every error. Run leaves no goroutine and no
// connection behind.
func Run(ctx context.Context, options Options, watch func(Progress)) (*Result, error) {
	o, err := options.withDefaults()
	if err != nil {
		return nil, err
	}
	r, err := newRun(o)
	if err != nil {
		return nil, err
	}
	defer r.end()
	if watch != nil {
		stop := r.report(watch)
		defer stop()
	}
	if err := r.play(ctx); err != nil {
		return nil, err
	}
	return &r.result, nil
}

// A run is one of Run's.
type run struct {
	o        Options
	id       uint16
	name     string
	clock    clock
	sub      endpoint
	accounts []*account
	carriers []carrier
	streams  []*stream
	writers  []*writer
	ledger   ledger

	phase   atomic.Pointer[phase]
	slots   chan struct{} // connections being opened
	opened  atomic.Int64  // streams that are open
	cut     atomic.Int64  // streams that the server ended
	ended   chan end      // of streams that were opening or are to come back
	tried   atomic.Int64  // openings that came to something
	resumes atomic.Bool   // a stream that ends is opened again

	mu    sync.Mutex
	first error

	result Result
}

type phase struct {
	name  string
	began time.Time
}

type end struct {
	s    *stream
	wait time.Duration
}

func newRun(o Options) (*run, error) {
	var id [8]byte
	if _, err := rand.Read(id[:]); err != nil {
		return nil, err
	}
	r := &run{
		o: o, id: binary.BigEndian.Uint16(id[:2]), name: fmt.Sprintf("%x", id[:]),
		clock: clock{time.Now()},
		slots: make(chan struct{}, o.Opening),
		ended: make(chan end, o.Streams),
	}
	r.ledger.accepted = make([]atomic.Int64, o.Rooms)
	r.ledger.doubtful = map[posted]struct{}{}
	r.enter("opening")
	var err error
	if r.sub, err = locate(o.Server, o.Sub); err != nil {
		return nil, err
	}
	pub, err := locate(o.Server, o.Pub)
	if err != nil {
		return nil, err
	}
	if o.Protocol == SocketIO {
		r.o.SubHeaders = append([]string{"Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg=="}, o.SubHeaders...)
	}
	happens := &events{opened: r.streamOpened, ended: r.streamEnded}
	for range min(o.Readers, o.Streams) {
		a := &account{run: r.id, protocol: o.Protocol, keepIDs: o.Return, clock: r.clock, events: happens,
			latency: newHistogram(), caught: newHistogram(), live: true}
		c, err := newCarrier(r.sub, a)
		if err != nil {
			r.end()
			return nil, err
		}
		r.accounts, r.carriers = append(r.accounts, a), append(r.carriers, c)
	}
	for i := range o.Streams {
		a := r.accounts[i%len(r.accounts)]
		s := &stream{n: i, room: i % o.Rooms, account: a, next: make([]uint32, o.Writers),
			stalled: i*o.Stalled/o.Streams != (i+1)*o.Stalled/o.Streams}
		a.streams, r.streams = append(a.streams, s), append(r.streams, s)
	}
	padding := make([]byte, o.Size-markLen)
	for i := range padding {
		padding[i] = 'x'
	}
	for i := range o.Writers {
		r.writers = append(r.writers, &writer{number: uint16(i), options: &r.o, at: pub, run: r.name, runID: r.id,
			clock: r.clock, ledger: &r.ledger, padding: string(padding), next: make([]uint32, o.Rooms)})
	}
	return r, nil
}

func (r *run) end() {
	r.resumes.Store(false)
	for _, c := range r.carriers {
		c.closeAll()
		c.stop()
	}
	r.carriers = nil
	for _, w := range r.writers {
		w.close()
	}
}

func (r *run) enter(name string) { r.phase.Store(&phase{name, time.Now()}) }

// play is the whole run.
func (r *run) play(ctx context.Context) error {
	o := &r.o
	r.result = Result{Streams: o.Streams, Rooms: o.Rooms, Writers: o.Writers, Size: o.Size, Stalled: o.Stalled}
	before, err := r.look()
	if err != nil {
		return err
	}
	began := r.clock.now()
	if err := r.openAll(ctx); err != nil {
		return err
	}
	r.result.OpenSeconds = float64(r.clock.now()-began) / 1e9
	r.result.Opened = int(r.opened.Load())
	r.result.OpenedPerSecond = float64(r.result.Opened) / r.result.OpenSeconds
	afterOpening, err := r.look()
	if err != nil {
		return err
	}
	r.enter("settling")
	if err := sleep(ctx, o.Settle); err != nil {
		return err
	}
	opened, err := r.look()
	if err != nil {
		return err
	}

	own, start := ownCPU(), r.clock.now()
	post, meanwhile := newHistogram(), newHistogram()
	switch {
	case o.Idle || r.result.Opened == 0:
	case o.Return:
		err = r.away(ctx, post, meanwhile)
	default:
		start = r.clock.now()
		if err = r.send(ctx, o.Messages, o.For, nil, post); err == nil {
			err = r.await(ctx)
		}
	}
	if err != nil {
		return err
	}
	r.result.GeneratorSeconds = (ownCPU() - own).Seconds()
	after, err := r.look()
	if err != nil && !o.Return { // what came back may be another process
		return err
	}
	r.count(start, post)
	if len(o.Pids) > 0 && err == nil {
		s := &Server{
			ResidentBefore: before.resident, ResidentOpen: opened.resident, ResidentAfter: after.resident, ResidentPeak: after.peak,
			CPUSeconds: (after.cpu - opened.cpu).Seconds(),
		}
		if n := float64(r.result.Opened); n > 0 {
			s.PerStream = float64(opened.resident-before.resident) / n
			s.OpenCPUPerStream = micros(afterOpening.cpu-before.cpu) / n
		}
		if r.result.Deliveries > 0 {
			s.CPUPerDelivery = micros(after.cpu-opened.cpu) / float64(r.result.Deliveries)
			s.CPUPerPost = micros(after.cpu-opened.cpu) / float64(r.result.Messages)
		}
		r.result.Server = s
		r.enter("closing")
		r.close(ctx, before.descriptors)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.first == nil {
		r.first = r.ledger.first
	}
	if r.first != nil {
		r.result.FirstError = r.first.Error()
	}
	return nil
}

func micros(d time.Duration) float64 { return float64(d) / 1e3 }

func (r *run) look() (usage, error) {
	if len(r.o.Pids) == 0 {
		return usage{}, nil
	}
	return usageOf(r.o.Pids)
}

// request is what a stream asks for.
func (r *run) request(s *stream) []byte {
	f := filling{run: r.name, room: s.room, stream: s.n}
	b := []byte("GET " + f.fill(r.sub.target) + " HTTP/1.1\r\nHost: " + r.sub.host + "\r\n")
	if r.o.Protocol == SSE {
		b = append(b, "Accept: text/event-stream\r\n"...)
	}
	for _, h := range r.o.SubHeaders {
		b = append(append(b, f.fill(h)...), "\r\n"...)
	}
	if s.last != "" {
		b = append(b, "Last-Event-ID: "+s.last+"\r\n"...)
	}
	return append(b, "\r\n"...)
}

func (r *run) open(s *stream) {
	r.carriers[s.n%len(r.carriers)].open(s, r.request(s))
}

// streamOpened and streamEnded are called under an account's lock.
func (r *run) streamOpened(*stream) {
	r.opened.Add(1)
	r.tried.Add(1)
	<-r.slots
}

func (r *run) streamEnded(s *stream, wasOpen bool, err error) {
	r.mu.Lock()
	if r.first == nil {
		r.first = fmt.Errorf("stream %d: %w", s.n, err)
	}
	r.mu.Unlock()
	if wasOpen {
		r.opened.Add(-1)
		r.cut.Add(1)
	} else {
		<-r.slots
		r.tried.Add(1)
	}
	if r.resumes.Load() {
		wait := s.retry
		if wait == 0 {
			wait = time.Second
		}
		r.ended <- end{s, wait}
	}
}

var errPatience = errors.New("nothing more happened")

// openAll opens each stream once, and waits until something has come of each.
func (r *run) openAll(ctx context.Context) error {
	began := r.tried.Load()
	for _, s := range r.streams {
		if err := r.slot(ctx); err != nil {
			return ignore(err, errPatience)
		}
		r.open(s)
	}
	return ignore(r.until(ctx, func() (bool, int64) {
		n := r.tried.Load() - began
		return n >= int64(len(r.streams)), n
	}), errPatience)
}

// slot waits until another connection may be opened.
func (r *run) slot(ctx context.Context) error {
	select {
	case r.slots <- struct{}{}:
		return nil
	default:
	}
	timer := time.NewTimer(r.o.Patience)
	defer timer.Stop()
	select {
	case r.slots <- struct{}{}:
		return nil
	case <-timer.C:
		return errPatience
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func ignore(err, target error) error {
	if errors.Is(err, target) {
		return nil
	}
	return err
}

// until waits for done, as long as progress grows.
func (r *run) until(ctx context.Context, done func() (ok bool, progress int64)) error {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	last, moved := int64(-1), time.Now()
	for {
		ok, progress := done()
		switch {
		case ok:
			return nil
		case progress != last:
			last, moved = progress, time.Now()
		case time.Since(moved) > r.o.Patience:
			return errPatience
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// send has the writers post, until they have or stop is closed.
func (r *run) send(ctx context.Context, messages int, length time.Duration, stop <-chan struct{}, latency *hdrhistogram.Histogram) error {
	if stop == nil {
		r.enter("sending")
	}
	p := &schedule{clock: r.clock, began: r.clock.now(), messages: int64(messages), length: length, rate: r.o.Rate, stop: stop}
	all := make([]*hdrhistogram.Histogram, len(r.writers))
	var running sync.WaitGroup
	for i, w := range r.writers {
		all[i] = newHistogram()
		running.Go(func() { w.write(ctx, p, all[i]) })
	}
	running.Wait()
	r.result.PostSeconds += float64(r.clock.now()-p.began) / 1e9
	for _, h := range all {
		latency.Merge(h)
	}
	return context.Cause(ctx)
}

// expected is how many deliveries there should have been by now.
func (r *run) expected() (n int64) {
	listeners := make([]int64, r.o.Rooms)
	for _, s := range r.streams {
		if r.counts(s) {
			listeners[s.room]++
		}
	}
	for room, k := range listeners {
		n += k * r.ledger.accepted[room].Load()
	}
	return n
}

// counts reports whether a stream should hear everything.
func (r *run) counts(s *stream) bool {
	s.account.mu.Lock()
	defer s.account.mu.Unlock()
	return !s.stalled && s.let
}

func (r *run) heard() (n int64) {
	for _, a := range r.accounts {
		n += a.heard.Load()
	}
	return n
}

// await waits until everything has been heard, and a moment longer: what comes
// twice comes late.
func (r *run) await(ctx context.Context) error {
	r.enter("waiting")
	expected := r.expected()
	err := r.until(ctx, func() (bool, int64) {
		n := r.heard()
		return n >= expected, n
	})
	if err == nil {
		err = sleep(ctx, 200*time.Millisecond)
	}
	return ignore(err, errPatience)
}

// away drops all streams, sends, and has them come back.
func (r *run) away(ctx context.Context, post, meanwhile *hdrhistogram.Histogram) error {
	// A stream that knows no position would come back as a new one.
	err := r.until(ctx, func() (bool, int64) {
		n := r.ids()
		return n >= r.opened.Load(), n
	})
	if errors.Is(err, errPatience) {
		return errors.New("the streams are given no ID that they could come back with")
	}
	if err != nil {
		return err
	}
	for _, c := range r.carriers {
		c.closeAll()
	}
	r.opened.Store(0)
	cut := r.cut.Load()
	if err := r.send(ctx, r.o.Messages, r.o.For, nil, post); err != nil {
		return err
	}
	if r.o.Between != nil {
		r.enter("away")
		for _, w := range r.writers {
			w.close()
		}
		if err := r.o.Between(ctx); err != nil {
			return err
		}
	}

	r.enter("returning")
	began := r.clock.now()
	for _, a := range r.accounts {
		a.mu.Lock()
		a.live, a.returnedAt = false, began
		for _, s := range a.streams {
			if s.target = int(r.ledger.accepted[s.room].Load()); s.target > 0 && s.life > 0 {
				a.behind.Add(1)
			}
		}
		a.mu.Unlock()
	}
	r.resumes.Store(true)
	coming, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { r.reopen(coming) })
	stop := make(chan struct{})
	if r.o.Rate > 0 {
		running.Go(func() { _ = r.send(coming, 0, 0, stop, meanwhile) })
	}
	err = r.until(ctx, func() (bool, int64) {
		return r.behind() == 0, r.heard()
	})
	took := r.clock.now() - began
	r.resumes.Store(false)
	close(stop)
	cancel()
	running.Wait()
	r.cut.Store(cut) // who was sent away to come back did so
	if err != nil && !errors.Is(err, errPatience) {
		return err
	}
	back := &Return{Streams: r.result.Opened - int(r.behind()), Seconds: float64(took) / 1e9}
	caught := newHistogram()
	for _, a := range r.accounts {
		a.mu.Lock()
		caught.Merge(a.caught)
		a.mu.Unlock()
	}
	back.CaughtUp = latencyOf(caught)
	if r.o.Rate > 0 {
		l := latencyOf(meanwhile)
		back.PostMeanwhile = &l
	}
	r.result.Return = back
	return r.await(ctx)
}

func (r *run) ids() (n int64) {
	for _, a := range r.accounts {
		n += a.ids.Load()
	}
	return n
}

func (r *run) behind() (n int64) {
	for _, a := range r.accounts {
		n += a.behind.Load()
	}
	return n
}

// reopen opens all streams again, and those that end once more after the wait
// that the server asks for, until ctx ends.
func (r *run) reopen(ctx context.Context) {
	var timers sync.WaitGroup
	defer timers.Wait()
	due := make(chan *stream)
	again := func(s *stream) {
		select {
		case r.slots <- struct{}{}:
			r.open(s)
		case <-ctx.Done():
		}
	}
	for _, s := range r.streams {
		again(s)
	}
	for {
		select {
		case e := <-r.ended:
			timers.Go(func() {
				if sleep(ctx, e.wait) == nil {
					select {
					case due <- e.s:
					case <-ctx.Done():
					}
				}
			})
		case s := <-due:
			again(s)
		case <-ctx.Done():
			return
		}
	}
}

// count closes the books: each stream's by itself.
func (r *run) count(start int64, post *hdrhistogram.Histogram) {
	res := &r.result
	latency := newHistogram()
	last := start
	for _, a := range r.accounts {
		a.mu.Lock()
		latency.Merge(a.latency)
		res.Duplicated += a.duplicated
		res.Reordered += a.reordered
		res.Strayed += a.strayed
		last = max(last, a.lastAt.Load())
		a.mu.Unlock()
	}
	res.Messages = r.ledger.total.Load()
	res.Refused = r.ledger.refused
	res.Doubtful = len(r.ledger.doubtful)
	res.Deliveries = r.heard()
	res.ClosedByServer = int(r.cut.Load())
	res.Delivery, res.Post = latencyOf(latency), latencyOf(post)
	if r.o.Return {
		res.Delivery = Latency{}
	}
	if res.PostSeconds > 0 {
		res.PostsPerSecond = float64(res.Messages) / res.PostSeconds
	}
	if last > start {
		res.DeliverySeconds = float64(last-start) / 1e9
		res.DeliveriesPerSec = float64(res.Deliveries) / res.DeliverySeconds
	}
	for _, s := range r.streams {
		if !r.counts(s) {
			continue
		}
		s.account.mu.Lock()
		for _, w := range r.writers {
			res.Expected += int64(w.next[s.room])
			for n := s.next[w.number]; n < w.next[s.room]; n++ {
				res.Lost += r.missing(s, hole{w.number, n})
			}
		}
		for h := range s.holes {
			res.Lost += r.missing(s, h)
		}
		s.account.mu.Unlock()
	}
}

// missing is 1, unless nobody knows whether it should have been heard.
func (r *run) missing(s *stream, h hole) int64 {
	if _, doubtful := r.ledger.doubtful[posted{s.room, h}]; doubtful {
		return 0
	}
	return 1
}

// close closes everything at once, and sees how long the server takes to notice.
func (r *run) close(ctx context.Context, descriptors int) {
	for _, w := range r.writers {
		w.close()
	}
	began := time.Now()
	for _, c := range r.carriers {
		c.closeAll()
	}
	s := r.result.Server
	for {
		u, err := r.look()
		s.NoticedSeconds = time.Since(began).Seconds()
		s.LeftOpen = max(0, u.descriptors-descriptors)
		if err != nil || s.LeftOpen == 0 || time.Since(began) > 10*time.Second || sleep(ctx, 2*time.Millisecond) != nil {
			return
		}
	}
}

// report calls watch until it is stopped.
func (r *run) report(watch func(Progress)) (stop func()) {
	done := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				p := r.phase.Load()
				watch(Progress{Phase: p.name, Open: int(r.opened.Load()), Behind: int(r.behind()),
					Messages: r.ledger.total.Load(), Deliveries: r.heard(), Elapsed: time.Since(p.began)})
			}
		}
	})
	return func() { close(done); running.Wait() }
}
