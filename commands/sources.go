package commands

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	kongyaml "github.com/alecthomas/kong-yaml"
	"gopkg.in/yaml.v3"
)

// The tag of flags that can also be set from elsewhere: setting:"file" by the
// environment and the configuration file, setting:"env" by the environment alone.
const settingTag = "setting"

// sources are where a flag's value comes from when the command line gives none:
// the environment, else the configuration file, else the default.
type sources struct {
	env  func(string) (string, bool)
	path string            // of the configuration file; "" without one
	from map[string]string // by flag: which source has its value
}

// envName is the variable that stands for a flag.
func envName(flag string) string {
	return "PARLEY_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// describe adds the variable to a flag's help.
func describe(v *kong.Value) string {
	help := kong.DefaultHelpValueFormatter(v)
	if v.Tag.Has(settingTag) {
		help += " ($" + envName(v.Name) + ")"
	}
	return help
}

// add reads the configuration file, which is known once the command line has been
// read, and asks the environment after it: of several answers the last one counts.
func (s *sources) add(ctx *kong.Context) error {
	for _, p := range ctx.Path {
		if p.Flag != nil {
			s.from[p.Flag.Name] = "--" + p.Flag.Name
		}
	}
	node := ctx.Selected()
	if node == nil {
		return nil
	}
	for _, f := range node.Flags {
		if f.Name != "config" {
			continue
		}
		s.path, _ = ctx.FlagValue(f).(string)
		if v, ok := s.env(envName("config")); ok && s.path == "" {
			s.path = v
		}
	}
	if s.path != "" {
		file, err := s.file(node)
		if err != nil {
			return fmt.Errorf("configuration file %s: %w", s.path, err)
		}
		ctx.AddResolver(file)
	}
	ctx.AddResolver(kong.ResolverFunc(s.variable))
	return nil
}

func (s *sources) variable(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	if !flag.Tag.Has(settingTag) {
		return nil, nil
	}
	v, ok := s.env(envName(flag.Name))
	if !ok {
		return nil, nil
	}
	s.from[flag.Name] = "$" + envName(flag.Name)
	return v, nil
}

// file gives a resolver on the configuration file. Its keys are the flags' names,
// and a part of a name may be a level of its own ("keep-age", or "age" under
// "keep"). A key that no flag has is an error: it would be ignored where somebody
// counts on it.
func (s *sources) file(node *kong.Node) (kong.Resolver, error) {
	text, err := os.ReadFile(s.path)
	if err != nil {
		return nil, errors.Unwrap(err)
	}
	tree := map[string]any{}
	if err := yaml.Unmarshal(text, &tree); err != nil {
		return nil, err
	}
	known := map[string]bool{}
	for _, f := range node.Flags {
		if f.Tag.Get(settingTag) == "file" {
			known[f.Name] = true
		}
	}
	var wrong []error
	seen := map[string]bool{}
	for _, key := range flatten("", tree) {
		switch {
		case !known[key]:
			wrong = append(wrong, fmt.Errorf("unknown key %q", key))
		case seen[key]:
			wrong = append(wrong, fmt.Errorf("key %q is there twice", key))
		}
		seen[key] = true
	}
	if err := errors.Join(wrong...); err != nil {
		return nil, err
	}
	loaded, err := kongyaml.Loader(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	return kong.ResolverFunc(func(ctx *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
		if !known[flag.Name] {
			return nil, nil
		}
		// The loader looks under the command's name, and the file is of one command.
		v, err := loaded.Resolve(ctx, &kong.Path{App: ctx.Model}, flag)
		if v == nil || err != nil {
			return nil, err
		}
		s.from[flag.Name] = s.path
		if _, list := v.([]any); list {
			return v, nil
		}
		return fmt.Sprint(v), nil // 1048576 and true are as good as "1MiB" and "true"
	}), nil
}

// flatten gives the names of a tree's leaves, in order.
func flatten(prefix string, tree map[string]any) []string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(tree)) {
		if sub, ok := tree[k].(map[string]any); ok {
			out = append(out, flatten(prefix+k+"-", sub)...)
			continue
		}
		out = append(out, prefix+k)
	}
	return out
}
