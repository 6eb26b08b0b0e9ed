// Command peers measures Parley beside its rivals, on one machine and in one
// run: `make bench-peers`.
//
// Each scenario is run with each peer in turn, in pairs that go forth and back,
// with a fresh server each time; what is printed is the median of the pairs and
// its spread. Parley's own load generator, `parley bench`, drives all of them: it
// reads the server's CPU time from the kernel, so that figure does not depend on
// the share of the machine that the generator takes.
//
// It is a module of its own, so that the rivals and the plots are no dependency
// of Parley's, and it knows a binary and URLs, as a stranger does.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	quick := flag.Bool("quick", false, "a tenth of everything and one pair: whether it works, not how fast it is")
	only := flag.String("only", "", "these scenarios only, with commas between: burst, or paced-1000, or paced for all that begin so")
	among := flag.String("peers", "", "these peers only, with commas between")
	pairs := flag.Int("pairs", 5, "how often each peer is measured in each scenario")
	binary := flag.String("parley", "", "the binary to measure; built from the tree above where it is not given")
	doc := flag.String("doc", "", "a Markdown file; what lies between its markers becomes the tables, and plots are written beside it")
	ask := flag.String("ask", "", "used by the program itself: GET this URL and end")
	flag.Parse()
	if *ask != "" {
		return get(*ask)
	}
	if flag.NArg() > 0 {
		return fmt.Errorf("what is %q?", flag.Arg(0))
	}
	work, err := os.MkdirTemp("", "parley-peers-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	b := &bench{dir: work, out: os.Stdout, note: os.Stderr, quick: *quick, pairs: *pairs, began: time.Now()}
	if *quick {
		b.pairs = 1
	}
	if err := b.build(ctx, *binary); err != nil {
		return err
	}
	var done []*measured
	for _, s := range scenarios() {
		if !matches(*only, s.name) {
			continue
		}
		if *quick {
			s = s.quick()
		}
		if *among != "" {
			s.peers = slices.DeleteFunc(slices.Clone(s.peers), func(p string) bool { return !slices.Contains(strings.Split(*among, ","), p) })
		}
		m, err := b.measure(ctx, s)
		if err != nil {
			return err
		}
		m.write(b.out)
		done = append(done, m)
	}
	if len(done) == 0 {
		return errors.New("there is no such scenario")
	}
	wanted := judge(done)
	writeWanted(b.out, wanted)
	if *doc == "" {
		return nil
	}
	shown, err := plots(filepath.Dir(*doc), done)
	if err != nil {
		return err
	}
	return writeDoc(*doc, b, done, shown, wanted)
}

func matches(only, name string) bool {
	if only == "" {
		return true
	}
	return slices.ContainsFunc(strings.Split(only, ","), func(part string) bool {
		return part != "" && (name == part || strings.HasPrefix(name, part+"-"))
	})
}

// get fails unless it is answered 200.
func get(url string) error {
	client := &http.Client{Timeout: 2 * time.Minute}
	answer, err := client.Get(url)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	body, _ := io.ReadAll(answer.Body)
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", answer.Status, body)
	}
	return nil
}
