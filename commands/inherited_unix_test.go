//go:build unix

package commands_test

import (
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
)

func TestSocketsThatWereHandedOver(t *testing.T) {
	socket := func(name string) (*os.File, string) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		f, err := l.(*net.TCPListener).File()
		if err != nil {
			t.Fatal(err)
		}
		return os.NewFile(dup(t, f), name), l.Addr().String()
	}
	public, at := socket("parley.socket")
	ops, opsAt := socket("ops")
	r := start(t, []*os.File{public, ops}, "--memory")
	r.logged("ready")
	if status, _ := get(t, web(t), "http://"+at+"/-/ready"); status != 200 {
		t.Errorf("ready is %d", status)
	}
	if status, _ := get(t, web(t), "http://"+opsAt+"/-/metrics"); status != 200 {
		t.Errorf("metrics are %d", status)
	}
	if code := r.stop(); code != 0 {
		t.Errorf("exit %d", code)
	}
	one, _ := socket("a")
	two, _ := socket("b")
	bad := start(t, []*os.File{one, two}, "--memory", "--ops-listen", "none")
	bad.await("its end", func(text string) bool { return strings.Contains(text, "more than one socket") })
	if code := bad.stop(); code != 1 {
		t.Errorf("exit %d", code)
	}
}

// dup gives a descriptor that no os.File closes behind the server's back.
func dup(t *testing.T, f *os.File) uintptr {
	t.Helper()
	defer f.Close()
	fd, err := syscall.Dup(int(f.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	return uintptr(fd)
}
