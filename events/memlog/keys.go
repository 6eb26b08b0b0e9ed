package memlog

import (
	"time"

	"parley/events"
)

// keys are the idempotency keys of a namespace.
type keys struct {
	known map[string]known
	order []aged // in order of time, which never runs backwards
}

type known struct {
	digest  string
	receipt events.Receipt
}

type aged struct {
	key  string
	time time.Time
}

func newKeys() keys { return keys{known: map[string]known{}} }

func (k *keys) get(key string, now time.Time) (known, bool) {
	v, ok := k.known[key]
	if ok && outlived(v.receipt.Time, now) {
		return known{}, false
	}
	return v, ok
}

func (k *keys) put(key string, v known) {
	k.known[key] = v
	k.order = append(k.order, aged{key, v.receipt.Time})
}

// forget drops the keys that have outlived their time. One that was put again
// since then stays for its second entry.
func (k *keys) forget(now time.Time) {
	for len(k.order) > 0 && outlived(k.order[0].time, now) {
		old := k.order[0]
		if v := k.known[old.key]; v.receipt.Time.Equal(old.time) {
			delete(k.known, old.key)
		}
		k.order[0] = aged{}
		k.order = k.order[1:]
	}
}

func outlived(t, now time.Time) bool { return now.Sub(t) >= events.KeyLife }

// replay is the answer to a repeat.
func (v known) replay(digest string) (events.Receipt, error) {
	if v.digest != digest {
		return events.Receipt{}, events.Refuse(events.CodeKeyReused, "this key stands for another request")
	}
	r := v.receipt
	r.Replayed = true
	return r, nil
}
