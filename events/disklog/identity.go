package disklog

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"parley/events"
)

// identityFile stands beside the engine's files and is made anew, with another
// token, at every start. The log remembers the token, and what the file has
// that a copy of it has not: its inode and time of birth. When the file is not
// the one that the log remembers, one of the two was brought back from
// elsewhere, and the numbers given since then, which nobody here knows, must not
// be given again under the same epoch.
const (
	identityFile    = "IDENTITY"
	newIdentityFile = "IDENTITY.new"
)

// An identity is what the log remembers of the file.
type identity struct {
	token string
	birth string // "" where nothing is known
}

// identify makes every namespace's epoch new when the directory is a copy, and
// gives it a new identity in any case.
//
// A process may end between any two steps: the log accepts the file before and
// the file after until the rename is on disk.
func (l *Log) identify(o Options, fresh bool) error {
	path := func(name string) string { return o.FS.PathJoin(l.dir, name) }
	here, err := readIdentity(o, path(identityFile))
	if err != nil {
		return unavailable(err, "%q cannot be read", path(identityFile))
	}
	known, err := l.knownIdentities()
	if err != nil {
		return err
	}
	next, err := writeIdentity(o, path(newIdentityFile))
	if err != nil {
		return unavailable(err, "%q cannot be written", path(newIdentityFile))
	}

	b := l.db.NewBatch()
	b.Set(globalKey("format"), binary.AppendUvarint(nil, format), nil) // an older one is brought up
	copied := !fresh && !here.among(known)
	if copied || o.NewEpoch {
		for _, n := range l.byID {
			n.epoch = events.NewEpoch()
			b.Set(nameKey(n.name), n.encode(), nil)
		}
	}
	if copied && len(l.byID) > 0 {
		l.logger.Warn("this directory is a copy or a restored backup: every namespace starts a new epoch", "dir", l.dir, "namespaces", len(l.byID))
	}
	b.Set(globalKey("identity"), encodeIdentities(here, next), nil)
	if err := l.write(b); err != nil {
		return err
	}
	if err := replace(o.FS, l.dir, path(newIdentityFile), path(identityFile)); err != nil {
		return unavailable(err, "%q cannot be written", path(identityFile))
	}
	b = l.db.NewBatch()
	b.Set(globalKey("identity"), encodeIdentities(next), nil)
	return l.write(b)
}

func (i identity) among(known []identity) bool {
	for _, k := range known {
		if i.token != "" && i == k {
			return true
		}
	}
	return false
}

const identityHead = "This file is remade at every start. Do not copy it back alone.\n"

// readIdentity gives the zero identity where there is no file.
func readIdentity(o Options, path string) (identity, error) {
	f, err := o.FS.Open(path)
	if isNotExist(err) {
		return identity{}, nil
	}
	if err != nil {
		return identity{}, err
	}
	text, err := io.ReadAll(f)
	if err := errors.Join(err, f.Close()); err != nil {
		return identity{}, err
	}
	token, ok := strings.CutPrefix(string(text), identityHead)
	if !ok {
		return identity{}, nil // not ours: as if there were none
	}
	birth, err := o.Birth(path)
	return identity{token: strings.TrimSpace(token), birth: birth}, err
}

// writeIdentity makes the next one, on disk.
func writeIdentity(o Options, path string) (identity, error) {
	if err := o.FS.Remove(path); err != nil && !isNotExist(err) {
		return identity{}, err
	}
	i := identity{token: rand.Text()}
	f, err := o.FS.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return identity{}, err
	}
	_, err = io.WriteString(f, identityHead+i.token+"\n")
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return identity{}, err
	}
	i.birth, err = o.Birth(path)
	return i, err
}

// replace renames a file over another, on disk.
func replace(fs vfs.FS, dir, from, to string) error {
	if err := fs.Rename(from, to); err != nil {
		return err
	}
	d, err := fs.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func encodeIdentities(list ...identity) []byte {
	var b bytes.Buffer
	for _, i := range list {
		if i.token != "" {
			fmt.Fprintf(&b, "%s %s\n", i.token, i.birth)
		}
	}
	return b.Bytes()
}

func (l *Log) knownIdentities() ([]identity, error) {
	value, closer, err := l.db.Get(globalKey("identity"))
	if err == pebble.ErrNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, l.engineError(err)
	}
	defer closer.Close()
	var list []identity
	for line := range strings.Lines(string(value)) {
		token, birth, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		list = append(list, identity{token, birth})
	}
	return list, nil
}
