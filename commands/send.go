package commands

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"
	"unicode/utf8"

	"parley/client"
)

type sendCmd struct {
	remote
	Place string   `arg:"" name:"namespace/room" help:"Where to say it: acme/lobby, or acme with --to."`
	Words []string `arg:"" optional:"" help:"What to say; several are joined with spaces. - reads standard input: all of it is one event."`

	Lines    bool          `help:"Each line of standard input is an event of its own, sent as it comes."`
	Event    string        `help:"The event's name. Default: message." placeholder:"NAME"`
	JSON     bool          `name:"json" help:"What is said is JSON."`
	TTL      time.Duration `name:"ttl" help:"How long it is kept." placeholder:"DURATION"`
	Volatile bool          `help:"Not kept: only for who listens now."`
	Echo     bool          `help:"With --connection-id: hear it too."`
	Ack      time.Duration `help:"Wait for the answers of those who hear it, at most so long and at most 25s." placeholder:"DURATION"`
	To       []string      `help:"Another target: a room, @member or * for everyone. May be repeated." placeholder:"TARGET" sep:"none"`
	Except   []string      `help:"A target that is left out. May be repeated." placeholder:"TARGET" sep:"none"`
}

// maxBody is the server's limit for an event: more of standard input is not worth
// reading.
const maxBody = 64 << 10

// Run sends, and prints the ID of each event that was kept and, with --ack, what
// was answered. That somebody did not answer is exit code 1.
func (c *sendCmd) Run(ctx context.Context, env *Env) error {
	ns, rooms, err := places([]string{c.Place})
	if err != nil {
		return err
	}
	to := append(rooms, c.To...)
	if len(to) == 0 {
		return &usageError{errors.New("name a room as namespace/room, or a target with --to")}
	}
	if c.Ack < 0 {
		return &usageError{errors.New("--ack is how long to wait")}
	}
	stdin := len(c.Words) == 1 && c.Words[0] == "-"
	switch {
	case c.Lines && len(c.Words) > 0 && !stdin:
		return &usageError{errors.New("--lines reads standard input: give no words")}
	case len(c.Words) == 0 && !c.Lines:
		return &usageError{errors.New("say something, or give - to read standard input")}
	}
	speaks, err := c.dial(slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer speaks.Close()

	say := func(data []byte) error {
		r := client.SendRequest{
			Namespace: ns, To: to, Except: c.Except, Event: c.Event,
			TTL: c.TTL, Volatile: c.Volatile, Echo: c.Echo, Ack: c.Ack,
		}
		if r.Data, err = c.payload(data); err != nil {
			return err
		}
		receipt, err := speaks.Send(ctx, r)
		if err != nil {
			return err
		}
		if receipt.ID != "" {
			if _, err := fmt.Fprintln(env.Stdout, receipt.ID); err != nil {
				return err
			}
		}
		if receipt.Acks != nil {
			return answered(env.Stdout, receipt.Acks)
		}
		return nil
	}
	switch {
	case c.Lines:
		return eachLine(env.Stdin, say)
	case stdin:
		all, err := io.ReadAll(io.LimitReader(env.Stdin, maxBody+1))
		if err != nil {
			return fmt.Errorf("cannot read standard input: %w", err)
		}
		if len(all) > maxBody {
			return fmt.Errorf("an event has at most %d bytes", maxBody)
		}
		return say(all)
	}
	return say([]byte(strings.Join(c.Words, " ")))
}

// answered prints each answer on a line, the member before it. Its error names who
// is missing.
func answered(w io.Writer, a *client.Acks) error {
	for _, answer := range a.Answers {
		text, ok := answer.Text()
		if !ok {
			text = string(answer.Data)
		}
		if _, err := fmt.Fprintf(w, "@%s: %s\n", plain(answer.From), plain(text)); err != nil {
			return err
		}
	}
	if a.Complete {
		return nil
	}
	missing := make([]string, len(a.Missing))
	for i, m := range a.Missing {
		missing[i] = "@" + plain(m)
	}
	return errors.New("no answer from " + strings.Join(missing, ", "))
}

// payload is text where it can be: bytes that are no UTF-8 go as bytes.
func (c *sendCmd) payload(data []byte) (any, error) {
	switch {
	case c.JSON && !json.Valid(data):
		return nil, &usageError{errors.New("--json: this is no JSON")}
	case c.JSON:
		return json.RawMessage(bytes.TrimSpace(data)), nil
	case !utf8.Valid(data):
		return data, nil
	}
	return string(data), nil
}

// eachLine calls say for each line, without its end, until one is refused.
func eachLine(in io.Reader, say func([]byte) error) error {
	s := bufio.NewScanner(in)
	s.Buffer(nil, maxBody+2)
	n := 0
	for s.Scan() {
		n++
		if err := say(s.Bytes()); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
	}
	if err := s.Err(); err != nil {
		return fmt.Errorf("line %d of standard input cannot be read: %w", n+1, err)
	}
	return nil
}
