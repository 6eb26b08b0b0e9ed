//go:build !linux

package pump

import "net"

// loops are Linux's; elsewhere every stream has a goroutine.
type loops struct{}

func newLoops(*Pump) loops { return loops{} }

func (p *Pump) adopt(net.Conn, *Stream) bool { return false }

func (*loops) wakeAll() {}
