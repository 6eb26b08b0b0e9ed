// Package memlog is an [events.Log] in memory: all of its promises but
// survival. It is what tests use, and what a server uses that is told to keep
// nothing on disk.
//
// A namespace keeps its events once and, for each stretch, a slice of pointers
// to them in order of number, so that a page costs a binary search and its own
// length, whatever else the log holds.
package memlog
