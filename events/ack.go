package events

import "time"

// Bounds of acknowledgements.
const (
	MaxAckWait     = 25 * time.Second
	MaxAckExpected = 1000
)

// Acks is what came back of a post that asked for answers.
type Acks struct {
	Expected int      // members in the audience when the event got its number, the sender not among them
	Answers  []Answer // in the order they came
	Missing  []string // members that did not answer; a member that was named as a target and is not there is among them
	Complete bool     // nobody is missing
}

// An Answer is one member's.
type Answer struct {
	From     string
	Data     []byte // as in [Draft]
	Encoding string
	Type     string
}
