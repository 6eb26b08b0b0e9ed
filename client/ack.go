package client

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"time"
)

// An Ack says of an event that its sender waits for answers; see [Client.Reply].
type Ack struct {
	ID string    `json:"id"`
	By time.Time `json:"by"` // until then; later is too late
}

// Acks are the answers to a message that asked for them.
type Acks struct {
	Expected int      `json:"expected"` // how many heard it, the sender not among them
	Answers  []Answer `json:"acks"`     // in the order in which they came
	Missing  []string `json:"missing"`  // members that did not answer; also those that were named and are not there
	Complete bool     `json:"complete"` // nobody is missing
}

// An Answer is what one member said to a message that asked.
type Answer struct {
	From     string          `json:"from"` // the member
	Data     json.RawMessage `json:"data"` // as in an [Event]
	Encoding string          `json:"encoding"`
	Type     string          `json:"type"`
}

// Text gives the answer as text. ok is false when it is none: other JSON than a
// string, or bytes.
func (a *Answer) Text() (text string, ok bool) { return textOf(a.Data, a.Encoding) }

// Bytes gives the answer as it was posted, as [Event.Bytes] does.
func (a *Answer) Bytes() ([]byte, error) { return bytesOf(a.Data, a.Encoding) }

// Decode reads a JSON answer into v, as [json.Unmarshal] does.
func (a *Answer) Decode(v any) error { return json.Unmarshal(a.Data, v) }

// Reply answers an event whose Ack is set, as the member that heard it: the
// client needs its ConnectionID. Data is what it is in a [SendRequest]. The first
// answer counts; another is no error and changes nothing. An answer that comes
// too late is a [*Problem] with the code "gone".
func (c *Client) Reply(ctx context.Context, e Event, data any) error {
	if err := c.myself(); err != nil {
		return err
	}
	if e.Ack == nil {
		return errors.New("nobody waits for an answer to this event")
	}
	body, kind, err := encode(data, "")
	if err != nil {
		return err
	}
	_, err = c.do(ctx, call{
		method: http.MethodPost, namespace: e.Namespace, path: "/-/acks/" + url.PathEscape(e.Ack.ID),
		body: body, kind: kind,
	}, nil)
	return err
}
