package disklog

// Syncs reports whether the kernel syncs for it.
func (s Syncer) Syncs() bool { return s.event != nil }
