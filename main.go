// Parley is rooms and namespaces over plain HTTP.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/coreos/go-systemd/v22/activation"

	"parley/commands"
)

func main() { os.Exit(run()) }

func run() int {
	ctx, drain := context.WithCancel(context.Background())
	defer drain()
	// The first signal ends the command in good order. Who sends a second one does
	// not want to wait for that.
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		drain()
		<-signals
		os.Exit(1)
	}()
	return commands.Main(ctx, commands.Env{
		Args:      os.Args[1:],
		Stdin:     os.Stdin,
		Stdout:    os.Stdout,
		Stderr:    os.Stderr,
		LookupEnv: os.LookupEnv,
		Inherited: activation.Files(true),
	})
}
