package client

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
)

// encode gives the body that a payload is posted as, and its media type: a string
// is text, a []byte is bytes of the type, anything else is JSON.
func encode(data any, typ string) (body []byte, kind string, err error) {
	switch d := data.(type) {
	case string:
		return []byte(d), "text/plain; charset=utf-8", nil
	case []byte:
		if typ != "" {
			return d, typ, nil
		}
		return d, "application/octet-stream", nil
	}
	if raw, ok := data.(json.RawMessage); ok {
		// As it is: encoding it again would lose how its numbers are written.
		return raw, "application/json", nil
	}
	body, err = json.Marshal(data)
	return body, "application/json", err
}

// textOf gives a payload that came as JSON as the text that it was, if it was.
func textOf(data json.RawMessage, encoding string) (text string, ok bool) {
	if encoding != "" || !bytes.HasPrefix(data, []byte(`"`)) || json.Unmarshal(data, &text) != nil {
		return "", false
	}
	return text, true
}

// bytesOf gives a payload that came as JSON as it was posted.
func bytesOf(data json.RawMessage, encoding string) ([]byte, error) {
	switch encoding {
	case "":
		if text, ok := textOf(data, ""); ok {
			return []byte(text), nil
		}
		return data, nil
	case "base64":
		var text string
		if err := json.Unmarshal(data, &text); err != nil {
			return nil, errors.New("a base64 payload is not a string")
		}
		return base64.StdEncoding.DecodeString(text)
	}
	return nil, errors.New("the payload's encoding is not known: " + encoding)
}
