package load

// Portable has streams read as they are where there is no loop, until it is
// called again.
func Portable(yes bool) { portable = yes }
