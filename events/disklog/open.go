package disklog

import (
	"encoding/binary"
	"errors"

	"github.com/cockroachdb/pebble/v2"
)

// loadNamespaces brings all namespaces into memory, in two short scans.
func (l *Log) loadNamespaces() error {
	l.nextID = 1
	if err := l.loadNext(); err != nil {
		return err
	}
	err := l.scan(tableName, func(key, value []byte) error {
		n, err := parseNamespace(string(key[1:]), value)
		if err != nil {
			return l.corrupted("the namespace "+string(key[1:]), err)
		}
		n.segment = -1
		n.open.Store(true)
		l.byName[n.name], l.byID[n.id] = n, n
		l.nextID = max(l.nextID, n.id+1)
		return nil
	})
	if err != nil {
		return err
	}
	return l.scan(tableCounter, func(key, value []byte) error {
		if len(key) != len(counterKey(0)) {
			return l.corrupted("a namespace's counters", errNamespace)
		}
		n := l.byID[binary.BigEndian.Uint32(key[1:])]
		if n == nil {
			return l.corrupted("a namespace's counters", errors.New("there is no such namespace"))
		}
		if err := n.parseCounters(value); err != nil {
			return l.corrupted("the counters of "+n.name, err)
		}
		l.retention.total.Add(n.bytes.Load())
		return nil
	})
}

// scan goes through one table.
func (l *Log) scan(table byte, f func(key, value []byte) error) error {
	it, err := l.db.NewIter(&pebble.IterOptions{LowerBound: []byte{table}, UpperBound: tableEnd(table)})
	if err != nil {
		return l.engineError(err)
	}
	defer it.Close()
	for ok := it.First(); ok; ok = it.Next() {
		value, err := it.ValueAndErr()
		if err != nil {
			return l.engineError(err)
		}
		if err := f(it.Key(), value); err != nil {
			return err
		}
	}
	if err := it.Error(); err != nil {
		return l.engineError(err)
	}
	return nil
}

// write puts a batch on disk before the appender runs.
func (l *Log) write(b *pebble.Batch) error {
	defer b.Close()
	if err := l.db.ApplyNoSyncWait(b, durable); err != nil {
		return unavailable(err, "the log in %q cannot be written", l.dir)
	}
	if err := b.SyncWait(); err != nil {
		return unavailable(err, "the log in %q cannot be written", l.dir)
	}
	return nil
}
