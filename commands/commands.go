// Package commands is Parley's command line: one file a command. What a command
// needs of the process it is given in an [Env], so that a test can be the
// process.
package commands

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/alecthomas/kong"
)

// An Env is what a command sees of its process. Args is required; the zero value
// of everything else is a process that has nothing.
type Env struct {
	Args           []string // without the program's name
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	LookupEnv      func(name string) (string, bool)

	// Inherited are the listening sockets that the process was started with, named
	// as systemd named them. Serve takes and closes them.
	Inherited []*os.File
}

// Exit codes.
const (
	exitDone    = 0
	exitRefused = 1 // the server, the machine or the log said no
	exitUsage   = 2 // the command line or the configuration cannot be
)

// Main runs the command that env.Args name, "serve" where they name none, and
// gives the process's exit code: 0 done, 1 refused, 2 when the command line or
// the configuration cannot be. The end of ctx ends the command in good order.
func Main(ctx context.Context, env Env) (code int) {
	env = env.withDefaults()
	var app struct {
		Serve   serveCmd   `cmd:"" default:"withargs" help:"Serve rooms over HTTP. This is the default command."`
		Listen  listenCmd  `cmd:"" help:"Print what is said in rooms as it is said."`
		Send    sendCmd    `cmd:"" help:"Say something in a room."`
		Chat    chatCmd    `cmd:"" help:"Talk in a room: what is said there comes by, and what you type is said."`
		Who     whoCmd     `cmd:"" help:"List who is there."`
		Rooms   roomsCmd   `cmd:"" help:"List the rooms of a namespace."`
		History historyCmd `cmd:"" help:"Print what was said in a room."`
		Bench   benchCmd   `cmd:"" help:"Put a load on a server, ours or another, and check what comes of it."`
		Check   checkCmd   `cmd:"" help:"Check the configuration of serve, and say what would be used."`
		Version versionCmd `cmd:"" help:"Print the version."`
	}
	defer func() {
		if r := recover(); r != nil {
			asked, ok := r.(exit)
			if !ok {
				panic(r)
			}
			code = int(asked)
		}
	}()
	sources := &sources{env: env.LookupEnv, from: map[string]string{}}
	parser, err := kong.New(&app,
		kong.Name("parley"),
		kong.Description("Rooms and namespaces over plain HTTP: listen with Server-Sent Events, speak with POST."),
		kong.Writers(env.Stdout, env.Stderr),
		kong.Exit(func(code int) { panic(exit(code)) }),
		kong.ValueFormatter(describe),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
		kong.WithBeforeResolve(sources.add),
		kong.Bind(&env, sources),
		kong.BindTo(ctx, (*context.Context)(nil)),
	)
	if err != nil {
		panic(err) // the grammar above is wrong
	}
	run, err := parser.Parse(env.Args)
	if err != nil {
		fmt.Fprintf(env.Stderr, "parley: %s\n", err)
		return exitUsage
	}
	err = run.Run()
	var told *toldError
	var usage *usageError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &told):
		return exitRefused
	case errors.As(err, &usage):
		fmt.Fprintf(env.Stderr, "parley %s: %s\n", run.Selected().Name, strings.ReplaceAll(err.Error(), "\n", "\nparley "+run.Selected().Name+": "))
		return exitUsage
	}
	fmt.Fprintf(env.Stderr, "parley %s: %s\n", run.Selected().Name, err)
	return exitRefused
}

// An exit is thrown where the parser wants the process to end, after it printed
// help.
type exit int

// A toldError has been told to the person already.
type toldError struct{ error }

// A usageError is one of the command line or the configuration.
type usageError struct{ error }

func (e *usageError) Unwrap() error { return e.error }

func (e Env) withDefaults() Env {
	if e.Stdin == nil {
		e.Stdin = strings.NewReader("")
	}
	if e.Stdout == nil {
		e.Stdout = io.Discard
	}
	if e.Stderr == nil {
		e.Stderr = io.Discard
	}
	if e.LookupEnv == nil {
		e.LookupEnv = func(string) (string, bool) { return "", false }
	}
	return e
}
