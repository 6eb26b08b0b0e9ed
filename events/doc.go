// Package events is the idea of Parley, in the standard library alone: a room
// is a stretch of the log, and a stream is a cursor on it with a bell.
//
// Everything that is said is numbered by the namespace's [Log] before anyone
// hears it, and it is heard only from the log. A publisher hands a [Post] to the
// [Registry], which validates it and appends it; the log answers with the
// number once it is kept, and its tail brings the event back to the registry,
// which puts it into the windows of the rooms that somebody listens to and
// rings the bells of their cursors. A [Cursor] then takes the next page from
// its own position: from the window when it is near the head, from the log when
// it is further back. It holds no queue, so a slow reader costs others nothing,
// and a returning one is the same cursor opened at an older position.
//
// One invariant carries it. A room in memory has a floor: everything at or
// below the floor is in the log, everything above it is in the room's window. A
// namespace has one watermark: the number up to which the tail has put
// everything into the windows. A page is taken for (position, watermark], the
// watermark read before the rooms.
//
// Who is there is kept apart from the streams, with a grace, in rosters that are
// told in batches; an event may ask its audience for answers. What nodes tell each
// other of that passes over a [Bus].
//
// Lock order, outermost first: namespace.sending, Registry.mu, namespace.mu,
// Cursor.mu, room.mu. Members, rosters and questions are under namespace.mu.
// Nothing is read from the log and nothing is written to a socket under any of
// them. A bell is rung under namespace.mu and room.mu, and so must not block.
package events
