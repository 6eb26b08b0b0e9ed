package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// A BatchRequest is several things to say to the same audience, all or none, one
// after the other and nobody else's between them.
type BatchRequest struct {
	Namespace string
	To        []string // as in a [SendRequest]
	Except    []string
	Echo      bool

	Messages []Message // at most 1,000, and 1 MiB in all

	IdempotencyKey string // as in a SendRequest
}

// A Message is one of a batch.
type Message struct {
	Event string        // its name; "" means "message"
	Data  any           // a string is text, anything else is encoded as JSON; a []byte cannot be in a batch
	TTL   time.Duration // how long it is kept; 0 means as long as the server keeps anything
}

// A BatchReceipt says what was kept of a batch: all of it, from ID to Last.
type BatchReceipt struct {
	ID    string    `json:"id"`   // of the first
	Last  string    `json:"last"` // of the last
	Count int       `json:"count"`
	Time  time.Time `json:"time"`
	From  string    `json:"from"` // as in a [Receipt]

	Replayed bool `json:"-"` // as in a Receipt
}

// SendBatch says several things at once and returns when the server keeps all of
// them. It is repeated, and fails, as [Client.Send] is and does.
func (c *Client) SendBatch(ctx context.Context, r BatchRequest) (BatchReceipt, error) {
	body, err := batch(r.Messages)
	if err != nil {
		return BatchReceipt{}, err
	}
	p, err := post(r.Namespace, audience(r.To, r.Except, r.Echo), r.IdempotencyKey, false)
	if err != nil {
		return BatchReceipt{}, err
	}
	p.body, p.kind = body, "application/x-ndjson"
	var receipt BatchReceipt
	receipt.Replayed, err = c.do(ctx, p, &receipt)
	if err != nil {
		return BatchReceipt{}, err
	}
	return receipt, nil
}

// batch gives one line of JSON a message.
func batch(messages []Message) ([]byte, error) {
	var b bytes.Buffer
	for i, m := range messages {
		if _, ok := m.Data.([]byte); ok {
			return nil, errors.New("a batch holds text and JSON, not bytes")
		}
		head := struct {
			Event string `json:"event,omitempty"`
			TTL   string `json:"ttl,omitempty"`
		}{Event: m.Event}
		if m.TTL != 0 {
			head.TTL = m.TTL.String()
		}
		line, err := json.Marshal(head)
		if err != nil {
			return nil, err
		}
		data, ok := m.Data.(json.RawMessage)
		if !ok {
			if data, err = json.Marshal(m.Data); err != nil {
				return nil, fmt.Errorf("message %d: %w", i+1, err)
			}
		}
		b.WriteString(`{"data":`)
		// Without line ends, and with its numbers as they are written.
		if err := json.Compact(&b, data); err != nil {
			return nil, fmt.Errorf("message %d is no JSON: %w", i+1, err)
		}
		if len(line) > len("{}") {
			b.WriteByte(',')
		}
		b.Write(line[1:])
		b.WriteByte('\n')
	}
	return b.Bytes(), nil
}
