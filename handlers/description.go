package handlers

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"

	"parley/events"
)

// maxDescription is how many bytes the body of a description may have: what a
// member may say of itself, spaced out and with a name beside it.
const maxDescription = 4 * events.MaxMemberData

// describe changes what the caller's member says of itself, and answers with all
// there is to know of it.
func (s *Server) describe(w http.ResponseWriter, r *http.Request, q request) error {
	registry, err := s.asJSON(r)
	if err != nil {
		return err
	}
	content, err := contentOf(r.Header)
	if err != nil {
		return err
	}
	if content.kind != jsonContent {
		return unsupported("a description is application/json")
	}
	raw, err := readBody(w, r, maxDescription)
	if err != nil {
		return err
	}
	d, err := description(raw)
	if err != nil {
		return err
	}
	m, err := registry.Describe(r.Context(), q.caller, q.ns, d)
	if err != nil {
		return err
	}
	q.member = m.ID
	s.logDone(r, "member described", q)
	answer(w, http.StatusOK, appendMember(nil, &m))
	return nil
}

// description reads {"name","data"}: what is not there stays, what is null goes.
func description(raw []byte) (d events.Description, err error) {
	members, err := objectOf(raw, events.CodeBadParameter)
	if err != nil {
		return d, err
	}
	for _, m := range members {
		switch m.name {
		case "name":
			if d.Name, err = nickname(m.value); err != nil {
				return d, err
			}
		case "data":
			if d.Data, err = events.JSONData(m.value); err != nil {
				return d, err
			}
		default:
			return d, events.Refuse(events.CodeBadParameter, "a description holds name and data, and nothing else")
		}
	}
	return d, nil
}

// nickname reads a name, or null for none.
func nickname(value json.RawMessage) (*string, error) {
	var s string
	if bytes.Equal(value, []byte("null")) {
		return &s, nil
	}
	if _, err := events.JSONData(value); err != nil {
		return nil, err
	}
	if json.Unmarshal(value, &s) != nil {
		return nil, events.Refuse(events.CodeBadParameter, "a name is a string, or null for none")
	}
	return &s, events.CheckNickname(s)
}

// A jsonMember is a member of a JSON object.
type jsonMember struct {
	name  string
	value json.RawMessage
}

// objectOf reads a JSON object member by member, in order: into a struct,
// encoding/json would take "Event" for "event", and the last of two. One that is
// there twice is refused with a code.
func objectOf(raw []byte, twice events.Code) (members []jsonMember, err error) {
	bad := events.Refuse(events.CodeBadJSON, "not one JSON object")
	dec := json.NewDecoder(bytes.NewReader(raw))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, bad
	}
	seen := make(map[string]bool, 3)
	for dec.More() {
		t, err := dec.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return nil, bad
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, bad
		}
		if seen[name] {
			return nil, events.Refuse(twice, "a member is there twice")
		}
		seen[name] = true
		members = append(members, jsonMember{name, value})
	}
	if t, err := dec.Token(); err != nil || t != json.Delim('}') {
		return nil, bad
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, bad
	}
	return members, nil
}
