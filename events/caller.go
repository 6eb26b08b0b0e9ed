package events

// A Permission is a set of things that a caller may do.
type Permission uint8

// What may be permitted.
const (
	MayRead    Permission = 1 << iota // listen
	MayWrite                          // publish
	MayHistory                        // read what was said before
	MayManage                         // act on others: join, leave, kick, erase
)

// A Caller is who asks, and what it may. The zero Caller may nothing.
type Caller struct {
	User       string // as a token names it; empty for an anonymous caller
	Holder     bool   // it showed the server's key, and is nobody else's member
	Connection string // its connection ID, checked; empty when it gave none
	May        Permission
}

// Anonymous is the caller that showed nothing but, perhaps, a connection ID: it
// may read, write and look back.
func Anonymous(connection string) Caller {
	return Caller{Connection: connection, May: MayRead | MayWrite | MayHistory}
}

// KeyHolder is the caller that showed the server's key: it may everything.
func KeyHolder(connection string) Caller {
	return Caller{Holder: true, Connection: connection, May: MayRead | MayWrite | MayHistory | MayManage}
}

// identity is the user that the caller's member is made of. The holder of the key
// has no name, and one of its own here that no user can have.
func (c Caller) identity() string {
	if c.Holder {
		return "\x00key"
	}
	return c.User
}

// Require refuses with forbidden unless the caller may all of what.
func (c Caller) Require(what Permission) error {
	if c.May&what != what {
		return Refuse(CodeForbidden, "this caller may not do that here")
	}
	return nil
}
