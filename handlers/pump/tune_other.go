//go:build !linux

package pump

import "net"

// tune does nothing where the options of Linux are not known.
func tune(net.Conn) {}
