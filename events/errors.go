package events

import "fmt"

// A Code is the stable name of a refusal. It is what a client may switch on; the
// words beside it may change.
type Code string

// The codes that the domain itself can answer with. The HTTP side adds those
// that only HTTP knows (method-not-allowed, not-acceptable and the like).
const (
	CodeBadName      Code = "bad-name"       // a namespace or room that cannot be
	CodeBadEvent     Code = "bad-event"      // an event name or payload that cannot be
	CodeBadID        Code = "bad-id"         // a connection, member or event ID that cannot be
	CodeBadJSON      Code = "bad-json"       // a payload that says it is JSON and is not
	CodeBadParameter Code = "bad-parameter"  // an option that cannot be, or not together with another
	CodeNoTarget     Code = "no-target"      // nobody was named to hear it
	CodeForbidden    Code = "forbidden"      // the caller may not
	CodeNotFound     Code = "not-found"      // no such thing
	CodeNoStream     Code = "no-stream"      // the caller has no stream open, and none that it could come back to
	CodeGone         Code = "gone"           // there was such a thing, and it is over
	CodeTooLarge     Code = "too-large"      // more bytes or lines than allowed
	CodeKeyReused    Code = "key-reused"     // the idempotency key stands for another request
	CodeQuota        Code = "quota"          // a limit on how many there may be
	CodeUnavailable  Code = "unavailable"    // the log cannot answer now; time may mend it
	CodeLogFull      Code = "log-full"       // no room to keep anything; nothing was stored
	CodeCorrupt      Code = "log-corrupt"    // what the disk gave back is not what was written
	CodeInternal     Code = "internal-error" // a defect of ours
)

// An Error is a refusal: nothing was changed unless its code says that it may
// have been ([CodeUnavailable]). Errors are compared by code: errors.Is(err,
// ErrLogFull) holds for every Error with that code.
type Error struct {
	Code   Code
	Detail string // one sentence for a person; never holds a payload
	Cause  error  // for our own log; not shown to strangers; may be nil
}

// Error gives the code and the detail, and the cause where there is one.
func (e *Error) Error() string {
	s := string(e.Code)
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	if e.Cause != nil {
		s += ": " + e.Cause.Error()
	}
	return s
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Is reports whether target is an Error with the same code.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

// Refuse makes an Error of a code and a formatted detail.
func Refuse(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Detail: fmt.Sprintf(format, args...)}
}

// Values to compare with errors.Is.
var (
	ErrForbidden   = &Error{Code: CodeForbidden}
	ErrNotFound    = &Error{Code: CodeNotFound}
	ErrNoStream    = &Error{Code: CodeNoStream}
	ErrGone        = &Error{Code: CodeGone}
	ErrKeyReused   = &Error{Code: CodeKeyReused}
	ErrQuota       = &Error{Code: CodeQuota}
	ErrUnavailable = &Error{Code: CodeUnavailable}
	ErrLogFull     = &Error{Code: CodeLogFull}
	ErrCorrupt     = &Error{Code: CodeCorrupt}
)
