package commands

import (
	"cmp"
	"path"
	"slices"
	"strings"
	"time"

	"parley/events"
)

// namespaces are what is declared of single namespaces, in no order that matters.
type namespaces []namespace

// A namespace is what is declared under one name or pattern. A zero field is
// what holds for every namespace.
type namespace struct {
	name string // with "*" for any characters, also none: a pattern

	keepAge    age
	keepEvents count
	keepBytes  size
	streams    count
	rooms      count
	data       size
	anonymous  events.Permission
	noPresence bool
	noVolatile bool
}

// A register finds what was declared of a namespace. It does not change.
type register struct {
	named    map[string]*namespace
	patterns []*namespace // the one that counts of several first
	open     bool         // what is not declared is there too
}

func (n namespaces) register(open bool) *register {
	r := &register{named: make(map[string]*namespace), open: open}
	for i := range n {
		if d := &n[i]; strings.Contains(d.name, "*") {
			r.patterns = append(r.patterns, d)
		} else {
			r.named[d.name] = d
		}
	}
	slices.SortFunc(r.patterns, func(a, b *namespace) int { return closer(a.name, b.name) })
	return r
}

// find gives what was declared of a namespace: under its own name, else under
// the longest pattern that it matches, else nil. One declaration counts; nothing is taken
// from two.
func (r *register) find(name string) *namespace {
	if d := r.named[name]; d != nil {
		return d
	}
	for _, d := range r.patterns {
		// Of what path.Match knows a pattern holds the star alone, and a name holds no
		// slash, which a star would not match.
		if ok, err := path.Match(d.name, name); ok && err == nil {
			return d
		}
	}
	return nil
}

// settings is [events.Options].Settings.
func (r *register) settings(name string) (events.Settings, bool) {
	if d := r.find(name); d != nil {
		return d.settings(), true
	}
	return events.Settings{}, r.open
}

// keepOf gives what the log is told of a namespace; zero fields are the server's.
func (r *register) keepOf(name string) events.Keep {
	if d := r.find(name); d != nil {
		return d.keep()
	}
	return events.Keep{}
}

// closer orders patterns: the longer first, and of two that are as long the one
// that the alphabet has first, so that which one counts does not depend on the file.
func closer(a, b string) int {
	return cmp.Or(cmp.Compare(len(b), len(a)), strings.Compare(a, b))
}

// settings gives what the registry is told of a namespace.
func (d *namespace) settings() events.Settings {
	return events.Settings{
		Keep:       d.keep(),
		Streams:    max(int(d.streams), 0), // none is no limit
		Rooms:      max(int(d.rooms), 0),
		Data:       int(d.data),
		Anonymous:  d.anonymous,
		NoPresence: d.noPresence,
		NoVolatile: d.noVolatile,
	}
}

func (d *namespace) keep() events.Keep {
	return events.Keep{
		Age:    time.Duration(d.keepAge),
		Events: int(d.keepEvents),
		Bytes:  int64(d.keepBytes),
	}
}

// sorted gives the declarations by name, as they are printed.
func (n namespaces) sorted() namespaces {
	return slices.SortedFunc(slices.Values(n), func(a, b namespace) int { return strings.Compare(a.name, b.name) })
}
