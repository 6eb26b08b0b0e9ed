package commands

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/alecthomas/kong"
)

type checkCmd struct {
	settings
}

// Run prints every setting that serve would use and where it comes from. It
// starts nothing and leaves nothing behind. A configuration that cannot be is
// exit code 2, one that this machine stands in the way of is 1.
func (c *checkCmd) Run(env *Env, from *sources, run *kong.Context) error {
	if err := c.check(); err != nil {
		return &usageError{err}
	}
	for _, f := range run.Selected().Flags {
		if f.Name == "help" || f.Name == "config" {
			continue
		}
		where := from.from[f.Name]
		if where == "" {
			where = "default"
		}
		line := fmt.Sprintf("%s: %s", f.Name, c.show(f))
		if _, err := fmt.Fprintf(env.Stdout, "%-40s # %s\n", line, where); err != nil {
			return err
		}
		if f.Name == namespacesKey {
			for _, l := range c.Namespaces.lines() {
				if _, err := fmt.Fprintln(env.Stdout, l); err != nil {
					return err
				}
			}
		}
	}
	return c.here()
}

// show gives a setting as the configuration file would hold it, but never the
// secret one.
func (c *checkCmd) show(f *kong.Flag) string {
	if f.Name == "key" {
		if c.Key == "" {
			return ""
		}
		return "(set, not shown)"
	}
	if f.Name == namespacesKey {
		if len(c.Namespaces) == 0 {
			return "{}"
		}
		return "" // they stand below
	}
	v := f.Target
	if v.Kind() == reflect.Slice {
		list, _ := v.Interface().([]string)
		return "[" + strings.Join(list, ", ") + "]"
	}
	return fmt.Sprint(v.Interface())
}

// here looks at what the machine has to say.
func (c *checkCmd) here() error {
	var wrong []error
	for _, a := range []string{c.Listen, c.OpsListen} {
		path, ok := strings.CutPrefix(a, unixScheme)
		if !ok || strings.HasPrefix(path, "@") {
			continue
		}
		if info, err := os.Stat(filepath.Dir(path)); err != nil || !info.IsDir() {
			wrong = append(wrong, fmt.Errorf("the socket %s has no directory to be in", path))
		} else if info, err := os.Lstat(path); err == nil && info.Mode()&os.ModeSocket == 0 {
			wrong = append(wrong, fmt.Errorf("%s is there and is no socket", path))
		}
	}
	if !c.Memory {
		if err := canHold(c.Data); err != nil {
			wrong = append(wrong, err)
		}
	}
	return errors.Join(wrong...)
}

// canHold reports whether a directory, or the nearest one above that exists,
// lets us write into it.
func canHold(dir string) error {
	at, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	for {
		info, err := os.Stat(at)
		switch {
		case errors.Is(err, os.ErrNotExist) && filepath.Dir(at) != at:
			at = filepath.Dir(at)
			continue
		case err != nil:
			return fmt.Errorf("the data directory %q cannot be looked at: %w", dir, err)
		case !info.IsDir():
			return fmt.Errorf("the data directory %q cannot be: %s is no directory", dir, at)
		}
		f, err := os.CreateTemp(at, ".parley-check-*")
		if err != nil {
			return fmt.Errorf("the data directory %q cannot be written: %w", dir, errors.Unwrap(err))
		}
		_ = f.Close()
		return os.Remove(f.Name())
	}
}
