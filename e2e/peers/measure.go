package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// A bench is one run of everything.
type bench struct {
	dir       string // what was built, and the servers' own directories
	out, note io.Writer
	began     time.Time
	revision  string // what is measured, as a sentence begins
	quick     bool
	pairs     int
	peers     map[string]*peer
	missing   []string // peers that could not be built, and why
}

func (b *bench) build(ctx context.Context, binary string) error {
	to, tree := filepath.Join(b.dir, "parley"), filepath.Join("..", "..")
	b.revision = revision(ctx, tree)
	if binary != "" {
		b.revision = "On another program than that of the tree"
		path, err := filepath.Abs(binary)
		if err == nil {
			err = os.Symlink(path, to)
		}
		if err != nil {
			return err
		}
	} else if err := run1(ctx, tree, "go", "build", "-o", to, "."); err != nil {
		return err
	}
	b.peers = map[string]*peer{}
	for _, p := range peers() {
		if p.build != nil {
			if err := p.build(ctx, b.dir); err != nil {
				fmt.Fprintf(b.note, "left out: %s: %v\n", p.name, err)
				b.missing = append(b.missing, p.title)
				continue
			}
		}
		b.peers[p.name] = p
	}
	return nil
}

// A measured is a scenario with what came of it, by peer and pair.
type measured struct {
	scenario
	titles  map[string]string
	results map[string][]*result
	trouble map[string]string // the first complaint of parley bench, by peer
}

func (b *bench) measure(ctx context.Context, s scenario) (*measured, error) {
	m := &measured{scenario: s, titles: map[string]string{}, results: map[string][]*result{}, trouble: map[string]string{}}
	there := slices.DeleteFunc(slices.Clone(s.peers), func(name string) bool { return b.peers[name] == nil })
	for pair := range b.pairs {
		order := slices.Clone(there)
		if pair%2 == 1 {
			slices.Reverse(order)
		}
		for _, name := range order {
			p := b.peers[name]
			m.titles[name] = p.title
			r, trouble, err := b.once(ctx, p, s)
			if err != nil {
				return nil, fmt.Errorf("%s with %s: %w", s.name, name, err)
			}
			if trouble != "" && m.trouble[name] == "" {
				m.trouble[name] = trouble
			}
			if r != nil {
				m.results[name] = append(m.results[name], r)
			}
			fmt.Fprintf(b.note, "%s %d/%d %s: %s\n", s.name, pair+1, b.pairs, name, m.oneLine(r, trouble))
		}
	}
	return m, nil
}

func (m *measured) oneLine(r *result, trouble string) string {
	var parts []string
	if r != nil {
		for _, f := range m.figures {
			parts = append(parts, fmt.Sprintf("%s %.*f", f.name, f.digits, f.of(r)))
		}
	}
	if trouble != "" {
		parts = append(parts, "("+trouble+")")
	}
	return strings.Join(parts, ", ")
}

// once runs a scenario with a fresh server. trouble is what parley bench found
// wrong with it; a nil result is that it found nothing else.
func (b *bench) once(ctx context.Context, p *peer, s scenario) (r *result, trouble string, err error) {
	srv, err := launch(ctx, p, b.dir)
	if err != nil {
		return nil, "", err
	}
	defer srv.end()
	args := append([]string{"bench", "--json", "--server", "http://" + local(srv.port)}, p.talks...)
	args = append(args, s.args...)
	if s.restart {
		url, stop, err := b.restarter(ctx, srv)
		if err != nil {
			return nil, "", err
		}
		defer stop()
		self, err := os.Executable()
		if err != nil {
			return nil, "", err
		}
		args = append(args, "--between", fmt.Sprintf("'%s' -ask %s", self, url))
	} else {
		for _, pid := range srv.pids() {
			args = append(args, "--pid", pid)
		}
	}
	// The machine rests from what was before.
	select {
	case <-time.After(500 * time.Millisecond):
	case <-ctx.Done():
		return nil, "", ctx.Err()
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	run := exec.CommandContext(ctx, filepath.Join(b.dir, "parley"), args...)
	var out, says bytes.Buffer
	run.Stdout, run.Stderr = &out, &says
	err = run.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return nil, "", err
	}
	if err != nil {
		trouble = strings.TrimSpace(says.String())
	}
	r = new(result)
	if json.Unmarshal(out.Bytes(), r) != nil {
		return nil, trouble, nil
	}
	return r, trouble, nil
}

// restarter gives a URL that, when it is asked, restarts the server and is
// answered once it serves again.
func (b *bench) restarter(ctx context.Context, srv *server) (url string, stop func(), err error) {
	door, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	web := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		srv.halt()
		if err := srv.start(ctx); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = web.Serve(door)
	}()
	return "http://" + door.Addr().String() + "/", func() { web.Close(); <-done }, nil
}
