package events

// Settings are what holds in one namespace. The zero value is every default.
type Settings struct {
	Keep Keep // Age, Events and Bytes of its log; the zero fields mean the server's

	Streams int // open streams; one more is quota; 0 means no limit
	Rooms   int // rooms with members at once; one more is quota; 0 means no limit
	Data    int // bytes of a payload, at most [MaxDataBytes], which 0 means

	// Anonymous is what callers without a user or the server's key may; 0 means what
	// [Anonymous] says, [Nothing] that they may nothing.
	Anonymous Permission

	NoPresence bool // nobody is told who is there, and members are not listed to those who may not manage
	NoVolatile bool // volatile posts are refused
}

// Nothing is the Permission that permits nothing, where 0 means a default.
const Nothing Permission = 1 << 7
