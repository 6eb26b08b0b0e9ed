package commands

import (
	"bytes"
	"errors"
	"fmt"
	"os"
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
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, err
	}
	known := map[string]bool{}
	for _, f := range node.Flags {
		if f.Tag.Get(settingTag) == "file" {
			known[f.Name] = true
		}
	}
	var wrong []error
	var declared namespaces
	seen := map[string]bool{}
	look := func(name string, key, value *yaml.Node) (err error) {
		switch {
		case !known[name]:
			return atLine(key, fmt.Errorf("unknown key %q", name))
		case seen[name]:
			return atLine(key, fmt.Errorf("key %q is there twice", name))
		case name == namespacesKey:
			declared, err = readNamespaces(value)
		}
		seen[name] = true
		return err
	}
	for _, top := range doc.Content { // none in an empty file
		wrong = append(wrong, eachLeaf("", top, look))
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
		if flag.Name == namespacesKey {
			if !seen[namespacesKey] {
				return nil, nil
			}
			s.from[flag.Name] = s.path
			return declared, nil
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

// namespacesKey is the one setting that is a tree itself.
const namespacesKey = "namespaces"

// eachLeaf calls f with the name of each leaf of a tree, and where it stands.
func eachLeaf(prefix string, tree *yaml.Node, f func(name string, key, value *yaml.Node) error) error {
	return eachPair(tree, func(key, value *yaml.Node) error {
		name := prefix + key.Value
		if name != namespacesKey && resolved(value).Kind == yaml.MappingNode {
			return eachLeaf(name+"-", value, f)
		}
		return f(name, key, value)
	})
}
