package handlers

import (
	"strconv"

	"parley/events"
)

// appendRooms appends the members of rooms' data, without braces.
func appendRooms(dst []byte, rooms []string) []byte {
	return appendStrings(append(dst, `"rooms":`...), rooms)
}

// appendPresence appends the members of presence's data, without braces: the whole
// of who is there, or what changed, and the counts alone where those would be too
// many to name.
func appendPresence(dst []byte, p *events.Presence) []byte {
	dst = append(events.QuoteJSON(append(dst, `"room":`...), p.Room), ',')
	switch {
	case p.Whole && p.Members != nil:
		dst = append(appendPersons(append(dst, `"members":`...), p.Members), ',')
	case !p.Whole && (p.Joined != nil || p.Left != nil || p.Changed != nil):
		dst = appendPersons(append(dst, `"joined":`...), p.Joined)
		dst = appendStrings(append(dst, `,"left":`...), p.Left)
		dst = append(appendPersons(append(dst, `,"changed":`...), p.Changed), ',')
	}
	return appendCounts(dst, p.Count, p.Users)
}

func appendCounts(dst []byte, count, users int) []byte {
	dst = strconv.AppendInt(append(dst, `"count":`...), int64(count), 10)
	return strconv.AppendInt(append(dst, `,"users":`...), int64(users), 10)
}

func appendPersons(dst []byte, list []events.Person) []byte {
	dst = append(dst, '[')
	for i, p := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendPerson(append(dst, '{'), p), '}')
	}
	return append(dst, ']')
}

// appendPerson appends the members that say who somebody is, without braces.
func appendPerson(dst []byte, p events.Person) []byte {
	dst = events.QuoteJSON(append(dst, `"id":`...), p.ID)
	if p.User != "" {
		dst = events.QuoteJSON(append(dst, `,"user":`...), p.User)
	}
	if p.Name != "" {
		dst = events.QuoteJSON(append(dst, `,"name":`...), p.Name)
	}
	return dst
}

// appendMember appends all there is to know of a member as one JSON object.
func appendMember(dst []byte, m *events.MemberInfo) []byte {
	dst = append(appendPerson(append(dst, '{'), m.Person), ',')
	if m.Data != nil {
		dst = append(appendData(append(dst, `"data":`...), m.Data), ',')
	}
	dst = append(appendRooms(dst, m.Rooms), ',')
	return append(appendTime(append(dst, `"since":`...), m.Since), '}')
}
