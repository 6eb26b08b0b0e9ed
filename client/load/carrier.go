package load

import (
	"crypto/tls"
	"net"
	"sync"
	"time"
)

// A carrier holds the connections of an account's streams and has them read. Its
// methods are called by one goroutine at a time, without the account's lock.
type carrier interface {
	// open connects the stream, whose state it sets, and sends the request. It waits
	// for neither. What comes of it, the account is told.
	open(s *stream, request []byte)
	// closeAll closes all connections, after which no stream is read any more.
	closeAll()
	// stop is the end, after closeAll.
	stop()
}

// portable has the carrier that runs everywhere used here too; tests set it.
var portable bool

// goroutines is the carrier that runs everywhere: one a stream.
type goroutines struct {
	at      endpoint
	account *account
	conns   map[*stream]net.Conn // under the account's lock
	running sync.WaitGroup
}

func newGoroutines(at endpoint, a *account) *goroutines {
	return &goroutines{at: at, account: a, conns: map[*stream]net.Conn{}}
}

func (g *goroutines) open(s *stream, request []byte) {
	g.account.mu.Lock()
	s.renew()
	life := s.life
	g.account.mu.Unlock()
	g.running.Go(func() {
		conn, err := dial(g.at)
		if err == nil {
			_, err = conn.Write(request)
		}
		g.account.mu.Lock()
		defer g.account.mu.Unlock()
		if s.life != life || s.state == away { // closed meanwhile
			if conn != nil {
				conn.Close()
			}
			return
		}
		if err != nil {
			g.account.lose(s, err)
			return
		}
		g.conns[s] = conn
		g.read(s, life, conn)
	})
}

// read is called with the account's lock, and leaves it only to wait.
func (g *goroutines) read(s *stream, life uint32, conn net.Conn) {
	defer conn.Close()
	buf := make([]byte, 16<<10)
	for {
		g.account.mu.Unlock()
		n, err := conn.Read(buf)
		now := g.account.clock.now()
		g.account.mu.Lock()
		if s.life != life || s.state == away {
			return
		}
		if n > 0 {
			reply, wrong := s.take(buf[:n], now)
			if len(reply) > 0 && wrong == nil {
				_, wrong = conn.Write(reply)
			}
			if wrong != nil {
				err = wrong
			}
		}
		if err != nil {
			delete(g.conns, s)
			g.account.lose(s, err)
			return
		}
		if s.stalled && s.state == open {
			g.account.mu.Unlock()
			g.wait(s, life)
			g.account.mu.Lock()
			return
		}
	}
}

// wait holds a stalled stream without reading it until it is closed.
func (g *goroutines) wait(s *stream, life uint32) {
	for tick := time.NewTicker(50 * time.Millisecond); ; <-tick.C {
		g.account.mu.Lock()
		gone := s.life != life || s.state == away
		g.account.mu.Unlock()
		if gone {
			tick.Stop()
			return
		}
	}
}

func (g *goroutines) closeAll() {
	g.account.mu.Lock()
	for s, conn := range g.conns {
		s.state = away
		conn.Close()
	}
	clear(g.conns)
	for _, s := range g.account.streams {
		s.state = away
	}
	g.account.mu.Unlock()
	g.running.Wait()
}

func (g *goroutines) stop() {}

// dial connects, for streams and for writers.
func dial(at endpoint) (net.Conn, error) {
	d := &net.Dialer{Timeout: 10 * time.Second}
	if at.tls {
		return tls.DialWithDialer(d, at.network, at.address, &tls.Config{NextProtos: []string{"http/1.1"}, ServerName: serverName(at)})
	}
	return d.Dial(at.network, at.address)
}

func serverName(at endpoint) string {
	host, _, err := net.SplitHostPort(at.address)
	if err != nil {
		return at.address
	}
	return host
}
