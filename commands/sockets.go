package commands

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const unixScheme = "unix:"

// checkAddress refuses what is neither host:port nor unix:/path.
func checkAddress(a string) error {
	if path, ok := strings.CutPrefix(a, unixScheme); ok {
		if path == "" {
			return errors.New("unix: needs a path, such as unix:/run/parley.sock")
		}
		return nil
	}
	_, port, err := net.SplitHostPort(a)
	if err != nil {
		return fmt.Errorf("%q is neither host:port nor unix:/path", a)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("%q has no port from 0 to 65535", a)
	}
	return nil
}

// listenOn opens a listener at host:port or unix:/path.
func listenOn(address string, perm fs.FileMode) (net.Listener, error) {
	path, ok := strings.CutPrefix(address, unixScheme)
	if !ok {
		return net.Listen("tcp", address)
	}
	if strings.HasPrefix(path, "@") { // an abstract one has no file
		return net.Listen("unix", path)
	}
	return listenUnix(path, perm)
}

// A unixListener takes its file away with it.
type unixListener struct {
	net.Listener
	path string
	made fs.FileInfo
}

// listenUnix listens on a socket at path. One that a dead process left behind is
// replaced; one that somebody answers on, or that cannot be asked, is not.
//
// The socket is made under another name and moved into place once it has its
// permissions: nobody sees it with others, nor finds nothing there.
func listenUnix(path string, perm fs.FileMode) (net.Listener, error) {
	if err := abandoned(path); err != nil {
		return nil, err
	}
	own := path + "." + strconv.Itoa(os.Getpid())
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: own, Net: "unix"})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false)
	fail := func(err error) (net.Listener, error) {
		_ = l.Close()
		_ = os.Remove(own)
		return nil, err
	}
	if err := os.Chmod(own, perm); err != nil {
		return fail(err)
	}
	made, err := os.Lstat(own)
	if err != nil {
		return fail(err)
	}
	if err := os.Rename(own, path); err != nil {
		return fail(err)
	}
	return &unixListener{l, path, made}, nil
}

// Addr names the socket where it is, not where it was made.
func (l *unixListener) Addr() net.Addr { return &net.UnixAddr{Name: l.path, Net: "unix"} }

// Close stops listening and removes the socket, unless it is another's by now.
func (l *unixListener) Close() error {
	if now, err := os.Lstat(l.path); err == nil && os.SameFile(now, l.made) {
		_ = os.Remove(l.path)
	}
	return l.Listener.Close()
}

// abandoned reports with an error what stands in the way of a socket at path.
func abandoned(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode()&fs.ModeSocket == 0:
		return fmt.Errorf("%s is there and is no socket", path)
	}
	c, err := net.DialTimeout("unix", path, time.Second)
	if err == nil {
		_ = c.Close()
		return fmt.Errorf("another process listens on %s", path)
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("cannot tell whether another process listens on %s: %w", path, err)
	}
	return nil
}

// ears are what a server listens with. Ops is nil without an operator's side.
type ears struct {
	public, ops net.Listener
}

// opsName is what systemd calls the socket of the operator's side
// (FileDescriptorName=); every other name is the public one's.
const opsName = "ops"

// defaultOps is the operator's side's address where none is given.
const defaultOps = "127.0.0.1:8081"

// listen opens the listeners of the settings; an inherited socket takes its
// place.
func (s *settings) listen(inherited []*os.File, log *slog.Logger) (e ears, err error) {
	defer func() {
		for _, f := range inherited {
			_ = f.Close() // a listener has its own copy
		}
		if err != nil {
			e.close()
		}
	}()
	for _, f := range inherited {
		into, flag := &e.public, "listen"
		if f.Name() == opsName {
			into, flag = &e.ops, "ops-listen"
		}
		if *into != nil {
			return e, fmt.Errorf("more than one socket was handed over for --%s", flag)
		}
		if *into, err = net.FileListener(f); err != nil {
			return e, fmt.Errorf("the socket handed over for --%s cannot be used: %w", flag, err)
		}
	}
	perm := fs.FileMode(s.SocketMode)
	if e.public == nil {
		if e.public, err = listenOn(s.Listen, perm); err != nil {
			return e, fmt.Errorf("cannot listen on %s (--listen): %w", s.Listen, cause(err))
		}
	}
	if e.ops == nil && s.OpsListen != none {
		if e.ops, err = listenOn(s.OpsListen, perm); err != nil && s.OpsListen == defaultOps {
			// Nobody asked for it here: a second server on a machine goes on without.
			log.Warn("no metrics: their usual address is taken; --ops-listen names another, or none", "address", defaultOps)
			return e, nil
		}
		if err != nil {
			return e, fmt.Errorf("cannot listen on %s for metrics (--ops-listen; none turns it off): %w", s.OpsListen, cause(err))
		}
	}
	return e, nil
}

func (e ears) close() {
	for _, l := range []net.Listener{e.public, e.ops} {
		if l != nil {
			_ = l.Close()
		}
	}
}

// cause leaves out what the sentence around an error of net says already.
func cause(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}

// locate gives a listener's address as text and, where it has one, the URL that
// somebody on this machine can open.
func locate(l net.Listener, basePath string) (address, url string) {
	a, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		return unixScheme + l.Addr().String(), ""
	}
	host := a.IP.String()
	if a.IP.IsUnspecified() {
		host = "localhost"
	}
	return a.String(), "http://" + net.JoinHostPort(host, strconv.Itoa(a.Port)) + basePath + "/"
}
