package events

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Targets and stretches that are not rooms.
const (
	// Everyone, as a target, is every stream of the namespace; as a stretch, it
	// holds what was sent to everyone.
	Everyone = "*"
	// Everything is a stretch only: all that was said in the namespace but what
	// was sent to single members. It is never a target.
	Everything = ""
)

// Limits on names and sets of names.
const (
	MaxNamespaceBytes = 63
	MaxRoomBytes      = 128
	MaxEventNameBytes = 64
	MinConnectionID   = 16
	MaxConnectionID   = 64
	MaxTargets        = 64  // of To and of Except, each
	MaxStreamRooms    = 100 // rooms that one stream may name
	MaxKeyBytes       = 255 // an idempotency key
	MaxNicknameBytes  = 64
)

// MessageEvent is the event name of a post that gives none.
const MessageEvent = "message"

// ErasedEvent is the name of the kept event that says what was erased.
const ErasedEvent = "erased"

// reserved are the names that no client may send: the server's own events, and
// the two that would run a page's own EventSource handlers.
var reserved = map[string]bool{
	"hello": true, "rooms": true, "presence": true, "gap": true,
	ErasedEvent: true, "bye": true, "open": true, "error": true,
}

// CheckNamespace refuses what is not [a-z0-9][a-z0-9_-]{0,62} with bad-name.
func CheckNamespace(s string) error {
	if s == "" || len(s) > MaxNamespaceBytes {
		return Refuse(CodeBadName, "a namespace is 1 to %d of a-z, 0-9, _ and -, starting with a letter or digit", MaxNamespaceBytes)
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || i > 0 && (c == '_' || c == '-') {
			continue
		}
		return Refuse(CodeBadName, "a namespace is 1 to %d of a-z, 0-9, _ and -, starting with a letter or digit", MaxNamespaceBytes)
	}
	return nil
}

// CheckRoom refuses with bad-name what cannot be a room: UTF-8 of 1 to 128
// bytes, no control, format (Cf) or line-separator character, no / or \, no
// leading or trailing space, not starting with - or @, not *, . or .. Rooms are
// compared byte for byte.
func CheckRoom(s string) error {
	switch {
	case s == "":
		return Refuse(CodeBadName, "a room needs a name")
	case len(s) > MaxRoomBytes:
		return Refuse(CodeBadName, "a room's name is at most %d bytes", MaxRoomBytes)
	case s == Everyone, s == ".", s == "..":
		return Refuse(CodeBadName, "%q is not a room's name", s)
	case s[0] == '-', s[0] == '@':
		return Refuse(CodeBadName, "a room's name does not start with - or @")
	case !utf8.ValidString(s):
		return Refuse(CodeBadName, "a room's name is UTF-8")
	}
	if spaced(s) {
		return Refuse(CodeBadName, "a room's name does not start or end with a space")
	}
	for _, c := range s {
		if c == '/' || c == '\\' || unseen(c) {
			return Refuse(CodeBadName, "a room's name has no slash, backslash, control, format or line-separator character")
		}
	}
	return nil
}

// CheckConnectionID refuses with bad-id what is not 16 to 64 of [A-Za-z0-9_-].
// The ID itself is a secret and is not in the error.
func CheckConnectionID(s string) error {
	bad := len(s) < MinConnectionID || len(s) > MaxConnectionID
	for i := 0; i < len(s) && !bad; i++ {
		c := s[i]
		bad = !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-')
	}
	if bad {
		return Refuse(CodeBadID, "a connection ID is %d to %d of A-Z, a-z, 0-9, _ and -", MinConnectionID, MaxConnectionID)
	}
	return nil
}

// CheckEventName refuses with bad-event what a client may not name its event:
// not UTF-8 of 1 to 64 bytes, a control character, or a name of the server's
// own.
func CheckEventName(s string) error {
	if s == "" || len(s) > MaxEventNameBytes || !utf8.ValidString(s) {
		return Refuse(CodeBadEvent, "an event's name is UTF-8 of 1 to %d bytes", MaxEventNameBytes)
	}
	for _, c := range s {
		if unicode.IsControl(c) {
			return Refuse(CodeBadEvent, "an event's name has no control character")
		}
	}
	if reserved[s] {
		return Refuse(CodeBadEvent, "%q is the server's own event name", s)
	}
	return nil
}

// CheckTarget refuses what is none of a room, @member and * .
func CheckTarget(s string) error {
	if s == Everyone {
		return nil
	}
	if id, ok := strings.CutPrefix(s, "@"); ok {
		return CheckMember(id)
	}
	return CheckRoom(s)
}

// CheckIdempotencyKey refuses with bad-parameter what is not 1 to 255 visible
// ASCII characters.
func CheckIdempotencyKey(s string) error {
	bad := s == "" || len(s) > MaxKeyBytes
	for i := 0; i < len(s) && !bad; i++ {
		bad = s[i] < 0x21 || s[i] > 0x7e
	}
	if bad {
		return Refuse(CodeBadParameter, "an Idempotency-Key is 1 to %d visible ASCII characters", MaxKeyBytes)
	}
	return nil
}

// CheckNickname refuses with bad-name what cannot be one: UTF-8 of 1 to 64 bytes,
// no control, format (bidirectional and zero-width ones among them) or
// line-separator character, no leading or trailing space.
func CheckNickname(s string) error {
	switch {
	case s == "":
		return Refuse(CodeBadName, "a nickname has a character at least")
	case len(s) > MaxNicknameBytes:
		return Refuse(CodeBadName, "a nickname is at most %d bytes", MaxNicknameBytes)
	case !utf8.ValidString(s):
		return Refuse(CodeBadName, "a nickname is UTF-8")
	}
	if spaced(s) {
		return Refuse(CodeBadName, "a nickname does not start or end with a space")
	}
	for _, c := range s {
		if unseen(c) {
			return Refuse(CodeBadName, "a nickname has no control, bidirectional, zero-width or line-separator character")
		}
	}
	return nil
}

// spaced reports whether a name starts or ends with a space.
func spaced(s string) bool {
	first, _ := utf8.DecodeRuneInString(s)
	last, _ := utf8.DecodeLastRuneInString(s)
	return unicode.IsSpace(first) || unicode.IsSpace(last)
}

// unseen reports whether a character shows nothing and may change how others show:
// a control, a format or a line-separator character.
func unseen(c rune) bool {
	if c < utf8.RuneSelf {
		return unicode.IsControl(c) // ASCII has none of the others
	}
	return unicode.In(c, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
}
