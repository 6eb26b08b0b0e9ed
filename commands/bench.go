package commands

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"time"

	"parley/client/load"
)

type benchCmd struct {
	Server string `setting:"env" default:"http://127.0.0.1:8080" placeholder:"URL" help:"The server: http://…, https://… or unix:/path. Default: ${default}."`
	Key    string `setting:"env" placeholder:"SECRET" help:"The server's key. Other users of the machine can read a flag; prefer the environment."`

	Streams int `default:"1000" help:"How many streams to open. Default: ${default}."`
	Rooms   int `default:"1" help:"How many rooms; streams and messages are dealt to one after the other."`
	Stalled int `help:"So many of the streams are opened and never read." placeholder:"N"`
	Writers int `default:"4" help:"How many connections post, each waiting for its answers."`

	Messages int           `help:"How many messages to send, to all rooms together. Default: 400, or without end with --for." placeholder:"N"`
	For      time.Duration `help:"How long to send." placeholder:"DURATION"`
	Rate     float64       `help:"Messages a second in all; 0 is as fast as they are answered. Latency counts from when a message was due."`
	Size     int           `default:"100" help:"Bytes of a message."`

	Idle    bool   `help:"Only open the streams, and see what they cost."`
	Return  bool   `help:"Drop all streams, send, and have all come back with Last-Event-ID."`
	Between string `help:"With --return: a shell command that is run before they come back, such as one that restarts the server." placeholder:"COMMAND"`

	Sub         string   `default:"/bench/room{r}" placeholder:"PATH" help:"What a stream asks for. {r} is a room's number, {i} a stream's, {run} a word that is new in each run. Default: ${default}."`
	SubHeader   []string `sep:"none" placeholder:"'NAME: VALUE'" help:"A header of a stream; takes the place of the Connection-ID that each has of its own. May be repeated."`
	Pub         string   `default:"/bench/room{r}" placeholder:"PATH" help:"Where to post; {m} is the message. A URL where that is another server. Default: ${default}."`
	PubHeader   []string `sep:"none" placeholder:"'NAME: VALUE'" help:"A header of a POST. May be repeated."`
	Body        string   `default:"{m}" placeholder:"TEMPLATE" help:"The body of a POST. Default: ${default}."`
	ContentType string   `default:"text/plain" placeholder:"TYPE" help:"Its type. Default: ${default}."`
	Protocol    string   `default:"sse" enum:"sse,socket.io" placeholder:"NAME" help:"What streams speak: sse, or socket.io over WebSocket, where a stream emits join with the name of its room."`

	Pid      []int         `help:"A process of the server, on this machine: its CPU time, memory and descriptors are looked at. May be repeated. Linux only." placeholder:"PID"`
	Opening  int           `default:"128" help:"How many streams are being opened at once."`
	Settle   time.Duration `default:"1s" help:"How long to rest before the first message."`
	Patience time.Duration `default:"10s" help:"How long to wait while nothing more happens."`
	JSON     bool          `name:"json" help:"Print the result as JSON."`
}

// Run puts the load on the server and prints what came of it. That something was
// lost, doubled, out of order or refused is exit code 1.
func (c *benchCmd) Run(ctx context.Context, env *Env) error {
	o := load.Options{
		Server: c.Server, Protocol: c.Protocol,
		Sub: c.Sub, SubHeaders: c.SubHeader, Pub: c.Pub, PubHeaders: c.PubHeader, Body: c.Body, ContentType: c.ContentType,
		Streams: c.Streams, Rooms: c.Rooms, Stalled: c.Stalled, Writers: c.Writers,
		Messages: c.Messages, For: c.For, Rate: c.Rate, Size: c.Size,
		Idle: c.Idle, Return: c.Return,
		Pids: c.Pid, Opening: c.Opening, Settle: c.Settle, Patience: c.Patience,
	}
	if c.Settle == 0 {
		o.Settle = -1
	}
	if c.Between != "" {
		if !c.Return {
			return &usageError{errors.New("--between is for --return")}
		}
		o.Between = c.between(env)
	}
	if c.Key != "" {
		if o.SubHeaders == nil {
			o.SubHeaders = load.DefaultSubHeaders()
		}
		bearer := "Authorization: Bearer " + c.Key
		o.SubHeaders, o.PubHeaders = append(o.SubHeaders, bearer), append(o.PubHeaders, bearer)
	}
	if err := o.Check(); err != nil {
		return &usageError{err}
	}
	var watch func(load.Progress)
	if isTerminal(env.Stderr) {
		watch = func(p load.Progress) { showProgress(env.Stderr, p) }
	}
	result, err := load.Run(ctx, o, watch)
	if watch != nil {
		fmt.Fprint(env.Stderr, "\r\x1b[K")
	}
	if err != nil {
		return err
	}
	if c.JSON {
		e := json.NewEncoder(env.Stdout)
		e.SetIndent("", "  ")
		err = e.Encode(result)
	} else {
		_, err = result.WriteTo(env.Stdout)
	}
	return errors.Join(err, result.Err())
}

// showProgress writes over the line that it wrote before.
func showProgress(w io.Writer, p load.Progress) {
	behind := ""
	if p.Behind > 0 {
		behind = fmt.Sprintf(", %d behind", p.Behind)
	}
	fmt.Fprintf(w, "\r\x1b[K%s %.1fs: %d streams, %d messages, %d deliveries%s", p.Phase, p.Elapsed.Seconds(), p.Open, p.Messages, p.Deliveries, behind)
}

// between runs the command as a shell would.
func (c *benchCmd) between(env *Env) func(context.Context) error {
	return func(ctx context.Context) error {
		shell, flag := "sh", "-c"
		if runtime.GOOS == "windows" {
			shell, flag = "cmd", "/C"
		}
		run := exec.CommandContext(ctx, shell, flag, c.Between)
		run.Stdout, run.Stderr = env.Stderr, env.Stderr
		if err := run.Run(); err != nil {
			return fmt.Errorf("--between: %w", err)
		}
		return nil
	}
}
