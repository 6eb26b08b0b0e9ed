package e2e_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// cheatsheet is Socket.IO's emit cheat sheet, said in HTTP: each line under the
// name it has there. People are named with the rooms they listen to; @ann in a
// query is Ann's member. Who speaks with a connection ID is left out of what it
// says; "" is the application, which has none.
var cheatsheet = []struct {
	line string
	do   func(c *crowd)
}{
	// --- To one client ---

	{"socket.emit", func(c *crowd) {
		c.enter("ann r", "bo r")
		c.says("", "to=@ann", "hello")
		c.says("", "to=@ann&event=news", "extra")
		c.heard("ann hello news:extra")
	}},
	{"socket.emit(json)", func(c *crowd) {
		c.enter("ann")
		for _, data := range []string{`{"a":[1,2.50,null]}`, `"ž🐴\u0000"`, `[]`, `1e400`} {
			c.do(http.StatusCreated, "POST", "?to=@ann", "", data, "Content-Type", "application/json")
		}
		c.heard(`ann {"a":[1,2.50,null]} ` + "ž🐴\x00" + ` [] 1e400`)
	}},
	{"socket.emit(binary)", func(c *crowd) {
		c.enter("ann")
		c.do(http.StatusCreated, "POST", "?to=@ann", "", "\x00\n\xff", "Content-Type", "image/png")
		c.settled()
		if w := c.people["ann"].first(); w.Encoding != "base64" || w.Type != "image/png" || string(w.Data) != `"AAr/"` {
			c.t.Errorf("%+v", w)
		}
	}},
	{"socket.emit(cb)", func(c *crowd) {
		c.enter("ann", "bo")
		c.answers("ann", "bo")
		c.said(c.asks("", "to=@ann&ack=20s", "?"), "ann", "")
	}},
	{"socket.emitWithAck", func(c *crowd) {
		c.enter("ann")
		c.answering("ann", func(w word) string { return strings.ToUpper(w.text()) })
		a := c.asks("", "to=@ann&ack=20s", "loud")
		if len(a.Acks) != 1 || string(a.Acks[0].Data) != `"LOUD"` || a.Acks[0].From != c.people["ann"].member || a.Expected != 1 || !a.Complete {
			c.t.Errorf("%+v", a)
		}
	}},
	{"socket.timeout(ms).emit", func(c *crowd) {
		c.enter("ann")
		a := c.asks("", "to=@ann&ack=300ms", "?")
		c.said(a, "", "ann")
		if a.Took < 299*time.Millisecond { // times are whole milliseconds
			c.t.Errorf("it took %s", a.Took)
		}
	}},
	{"socket.timeout(ms).emitWithAck", func(c *crowd) {
		c.enter("ann", "bo")
		c.answers("bo")
		c.said(c.asks("", "to=@bo&ack=20s", "?"), "bo", "")
		c.said(c.asks("", "to=@ann&ack=200ms", "?"), "", "ann")
	}},
	{"socket.volatile.emit", func(c *crowd) {
		c.enter("ann")
		c.settled()
		answer := c.do(http.StatusAccepted, "POST", "?to=@ann&volatile=1", "", "now")
		if strings.Contains(answer, `"id"`) {
			c.t.Errorf("it has a number: %s", answer)
		}
		c.heard("ann now")
		// It is not kept.
		c.leaves("ann")
		c.do(http.StatusAccepted, "POST", "?to=@ann&volatile=1", "", "gone")
		c.returns("ann")
		c.heard()
	}},
	{"socket.send", func(c *crowd) {
		c.enter("ann", "bo")
		c.says("", "to=@ann&event=message", "hello")
		c.heard("ann hello")
	}},
	{"io.to(id).emit", func(c *crowd) {
		c.enter("ann r", "bo r", "cy")
		c.says("bo", "to=@ann", "private")
		c.says("bo", "to=@ann&to=@cy", "both")
		c.says("bo", "to=@bo", "herself")
		c.says("bo", "to=r&to=@ann", "once")
		c.heard("ann private both once", "cy both")
	}},
	{"io.to(id).timeout(ms).emit", func(c *crowd) {
		c.enter("ann", "bo")
		c.answers("ann", "bo")
		c.said(c.asks("", "to=@ann&to=@bo&ack=20s", "?"), "ann bo", "")
		// Who was named and is not there is missing at once, and is no success.
		c.do(http.StatusOK, "DELETE", "/-/members/ann", "", "")
		c.ended("ann", "kicked")
		a := c.asks("", "to=@ann&ack=20s", "?")
		c.said(a, "", "ann")
		if a.Expected != 0 || a.Took > 10*time.Second {
			c.t.Errorf("%+v", a)
		}
	}},
	{"remoteSocket.emit", func(c *crowd) {
		c.enter("ann r", "bo r")
		for _, m := range c.members("/r/members", "ann bo").Members {
			c.says("", "to=@"+m.ID, c.nameOf(m.ID))
		}
		c.heard("ann ann", "bo bo")
	}},
	{"remoteSocket.timeout(ms).emitWithAck", func(c *crowd) {
		c.enter("ann r", "bo r")
		c.answers("ann", "bo")
		for _, m := range c.members("/r/members", "ann bo").Members {
			c.said(c.asks("", "to=@"+m.ID+"&ack=20s", "?"), c.nameOf(m.ID), "")
		}
	}},
	{"remoteSocket.join", func(c *crowd) {
		c.enter("ann")
		answer := c.do(http.StatusOK, "PUT", "/r/members/ann", "", "")
		if !strings.Contains(answer, `"rooms":["r"]`) {
			c.t.Error(answer)
		}
		c.says("", "to=r", "hello")
		c.heard("ann hello")
	}},
	{"remoteSocket.leave", func(c *crowd) {
		c.enter("ann r")
		c.do(http.StatusOK, "DELETE", "/r/members/ann", "", "")
		c.says("", "to=r", "hello")
		c.heard()
	}},
	{"remoteSocket.disconnect", func(c *crowd) {
		c.enter("ann r", "bo r")
		c.do(http.StatusOK, "DELETE", "/-/members/ann", "", "")
		c.ended("ann", "kicked")
		c.says("", "to=r", "hello")
		c.heard("bo hello")
	}},

	// --- To many ---

	{"io.emit", func(c *crowd) {
		c.enter("ann", "bo r", "cy r s")
		c.says("", "to=*", "hello")
		c.says("ann", "to=*&echo=1", "echo")
		c.heard("ann hello echo", "bo hello echo", "cy hello echo")
	}},
	{"socket.broadcast.emit", func(c *crowd) {
		c.enter("ann", "bo r", "cy r s")
		c.says("ann", "to=*", "hello")
		c.heard("bo hello", "cy hello")
	}},
	{"io.to(room).emit", func(c *crowd) {
		c.enter("ann r", "bo r s", "cy s")
		c.says("", "to=r", "r")
		c.says("", "to=s", "s")
		c.says("", "to=nobody", "lost")
		c.heard("ann r", "bo r s", "cy s")
	}},
	{"io.in(room).emit", func(c *crowd) {
		c.enter("ann r", "bo r", "cy s")
		c.do(http.StatusCreated, "POST", "/r?echo=1", "ann", "in")
		c.heard("ann in", "bo in")
	}},
	{"io.to(a).to([b,c]).emit", func(c *crowd) {
		c.enter("ann a", "bo a b", "cy a b c", "di c", "ed d")
		c.says("", "to=a&to=b&to=c", "abc")
		c.says("", "to=a&to=a", "aa")
		c.heard("ann abc aa", "bo abc aa", "cy abc aa", "di abc")
	}},
	{"io.except(room).emit", func(c *crowd) {
		c.enter("ann r", "bo r s", "cy s", "di")
		c.says("", "to=*&except=r", "not-r")
		c.says("", "to=*&except=r&except=s", "not-rs")
		c.heard("cy not-r", "di not-r not-rs")
	}},
	{"io.except(id).emit", func(c *crowd) {
		c.enter("ann r", "bo r")
		c.says("", "to=*&except=@ann", "not-ann")
		c.heard("bo not-ann")
	}},
	{"io.to(a).to(b).except(c).emit", func(c *crowd) {
		c.enter("ann a", "bo b", "cy a c", "di c")
		c.says("", "to=a&to=b&except=c", "ab")
		c.says("", "to=a&except=a", "nobody")
		c.heard("ann ab", "bo ab")
	}},
	{"socket.to(room).emit", func(c *crowd) {
		c.enter("ann r", "bo r", "cy")
		c.says("ann", "to=r", "from-ann")
		c.says("cy", "to=r", "from-cy")
		c.do(http.StatusCreated, "POST", "/r", "bo", "from-bo")
		c.heard("ann from-cy from-bo", "bo from-ann from-cy")
	}},
	{"socket.to(a).to(b).emit", func(c *crowd) {
		c.enter("ann a b", "bo a", "cy b", "di a b", "ed c")
		c.says("ann", "to=a&to=b", "ab")
		c.heard("bo ab", "cy ab", "di ab")
	}},
	{"socket.to(ownId).emit", func(c *crowd) {
		c.enter("ann r", "bo r")
		c.says("ann", "to=@ann", "herself")
		c.heard()
	}},
	{"socket.except(room).emit", func(c *crowd) {
		c.enter("ann", "bo r", "cy s")
		c.says("ann", "to=*&except=r", "not-r")
		c.heard("cy not-r")
	}},
	{"socket.broadcast.except(id).emit", func(c *crowd) {
		c.enter("ann", "bo r", "cy s")
		c.says("ann", "to=*&except=@cy", "not-cy")
		c.heard("bo not-cy")
	}},
	{"io.of(ns).emit", func(c *crowd) {
		c.enter("ann r")
		other := elsewhere(c)
		other.enter("bo r", "cy")
		c.says("", "to=*", "here")
		other.says("", "to=*", "there")
		c.says("", "to=@"+other.people["bo"].member, "across")
		c.heard("ann here")
		other.heard("bo there", "cy there")
	}},
	{"io.of(ns).to(room).emit", func(c *crowd) {
		c.enter("ann r")
		other := elsewhere(c)
		other.enter("bo r", "cy")
		other.says("", "to=r", "there")
		c.heard()
		other.heard("bo there")
	}},
	{"io.timeout(ms).emit", func(c *crowd) {
		c.enter("ann", "bo", "cy")
		c.answers("ann", "bo")
		a := c.asks("", "to=*&ack=500ms", "?")
		c.said(a, "ann bo", "cy")
		if a.Expected != 3 {
			c.t.Errorf("%d expected", a.Expected)
		}
	}},
	{"io.timeout(ms).emitWithAck", func(c *crowd) {
		c.enter("ann", "bo", "cy")
		c.answers("ann", "bo", "cy")
		a := c.asks("", "to=*&ack=20s", "?")
		c.said(a, "ann bo cy", "")
		if a.Took > 15*time.Second {
			c.t.Errorf("all had answered, and it took %s", a.Took)
		}
	}},
	{"io.to(room).timeout(ms).emit", func(c *crowd) {
		c.enter("ann r", "bo r", "cy s")
		c.answers("ann", "bo", "cy")
		c.said(c.asks("", "to=r&ack=20s", "?"), "ann bo", "")
		c.said(c.asks("", "to=nobody&ack=20s", "?"), "", "")
	}},
	{"socket.broadcast.timeout(ms).emit", func(c *crowd) {
		c.enter("ann", "bo", "cy")
		c.answers("ann", "bo", "cy")
		a := c.asks("ann", "to=*&ack=20s", "?")
		c.said(a, "bo cy", "")
		if a.From != c.people["ann"].member {
			c.t.Errorf("from %q", a.From)
		}
	}},
	{"io.of(ns).timeout(ms).emit", func(c *crowd) {
		c.enter("ann")
		other := elsewhere(c)
		other.enter("bo")
		c.answers("ann")
		other.answers("bo")
		other.said(other.asks("", "to=*&ack=20s", "?"), "bo", "")
	}},
	{"io.emit(cb)", func(c *crowd) {
		// There it fails after a millisecond: here how long is always said.
		c.enter("ann")
		for _, ack := range []string{"", "0s", "1", "true", "26s", "-1s"} {
			status, answer := c.try("POST", "?to=*&ack="+ack, "", "?")
			if ack == "" && status == http.StatusCreated {
				continue // an empty parameter is none
			}
			if status != http.StatusBadRequest || !strings.Contains(answer, "bad-parameter") {
				c.t.Errorf("ack=%s: %d %s", ack, status, answer)
			}
		}
	}},
	{"socket.timeout(ms).to(a).to([b,c]).except(d).emit", func(c *crowd) {
		c.enter("ann a b", "bo a", "cy b c", "di c d", "ed d")
		c.answers("ann", "bo", "cy", "di", "ed")
		c.said(c.asks("ann", "ack=20s&to=a&to=b&to=c&except=d", "?"), "bo cy", "")
	}},
	{"io.volatile.emit", func(c *crowd) {
		c.enter("ann", "bo r")
		c.settled()
		c.do(http.StatusAccepted, "POST", "?to=*&volatile=1", "", "now")
		c.heard("ann now", "bo now")
	}},
	{"io.to(room).volatile.emit", func(c *crowd) {
		c.enter("ann r", "bo r s", "cy s")
		c.settled()
		c.do(http.StatusAccepted, "POST", "?to=r&except=s&volatile=1&event=typing", "cy", "…")
		c.heard("ann typing:…")
	}},
	{"io.send", func(c *crowd) {
		c.enter("ann", "bo")
		c.says("", "to=*", "hello")
		c.heard("ann hello", "bo hello")
	}},
	{"emitter.emit", func(c *crowd) {
		// Another process needs no package and no Redis, only the URL.
		c.enter("ann r", "bo")
		c.says("", "to=*", "all")
		c.says("", "to=r", "r")
		c.do(http.StatusOK, "PUT", "/r/members?in=@bo", "", "")
		c.said(c.asks("", "to=r&ack=100ms", "?"), "", "ann bo")
		c.heard("ann all r ?", "bo all ?")
	}},

	// --- From a client ---

	{"client.emit", func(c *crowd) {
		c.enter("ann", "back-end application")
		for _, n := range strings.Fields("1 2 3 4 5") {
			c.says("ann", "to=application&event=say", n)
		}
		c.settled()
		if from := c.people["back-end"].first().From; from != c.people["ann"].member {
			c.t.Errorf("from %q", from)
		}
		c.heard("back-end say:1 say:2 say:3 say:4 say:5")
	}},
	{"client.emit(cb)", func(c *crowd) {
		c.enter("ann", "back-end application")
		c.answers("back-end")
		c.said(c.asks("ann", "to=application&ack=20s", "?"), "back-end", "")
	}},
	{"client.emitWithAck", func(c *crowd) {
		// That something is kept is the POST's own answer.
		c.enter("ann r")
		var kept struct{ ID, From string }
		if err := json.Unmarshal([]byte(c.says("ann", "to=r", "kept")), &kept); err != nil || kept.From != c.people["ann"].member {
			c.t.Fatalf("%+v %v", kept, err)
		}
		if event := c.do(http.StatusOK, "GET", "/r/history/"+kept.ID, "", ""); !strings.Contains(event, `"data":"kept"`) {
			c.t.Error(event)
		}
	}},
	{"client.timeout(ms).emit", func(c *crowd) {
		c.enter("ann", "back-end application")
		c.said(c.asks("ann", "to=application&ack=200ms", "?"), "", "back-end")
		// It needs no stream: a POST is answered also to who has left.
		c.answers("back-end")
		c.leaves("ann")
		c.said(c.asks("ann", "to=application&ack=20s", "?"), "back-end", "")
	}},
	{"client.timeout(ms).emitWithAck", func(c *crowd) {
		c.enter("ann", "back-end application")
		c.answering("back-end", func(w word) string { return w.text() + w.text() })
		if a := c.asks("ann", "to=application&ack=20s", "21"); len(a.Acks) != 1 || string(a.Acks[0].Data) != `"2121"` {
			c.t.Errorf("%+v", a)
		}
	}},
	{"ackTimeout", func(c *crowd) {
		c.enter("ann")
		c.answers("ann")
		c.said(c.asks("", "to=*&ack=25s", "?"), "ann", "")
		for _, a := range []string{"25001ms", "1h"} {
			if answer := c.do(http.StatusBadRequest, "POST", "?to=*&ack="+a, "", "?"); !strings.Contains(answer, "bad-parameter") {
				c.t.Error(answer)
			}
		}
		c.heard("ann ?")
	}},
	{"retries", func(c *crowd) {
		c.enter("ann r", "bo r")
		first := c.do(http.StatusCreated, "POST", "?to=r", "ann", "once", "Idempotency-Key", "k1")
		again := c.do(http.StatusCreated, "POST", "?to=r", "ann", "once", "Idempotency-Key", "k1")
		if first != again {
			c.t.Errorf("%s, and again %s", first, again)
		}
		c.do(http.StatusUnprocessableEntity, "POST", "?to=r", "ann", "twice", "Idempotency-Key", "k1")
		c.heard("bo once")
		// One that asked for answers is answered the same, too.
		c.answers("bo")
		a := c.asks("ann", "to=r&ack=20s", "?", "Idempotency-Key", "k2")
		b := c.asks("ann", "to=r&ack=20s", "?", "Idempotency-Key", "k2")
		c.said(a, "bo", "")
		c.said(b, "bo", "")
		if a.ID != b.ID {
			c.t.Errorf("%s, and again %s", a.ID, b.ID)
		}
		c.heard("bo ?")
	}},
	{"client.volatile.emit", func(c *crowd) {
		c.enter("ann", "back-end application")
		c.settled()
		c.do(http.StatusAccepted, "POST", "?to=application&volatile=1", "ann", "now")
		c.heard("back-end now")
	}},
	{"client.send", func(c *crowd) {
		c.enter("ann r", "bo r")
		c.do(http.StatusCreated, "POST", "/r", "ann", "hello")
		c.heard("bo hello")
	}},
	{"ack(answer)", func(c *crowd) {
		c.enter("ann", "bo", "cy")
		ann := c.people["ann"]
		c.answering("ann", func(w word) string {
			if got := ann.reply(w.Ack.ID, "ann"); got != http.StatusNoContent {
				c.t.Errorf("the first answer: %d", got)
			}
			if got := ann.reply(w.Ack.ID, "another"); got != http.StatusNoContent {
				c.t.Errorf("the second answer: %d", got)
			}
			if got := c.people["cy"].reply(w.Ack.ID, "cy"); got != http.StatusForbidden {
				c.t.Errorf("an answer of one who was not asked: %d", got)
			}
			return ""
		})
		c.answers("bo")
		c.said(c.asks("", "to=@ann&to=@bo&ack=20s", "?"), "ann bo", "")
		a := c.asks("", "to=@cy&ack=100ms", "?")
		c.said(a, "", "cy")
		if got := c.people["cy"].reply(a.ID, "late"); got != http.StatusGone {
			c.t.Errorf("a late answer: %d", got)
		}
	}},

	// --- Rooms, members, and many at once ---

	{"socket.join", func(c *crowd) {
		c.enter("ann", "bo r")
		c.do(http.StatusOK, "PUT", "/r/members/me", "ann", "")
		c.says("", "to=r", "one")
		c.do(http.StatusOK, "PUT", "/-/members/me?room=s", "ann", "")
		c.says("", "to=s", "two")
		c.heard("ann one two", "bo one")
		var rooms struct{ Rooms []string } // told before what was said after
		c.people["ann"].unmarshal("rooms", &rooms)
		if !slices.Equal(rooms.Rooms, []string{"r", "s"}) {
			c.t.Errorf("she was told %q", rooms.Rooms)
		}
	}},
	{"socket.leave", func(c *crowd) {
		c.enter("ann r s", "bo r")
		c.do(http.StatusOK, "DELETE", "/r/members/me", "ann", "")
		c.do(http.StatusOK, "DELETE", "/never/members/me", "ann", "")
		c.says("", "to=r", "r")
		c.says("", "to=s", "s")
		c.heard("ann s", "bo r")
	}},
	{"socket.rooms", func(c *crowd) {
		c.enter("ann b a")
		if m := c.members("/-/members?in=@ann", "ann").Members[0]; !slices.Equal(m.Rooms, []string{"a", "b"}) {
			c.t.Errorf("%q", m.Rooms)
		}
	}},
	{"socket.data", func(c *crowd) {
		c.enter("ann r", "bo r")
		c.do(http.StatusOK, "PATCH", "/-/members/me", "ann", `{"data":{"colour":"red"},"name":"Ann"}`, "Content-Type", "application/json")
		if m := c.members("/-/members?in=@ann", "ann").Members[0]; string(m.Data) != `{"colour":"red"}` || m.Name != "Ann" {
			c.t.Errorf("%+v", m)
		}
		c.says("ann", "to=r", "hello")
		c.settled()
		if w := c.people["bo"].first(); w.Name != "Ann" {
			c.t.Errorf("%+v", w)
		}
	}},
	{"io.in(room).socketsJoin", func(c *crowd) {
		c.enter("ann a", "bo a b", "cy")
		answer := c.do(http.StatusOK, "PUT", "/x/members?in=a&except=b", "", "")
		if !strings.Contains(answer, `"count":1`) {
			c.t.Error(answer)
		}
		c.says("", "to=x", "x")
		c.do(http.StatusOK, "PUT", "/-/members?room=y&in=*", "", "")
		c.says("", "to=y", "y")
		c.heard("ann x y", "bo y", "cy y")
	}},
	{"io.in(room).socketsLeave", func(c *crowd) {
		c.enter("ann a x", "bo a b x", "cy x")
		c.do(http.StatusOK, "DELETE", "/x/members?in=a&except=b", "", "")
		c.says("", "to=x", "x")
		c.heard("bo x", "cy x")
	}},
	{"io.in(room).disconnectSockets", func(c *crowd) {
		c.enter("ann r", "bo r s", "cy")
		c.says("", "to=*", "last")
		answer := c.do(http.StatusOK, "DELETE", "/-/members?in=r&except=s", "", "")
		if !strings.Contains(answer, `"count":1`) {
			c.t.Error(answer)
		}
		c.ended("ann", "kicked")
		c.heard("ann last", "bo last", "cy last")
		c.members("/-/members", "bo cy")
	}},
	{"io.fetchSockets", func(c *crowd) {
		c.enter("ann", "bo r", "cy r s")
		c.members("/-/members", "ann bo cy")
	}},
	{"io.in(room).fetchSockets", func(c *crowd) {
		c.enter("ann", "bo r", "cy r s", "di t")
		c.members("/r/members", "bo cy")
		c.members("/-/members?in=r&in=t&except=s", "bo di")
		c.members("/-/members?in=nobody", "")
	}},
	{"io.allSockets", func(c *crowd) {
		c.enter("ann", "bo r")
		c.members("/-/members", "ann bo")
	}},
	{"io.of(ns).adapter.rooms", func(c *crowd) {
		c.enter("ann r", "bo r s")
		if r, s, nobody := c.roomCount("r"), c.roomCount("s"), c.roomCount("nobody"); r != 2 || s != 1 || nobody != 0 {
			c.t.Errorf("%d in r, %d in s, %d in nobody", r, s, nobody)
		}
		c.do(http.StatusOK, "DELETE", "/s/members/me", "bo", "")
		if s := c.roomCount("s"); s != 0 {
			c.t.Errorf("%d in s", s)
		}
	}},
	{"io.of(ns).sockets.size", func(c *crowd) {
		c.enter("ann r", "bo r s")
		if n := c.members("/-/members", "ann bo").Count; n != 2 {
			c.t.Error(n)
		}
	}},
	{"client.disconnect", func(c *crowd) {
		c.enter("ann r", "bo r")
		c.do(http.StatusOK, "DELETE", "/-/members/me", "ann", "")
		c.ended("ann", "kicked")
		c.members("/r/members", "bo")
	}},
}

// TestCheatSheet says every line of the cheat sheet in plain HTTP.
func TestCheatSheet(t *testing.T) {
	s := serve(t, "--key", key)
	for i, line := range cheatsheet {
		t.Run(line.line, func(t *testing.T) {
			line.do(newCrowd(t, s, namespaceOf(i)))
		})
	}
}

// namespaceOf gives each line a namespace of its own.
func namespaceOf(i int) string { return "line-" + string(rune('a'+i/26)) + string(rune('a'+i%26)) }

// elsewhere is a crowd in another namespace of the same server.
func elsewhere(c *crowd) *crowd {
	return &crowd{t: c.t, url: c.url + "-other", people: map[string]*person{}}
}
