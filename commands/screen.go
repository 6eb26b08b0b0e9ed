package commands

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"sync"

	"golang.org/x/term"
)

// A screen is what a chat is shown on and typed into. print may be called at any
// time, from any goroutine; line from one.
type screen interface {
	// line gives the next line that was typed; io.EOF when there is no more.
	line() (string, error)
	// print shows whole lines. They have nothing in them but what may be shown.
	print(text string) error
	// prompt stands before what is typed.
	prompt(p string)
	// echoes reports whether what is typed is seen already.
	echoes() bool
	close()
}

// A completer completes a line that is being typed; see [term.Terminal].
type completer func(line string, pos int, key rune) (newLine string, newPos int, ok bool)

// openScreen gives a line editor where a person types and reads on a terminal,
// and plain lines anywhere else.
func openScreen(env *Env, complete completer) (screen, error) {
	in, _ := env.Stdin.(*os.File)
	out, _ := env.Stdout.(*os.File)
	dumb, _ := env.LookupEnv("TERM")
	if in == nil || out == nil || !isTerminal(in) || !isTerminal(out) || dumb == "dumb" {
		lines := bufio.NewScanner(env.Stdin)
		lines.Buffer(nil, maxBody+2)
		return &piped{in: lines, out: env.Stdout}, nil
	}
	state, err := term.MakeRaw(int(in.Fd()))
	if err != nil {
		return nil, fmt.Errorf("the terminal cannot be used: %w", err)
	}
	t := term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{in, out}, "> ")
	t.AutoCompleteCallback = complete
	s := &edited{Terminal: t, in: in, out: out, state: state}
	s.fit()
	return s, nil
}

// piped reads and writes lines.
type piped struct {
	in *bufio.Scanner

	mu  sync.Mutex
	out io.Writer
}

func (p *piped) line() (string, error) {
	if p.in.Scan() {
		return p.in.Text(), nil
	}
	if err := p.in.Err(); err != nil {
		return "", err
	}
	return "", io.EOF
}

func (p *piped) print(text string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, err := io.WriteString(p.out, text)
	return err
}

func (p *piped) prompt(string) {}
func (p *piped) echoes() bool  { return false }
func (p *piped) close()        {}

// edited is a terminal with a line that is being typed at its bottom: what is
// printed goes above it.
type edited struct {
	*term.Terminal
	in, out *os.File
	state   *term.State
}

func (e *edited) line() (string, error) {
	e.fit()
	return e.ReadLine()
}

func (e *edited) print(text string) error {
	e.fit()
	_, err := io.WriteString(e.Terminal, text)
	return err
}

// fit looks how large the terminal is now: it is asked before each line, since
// not every system tells when it changes.
func (e *edited) fit() {
	if width, height, err := term.GetSize(int(e.out.Fd())); err == nil && width > 0 {
		_ = e.SetSize(width, height)
	}
}

func (e *edited) prompt(p string) { e.SetPrompt(p) }
func (e *edited) echoes() bool    { return true }

// close leaves the terminal as it was, without a prompt that nobody answers.
func (e *edited) close() {
	_, _ = io.WriteString(e.out, "\r\x1b[K")
	_ = term.Restore(int(e.in.Fd()), e.state)
}
