package main

import (
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"
	"strings"
	"time"
)

// account says what was measured, how, and how long it took.
func (b *bench) account(doc string) string {
	how := "make bench-peers"
	if given := strings.Join(os.Args[1:], " "); given != "-doc "+doc {
		how += " PEERS='" + given + "'"
	}
	minutes := int(math.Ceil(time.Since(b.began).Minutes()))
	return fmt.Sprintf("%s, in one run of %s: `%s`.", b.revision, plural(minutes, "minute"), how)
}

// revision is how a sentence begins that tells of the tree in dir: its commit, and
// whether there is more in it.
func revision(ctx context.Context, dir string) string {
	git := func(args ...string) (string, error) {
		out, err := exec.CommandContext(ctx, "git", append([]string{"-C", dir}, args...)...).Output()
		return strings.TrimSpace(string(out)), err
	}
	commit, err := git("rev-parse", "--short", "HEAD")
	if err != nil {
		return "On a tree without a commit"
	}
	if changes, err := git("status", "--porcelain"); err != nil || changes != "" {
		return "On commit " + commit + " and changes to it"
	}
	return "On commit " + commit
}
