// Package client speaks to a Parley server from Go: it listens to rooms, says
// things in them, and knows who is there.
//
// [Client.Listen] is a loop over events that outlives its connections: a stream
// that breaks is opened again where it stopped, so that nothing is missed and
// nothing comes twice, and where the server can no longer give what was missed
// the loop is handed a "gap" that says so. [Client.Send] repeats what may have got lost under one
// idempotency key, so that it is said once.
//
// [Client.Join] and [Client.Leave] change what open streams hear, [Client.Members] and
// [Client.Rooms] say who is where, [Client.Reply] answers those who asked for it,
// and [Client.History] reads what was said before.
//
// Who gives a connection ID (see [NewConnectionID]) is a member: it is named as
// the sender of what it says and does not hear its own words. Who gives none
// speaks as a back end, and nobody is left out.
package client
