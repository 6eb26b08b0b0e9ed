package pump_test

import (
	"testing"

	"golang.org/x/sys/unix"

	"parley/handlers/pump"
)

func TestSocketOptions(t *testing.T) {
	ours, theirs := tcp(t)
	st, ended := newScript().stream("hello")
	again, err := ours.File() // the pump keeps another descriptor than this one
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	raw, err := again.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	pump.New(pump.Options{}).Take(ours, st)
	read(t, theirs, "hello")
	for name, o := range map[string]struct{ level, opt, want int }{
		"TCP_USER_TIMEOUT":   {unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, 29_000},
		"TCP_NOTSENT_LOWAT":  {unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, 32 << 10},
		"SO_SNDBUF, doubled": {unix.SOL_SOCKET, unix.SO_SNDBUF, 256 << 10},
		"SO_KEEPALIVE":       {unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
	} {
		var got int
		var failed error
		if err := raw.Control(func(fd uintptr) {
			got, failed = unix.GetsockoptInt(int(fd), o.level, o.opt)
		}); err != nil || failed != nil || got != o.want {
			t.Errorf("%s is %d, want %d (%v, %v)", name, got, o.want, err, failed)
		}
	}
	theirs.Close()
	<-ended
}
