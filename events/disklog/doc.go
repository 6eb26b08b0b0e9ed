// Package disklog is an [events.Log] on disk, in this process: all of its
// promises, and what was answered survives a power cut.
//
// # Writing
//
// Whoever appends makes its events ready and waits. One goroutine, the appender,
// takes all who wait, numbers them, and writes them, their idempotency keys and
// all counters as one batch of the engine, with one fsync. A second one waits
// for the disk, hands the events to the tail and answers, while the next batch
// is already written. So there is one order without a lock, and one fsync for
// all who wait. The engine shows a batch to reads before it is on disk; reads
// therefore end at the last number that is.
//
// # On disk
//
// The engine is Pebble, and nothing outside this package knows it. An event with
// one target lies once, in that target's stretch, under namespace, stretch and
// number; a short entry by number serves reads of the whole namespace,
// retention and searches by time. With several targets the record is by number
// and the stretches point to it. The file's format has a version: a newer one is
// refused.
//
// A namespace that is forgotten goes in one batch, and the short number that it
// had in the keys is not given again.
//
// The engine's tables are written with rests, so that who appends has the disk and
// the processors between them, and without where appends would have to wait for a
// table.
//
// A torn tail of the engine's write-ahead log, as a power cut leaves it, is
// healed. Corruption anywhere else is refused when the log is opened or, where
// it shows only then, when an event is read: events.CodeCorrupt, with the file in
// the cause. It is never served. After it nothing is appended until the log is
// opened again; reads of what is whole go on.
//
// # A full disk
//
// The engine ends the process when it cannot write its log. So appends are
// ErrLogFull while less than Options.Reserve is free, retention goes on and may
// free some, compactions wait when it gets tighter still, and a file named
// BALLAST is given up as the last resort. Appends go on by themselves when there
// is room.
//
// # Copies and restored backups
//
// No number is given twice in an epoch. A log that was brought back from a
// backup does not know which numbers were given since, so each of its namespaces
// starts a new epoch. The file IDENTITY, made anew at every start, shows it: the
// log remembers the file's token, inode and time of birth.
//
// It is noticed when the directory, or the file, was copied: to another place,
// back in place, from an archive, or by rsync; or when the file is missing.
// It is not noticed, and needs Options.NewEpoch once, when a whole file system
// came back (a snapshot or an image of the block device or of the virtual
// machine), and when a copy taken from a running server is written into the
// existing files before that server was started again. Where the file system
// keeps no time of birth, a copy that happens to get the same inode is not
// noticed; on Windows and on a file system of the caller's only the token is
// compared, which shows a backup that is older than the last start of what it
// is put into, not a copy of the whole directory. A file system whose inodes
// change by themselves gives a new epoch at each start, which is safe: clients
// are told of a gap.
//
// A backup is a copy of the directory of a log that is closed.
package disklog
