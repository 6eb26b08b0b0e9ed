package disklog

import "encoding/binary"

// The tables that share the engine's one key space. The first byte of a key is
// its table. Numbers are big-endian, so that the order of keys is the order of
// numbers.
const (
	tableGlobal  = 'g' // word → the log's own facts: format, identity, next namespace's short number
	tableName    = 'n' // name → a namespace: its short number, epoch and member key
	tableCounter = 'c' // ns → where the namespace stands
	tableStretch = 'r' // ns ‖ stretch ‖ seq → an event in one stretch; seq 0 is the stretch's own counters
	tableNumber  = 's' // ns ‖ seq → an event in the namespace: time, size, targets
	tableExpiry  = 't' // time ‖ ns ‖ seq → nothing: an event that ends by its TTL then
	tableKey     = 'k' // bucket ‖ ns ‖ idempotency key → the receipt
	tableErased  = 'x' // first key → end key: a range whose bytes are still to leave the disk
)

const seqBytes = 8

func globalKey(word string) []byte { return append([]byte{tableGlobal}, word...) }

func nameKey(name string) []byte { return append([]byte{tableName}, name...) }

func counterKey(ns uint32) []byte { return binary.BigEndian.AppendUint32([]byte{tableCounter}, ns) }

// stretchPrefix is all of a stretch's keys but the number. The name's length
// stands before it: a room's name may begin with another room's, and their
// events must neither collide nor interleave. Names are at most 128 bytes.
func stretchPrefix(ns uint32, stretch string) []byte {
	k := make([]byte, 0, 1+4+1+len(stretch)+seqBytes)
	k = append(k, tableStretch)
	k = binary.BigEndian.AppendUint32(k, ns)
	k = append(k, byte(len(stretch)))
	return append(k, stretch...)
}

// stretchesKey is below all stretches of a namespace, and above those of the one
// before.
func stretchesKey(ns uint32) []byte {
	return binary.BigEndian.AppendUint32(append(make([]byte, 0, 1+4+1+128), tableStretch), ns)
}

// behind gives a key above all numbers below a prefix, and below the next stretch.
// The prefix may be used up.
func behind(prefix []byte) []byte {
	return append(prefix, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)
}

// at gives the key of a number below a prefix. The prefix is not shared.
func at(prefix []byte, seq uint64) []byte {
	k := make([]byte, len(prefix)+seqBytes)
	copy(k, prefix)
	binary.BigEndian.PutUint64(k[len(prefix):], seq)
	return k
}

// seqOf gives the number at the end of a key of the tables that end in one.
func putSeq(b []byte, seq uint64) { binary.BigEndian.PutUint64(b, seq) }

func seqOf(key []byte) uint64 { return binary.BigEndian.Uint64(key[len(key)-seqBytes:]) }

func numberPrefix(ns uint32) []byte {
	k := make([]byte, 0, 1+4+seqBytes)
	return binary.BigEndian.AppendUint32(append(k, tableNumber), ns)
}

func numberKey(ns uint32, seq uint64) []byte { return at(numberPrefix(ns), seq) }

func expiryKey(at int64, ns uint32, seq uint64) []byte {
	k := make([]byte, 0, 1+8+4+8)
	k = binary.BigEndian.AppendUint64(append(k, tableExpiry), uint64(at))
	k = binary.BigEndian.AppendUint32(k, ns)
	return binary.BigEndian.AppendUint64(k, seq)
}

func parseExpiryKey(k []byte) (at int64, ns uint32, seq uint64, ok bool) {
	if len(k) != 1+8+4+8 {
		return 0, 0, 0, false
	}
	return int64(binary.BigEndian.Uint64(k[1:])), binary.BigEndian.Uint32(k[9:]), binary.BigEndian.Uint64(k[13:]), true
}

func keyKey(bucket uint32, ns uint32, key string) []byte {
	k := make([]byte, 0, 1+4+4+len(key))
	k = binary.BigEndian.AppendUint32(append(k, tableKey), bucket)
	k = binary.BigEndian.AppendUint32(k, ns)
	return append(k, key...)
}

func parseKeyKey(k []byte) (bucket uint32, ns uint32, ok bool) {
	if len(k) < 1+4+4 {
		return 0, 0, false
	}
	return binary.BigEndian.Uint32(k[1:]), binary.BigEndian.Uint32(k[5:]), true
}

func bucketKey(bucket uint32) []byte { return binary.BigEndian.AppendUint32([]byte{tableKey}, bucket) }

func erasedKey(first []byte) []byte { return append([]byte{tableErased}, first...) }

// tableEnd is the first key behind a table.
func tableEnd(table byte) []byte { return []byte{table + 1} }
