package commands

import (
	"encoding"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/alecthomas/kong"
	"gopkg.in/yaml.v3"

	"parley/events"
)

// Decode reads the declarations from the configuration file, or from the text of a
// flag or a variable, which is what the file would hold.
func (n *namespaces) Decode(ctx *kong.DecodeContext) error {
	switch v := ctx.Scan.Pop().Value.(type) {
	case namespaces:
		*n = v // the file's, which has been read
		return nil
	case string:
		var doc yaml.Node
		if err := yaml.Unmarshal([]byte(v), &doc); err != nil {
			return err
		}
		if doc.Kind == 0 {
			*n = nil // an empty text
			return nil
		}
		read, err := readNamespaces(doc.Content[0])
		*n = read
		return err
	}
	return errors.New("give a mapping of names to settings, as in the file")
}

// readNamespaces reads a mapping of names and patterns to their settings, and
// says of everything that cannot be on which line it stands.
func readNamespaces(node *yaml.Node) (namespaces, error) {
	var out namespaces
	err := eachPair(node, func(key, value *yaml.Node) error {
		d := namespace{name: key.Value}
		// A pattern is right where a name in its place would be.
		if err := events.CheckNamespace(strings.ReplaceAll(d.name, "*", "x")); err != nil {
			return atLine(key, fmt.Errorf("%q is no namespace, nor a pattern of one: small letters, digits, - and _, at most 63, and * for any of them", d.name))
		}
		defer func() { out = append(out, d) }()
		if value = resolved(value); value.Tag == "!!null" {
			return nil // declared, and nothing more
		}
		return eachPair(value, d.set)
	})
	return out, err
}

// set reads one setting.
func (d *namespace) set(key, value *yaml.Node) error {
	var err error
	switch value = resolved(value); key.Value {
	case "keep-age":
		err = scalar(value, &d.keepAge)
	case "keep-events":
		err = scalar(value, &d.keepEvents)
	case "keep-bytes":
		err = scalar(value, &d.keepBytes)
	case "streams":
		err = scalar(value, &d.streams)
	case "rooms":
		err = scalar(value, &d.rooms)
	case "data":
		if err = scalar(value, &d.data); err == nil && (d.data < 0 || d.data > events.MaxDataBytes) {
			err = fmt.Errorf("a payload has at most %s, everywhere", size(events.MaxDataBytes))
		}
	case "anonymous":
		d.anonymous, err = permissions(value)
	case "presence":
		err = off(value, &d.noPresence)
	case "volatile":
		err = off(value, &d.noVolatile)
	default:
		return atLine(key, fmt.Errorf("unknown key %q", key.Value))
	}
	if err != nil {
		return atLine(value, fmt.Errorf("%s: %w", key.Value, err))
	}
	return nil
}

func scalar(value *yaml.Node, into encoding.TextUnmarshaler) error {
	if value.Kind != yaml.ScalarNode {
		return errors.New("give one value")
	}
	return into.UnmarshalText([]byte(value.Value))
}

// off reads a switch that is on where nothing is said.
func off(value *yaml.Node, off *bool) error {
	var on bool
	if value.Decode(&on) != nil {
		return fmt.Errorf("%q is neither true nor false", value.Value)
	}
	*off = !on
	return nil
}

// permitted are the words for what those without a user and without the key may.
var permitted = []struct {
	word string
	may  events.Permission
}{{"read", events.MayRead}, {"write", events.MayWrite}, {"history", events.MayHistory}}

func permissions(value *yaml.Node) (may events.Permission, err error) {
	list := value.Content
	if value.Kind == yaml.ScalarNode {
		if value.Value == none {
			return events.Nothing, nil
		}
		list = []*yaml.Node{value}
	}
	for _, v := range list {
		i := -1
		for j, p := range permitted {
			if v.Kind == yaml.ScalarNode && v.Value == p.word {
				i = j
			}
		}
		if i < 0 {
			return 0, errors.New("give a list of read, write and history, or none")
		}
		may |= permitted[i].may
	}
	if may == 0 {
		return 0, errors.New("an empty list says nothing; none permits nothing")
	}
	return may, nil
}

// eachPair calls f for each pair of a mapping, and refuses what is none, and a key
// that is there twice: one of the two would be ignored. It goes on after an error
// of f, so that everything that is wrong is told at once.
func eachPair(node *yaml.Node, f func(key, value *yaml.Node) error) error {
	if node = resolved(node); node.Kind != yaml.MappingNode {
		return atLine(node, errors.New("give a mapping, such as {acme: {keep-age: 1d}}"))
	}
	var wrong []error
	seen := map[string]bool{}
	for i := 0; i < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		switch {
		case key.Kind != yaml.ScalarNode:
			wrong = append(wrong, atLine(key, errors.New("a key is a word")))
			continue
		case seen[key.Value]:
			wrong = append(wrong, atLine(key, fmt.Errorf("key %q is there twice", key.Value)))
			continue
		}
		seen[key.Value] = true
		wrong = append(wrong, f(key, value))
	}
	return errors.Join(wrong...)
}

// resolved gives what an alias stands for.
func resolved(node *yaml.Node) *yaml.Node {
	if node.Kind == yaml.AliasNode {
		return node.Alias
	}
	return node
}

func atLine(node *yaml.Node, err error) error { return fmt.Errorf("line %d: %w", node.Line, err) }

// lines gives the declarations as the file would hold them, one a line.
func (n namespaces) lines() []string {
	var out []string
	for _, d := range n.sorted() {
		name := d.name
		if strings.HasPrefix(name, "*") || strings.Trim(name, "0123456789-_") == "" {
			name = strconv.Quote(name) // YAML would take it for an alias or a number
		}
		out = append(out, "  "+name+": {"+strings.Join(d.said(), ", ")+"}")
	}
	return out
}

// said gives the settings that are not the usual.
func (d *namespace) said() (out []string) {
	say := func(given bool, key string, value any) {
		if given {
			out = append(out, fmt.Sprintf("%s: %v", key, value))
		}
	}
	say(d.keepAge != 0, "keep-age", d.keepAge)
	say(d.keepEvents != 0, "keep-events", d.keepEvents)
	say(d.keepBytes != 0, "keep-bytes", d.keepBytes)
	say(d.streams != 0, "streams", d.streams)
	say(d.rooms != 0, "rooms", d.rooms)
	say(d.data != 0, "data", d.data)
	say(d.anonymous != 0, "anonymous", words(d.anonymous))
	say(d.noPresence, "presence", false)
	say(d.noVolatile, "volatile", false)
	return out
}

func words(may events.Permission) string {
	if may == events.Nothing {
		return none
	}
	var list []string
	for _, p := range permitted {
		if may&p.may != 0 {
			list = append(list, p.word)
		}
	}
	return "[" + strings.Join(list, ", ") + "]"
}
