package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A peer is a server that can be measured.
type peer struct {
	name  string
	title string
	// build makes what command needs in dir. An error leaves the peer out.
	build func(ctx context.Context, dir string) error
	// command is the program and its arguments. Its working directory is a fresh one.
	command func(dir, work string, port int) []string
	// talks are the arguments of parley bench that say how it is spoken to.
	talks []string
	// ready is a path that is answered 200 once it serves; "" is any connection.
	ready string
	// works says that it is a child of the process that does the work, and is there a
	// moment later than what it listens on.
	works bool
}

const nginxModules = "/usr/lib/nginx/modules"

// Streams of Parley's are in three rooms, and carry a connection ID of their own.
var parleyTalks = []string{"--sub", "/bench?room=room{r}&room=hall&room=news", "--pub", "/bench/room{r}"}

func peers() []*peer {
	return []*peer{
		{
			name: "parley", title: "Parley", talks: parleyTalks, ready: "/-/ready",
			command: func(dir, work string, port int) []string {
				return []string{filepath.Join(dir, "parley"), "serve", "--data", filepath.Join(work, "data"), "--listen", local(port), "--ops-listen", "none", "--log-level", "error"}
			},
		},
		{
			name: "parley-memory", title: "Parley --memory", talks: parleyTalks, ready: "/-/ready",
			command: func(dir, _ string, port int) []string {
				return []string{filepath.Join(dir, "parley"), "serve", "--memory", "--listen", local(port), "--ops-listen", "none", "--log-level", "error"}
			},
		},
		{
			name: "floor", title: "the floor", talks: []string{"--sub", "/", "--pub", "/"},
			build: func(ctx context.Context, dir string) error {
				return run1(ctx, "", "cc", "-O2", "-o", filepath.Join(dir, "floor"), "floor/floor.c")
			},
			command: func(dir, _ string, port int) []string {
				return []string{filepath.Join(dir, "floor"), strconv.Itoa(port)}
			},
		},
		{
			name: "r3labs", title: "r3labs/sse", talks: []string{"--sub", "/stream?stream=room{r}", "--pub", "/say?stream=room{r}"},
			build: func(ctx context.Context, dir string) error {
				return run1(ctx, "", "go", "build", "-o", filepath.Join(dir, "r3labs"), "./r3labs")
			},
			command: func(dir, _ string, port int) []string { return []string{filepath.Join(dir, "r3labs"), local(port)} },
		},
		{
			name: "gosse", title: "tmaxmax/go-sse", talks: roomTalks,
			build: func(ctx context.Context, dir string) error {
				return run1(ctx, "", "go", "build", "-o", filepath.Join(dir, "gosse"), "./gosse")
			},
			command: func(dir, _ string, port int) []string { return []string{filepath.Join(dir, "gosse"), local(port)} },
		},
		{
			name: "socketio", title: "Socket.IO", talks: []string{"--protocol", "socket.io", "--sub", "/socket.io/?EIO=4&transport=websocket", "--pub", "/say?room=room{r}"},
			build: func(ctx context.Context, dir string) error {
				to := filepath.Join(dir, "socketio")
				if err := os.CopyFS(to, os.DirFS("socketio")); err != nil {
					return err
				}
				return run1(ctx, to, "npm", "install", "--silent", "--no-audit", "--no-fund")
			},
			command: func(dir, _ string, port int) []string {
				return []string{"node", filepath.Join(dir, "socketio", "server.js"), strconv.Itoa(port)}
			},
		},
		{
			name: "nchan", title: "Nchan", talks: roomTalks, works: true,
			build: func(ctx context.Context, dir string) error {
				if _, err := os.Stat(nginxModules + "/ngx_nchan_module.so"); err != nil {
					return err
				}
				_, err := exec.LookPath("nginx")
				return err
			},
			command: func(_, work string, port int) []string {
				conf, err := os.ReadFile("nchan/nginx.conf")
				if err != nil {
					return nil
				}
				text := strings.NewReplacer("DIR", nginxModules, "PORT", strconv.Itoa(port)).Replace(string(conf))
				path := filepath.Join(work, "nginx.conf")
				if os.WriteFile(path, []byte(text), 0o644) != nil {
					return nil
				}
				return []string{"nginx", "-p", work, "-c", path, "-e", filepath.Join(work, "error.log")}
			},
		},
	}
}

var roomTalks = []string{"--sub", "/stream?room=room{r}", "--pub", "/say?room=room{r}"}

func local(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// run1 runs a program to its end, and gives what it printed if that was a bad one.
func run1(ctx context.Context, dir, name string, args ...string) error {
	c := exec.CommandContext(ctx, name, args...)
	c.Dir = dir
	c.Env = append(c.Environ(), "CGO_ENABLED=0") // all Go programs alike: the C library is a few MB of memory that none needs
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, strings.TrimSpace(string(out)))
	}
	return nil
}

// A server is a peer that runs.
type server struct {
	peer *peer
	dir  string // what was built
	work string
	port int
	log  *os.File
	cmd  *exec.Cmd
}

// launch starts a peer on a free port, and waits until it serves.
func launch(ctx context.Context, p *peer, dir string) (*server, error) {
	work, err := os.MkdirTemp(dir, p.name+"-")
	if err != nil {
		return nil, err
	}
	// nginx's worker is another user, and wants to write there.
	if err := os.Chmod(work, 0o777); err != nil {
		return nil, err
	}
	door, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &server{peer: p, dir: dir, work: work, port: door.Addr().(*net.TCPAddr).Port}
	door.Close()
	if s.log, err = os.Create(filepath.Join(work, "log")); err != nil {
		return nil, err
	}
	if err := s.start(ctx); err != nil {
		s.end()
		return nil, err
	}
	return s, nil
}

func (s *server) start(ctx context.Context) error {
	args := s.peer.command(s.dir, s.work, s.port)
	if len(args) == 0 {
		return errors.New("cannot prepare " + s.peer.name)
	}
	s.cmd = exec.Command(args[0], args[1:]...)
	s.cmd.Dir, s.cmd.Stdout, s.cmd.Stderr = s.work, s.log, s.log
	if err := s.cmd.Start(); err != nil {
		s.cmd = nil
		return err
	}
	for deadline := time.Now().Add(20 * time.Second); ; {
		if s.serves() {
			return nil
		}
		if time.Now().After(deadline) {
			text, _ := os.ReadFile(s.log.Name())
			return fmt.Errorf("%s does not serve: %s", s.peer.name, text)
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (s *server) serves() bool {
	if s.peer.works && len(s.pids()) < 2 {
		return false
	}
	if s.peer.ready == "" {
		conn, err := net.DialTimeout("tcp", local(s.port), time.Second)
		if err == nil {
			conn.Close()
		}
		return err == nil
	}
	client := http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Get("http://" + local(s.port) + s.peer.ready)
	if err != nil {
		return false
	}
	answer.Body.Close()
	return answer.StatusCode == http.StatusOK
}

// pids are the process and its children: nginx has a worker.
func (s *server) pids() []string {
	pid := strconv.Itoa(s.cmd.Process.Pid)
	children, _ := os.ReadFile("/proc/" + pid + "/task/" + pid + "/children")
	return append([]string{pid}, strings.Fields(string(children))...)
}

// halt ends the process: asked to, and by force when it takes too long.
func (s *server) halt() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	timer := time.AfterFunc(15*time.Second, func() { _ = s.cmd.Process.Kill() })
	_ = s.cmd.Wait()
	timer.Stop()
	s.cmd = nil
}

func (s *server) end() {
	s.halt()
	s.log.Close()
	os.RemoveAll(s.work)
}
