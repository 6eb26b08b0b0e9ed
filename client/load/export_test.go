package load

// Portable has streams read as they are where there is no loop, until it is
// called again.
func Portable(yes bool) { portable = yes }

// ReadsMark reports whether b begins with a mark, and gives it as it would be written.
func ReadsMark(b []byte) (again []byte, ok bool) {
	m, ok := readMark(b)
	return m.append(nil), ok
}
