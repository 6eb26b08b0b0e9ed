package pump

import (
	"net"
	"runtime"
)

// loops are a pump's: half as many as the runtime has processors, so that publishers,
// whose goroutines are woken only when a processor is free, do not wait for those who
// listen.
type loops struct {
	all []*loop
	far *far
}

func newLoops(p *Pump) loops {
	ls := loops{far: newFar(p.o.Busy)}
	processors := runtime.GOMAXPROCS(0)
	n := max(processors/2, 1)
	for range n {
		ls.all = append(ls.all, newLoop(p, processors <= n))
	}
	return ls
}

// adopt has the next loop run the stream; false where it needs a goroutine.
func (p *Pump) adopt(conn net.Conn, s *Stream) bool {
	n := p.turn.Add(1)
	return p.all[int(n)%len(p.all)].adopt(conn, s)
}

func (ls *loops) wakeAll() {
	for _, l := range ls.all {
		l.signal()
	}
}
