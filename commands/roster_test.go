package commands_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"parley/client"
	"parley/commands"
)

// people names members by their nicknames; their IDs begin with the same letter.
func people(names ...string) []client.Person {
	out := make([]client.Person, len(names))
	for i, n := range names {
		out[i] = client.Person{ID: n[:1] + "234567abcdefghi", Name: n}
	}
	return out
}

func ids(names ...string) (out []string) {
	for _, p := range people(names...) {
		out = append(out, p.ID)
	}
	return out
}

// patience is how long a room may tell of an old nickname after a new one was taken.
const patience = 10 * time.Second

func TestWhatIsToldOfPresence(t *testing.T) {
	whole := func(names ...string) client.Presence {
		return client.Presence{Room: "lobby", Members: people(names...), Count: len(names)}
	}
	change := func(joined []client.Person, left ...string) client.Presence {
		return client.Presence{Room: "lobby", Joined: joined, Left: ids(left...), Count: 9}
	}
	many := client.Presence{Room: "lobby", Count: 700, Users: 700}
	reconnect, resolve := "reconnect", "resolve"
	type left string // a room
	for name, steps := range map[string][]any{
		"coming and going": {
			whole("Ann", "Bo"), "2 here: Ann and Bo",
			change(people("Cy", "Di")), "Cy and Di joined",
			change(people("Ed"), "Ann", "Bo"), "Ed joined; Ann and Bo left",
			change(nil, "Ed"), "Ed left",
		},
		"a new name": {
			whole("Ann"), "1 here: Ann",
			client.Presence{Room: "lobby", Changed: people("Anna")}, "Ann is now Anna",
			client.Presence{Room: "lobby", Changed: people("Anna")}, "",
		},
		"my new name, which the room tells late": {
			whole("Ann", "Bo"), "2 here: Ann and Bo", people("Anna")[0], "",
			change(people("Ann")), "", change(people("Anna", "Cy")), "Cy joined",
			client.Presence{Room: "lobby", Changed: people("Annie")}, "Anna is now Annie", // in another tab
		},
		"my new name, before the room told anything": {
			people("Anna")[0], "", whole("Ann", "Bo"), "2 here: Anna and Bo", whole("Anna", "Bo"), "",
		},
		"my new name, which the room never tells": {
			whole("Ann", "Bo"), "2 here: Ann and Bo", people("Anna")[0], "", patience, "",
			change(people("Ann")), "", time.Nanosecond, "",
			change(people("Ann")), "Anna is now Ann", whole("Ann", "Bo"), "",
		},
		"my newer name, for which a room has as long again": {
			whole("Ann", "Bo"), "2 here: Ann and Bo", people("Anna")[0], "", patience, "", people("Annie")[0], "", patience, "",
			change(people("Anna")), "", time.Nanosecond, "",
			change(people("Anna")), "Annie is now Anna",
		},
		"my old name, in a room that was left and is joined again": {
			whole("Ann", "Bo"), "2 here: Ann and Bo", people("Anna")[0], "",
			left("dev"), "", change(people("Ann")), "",
			left("lobby"), "", whole("Ann", "Bo"), "2 here: Ann and Bo", change(people("Anna")), "Ann is now Anna",
		},
		"a crowd": {
			whole("A", "B", "C", "D", "E", "F", "G", "H", "I", "J"), "10 here: A, B, C, D, E, F, G, H and 2 others",
		},
		"a crowd of one more than are named": {
			whole("A", "B", "C", "D", "E", "F", "G", "H", "I"), "9 here: A, B, C, D, E, F, G, H and I",
		},
		"too many to be named": {
			whole("Ann"), "1 here: Ann", many, "700 here", many, "", change(people("Bo")), "", whole("Ann", "Bo"), "2 here: Ann and Bo",
		},
		"a return in time": {
			whole("Ann", "Bo"), "2 here: Ann and Bo", reconnect, "", whole("Ann", "Bo"), "",
		},
		"who is late after a restart was never gone": {
			whole("Ann", "Bo", "Cy"), "3 here: Ann, Bo and Cy", reconnect, "",
			whole("Ann"), "", whole("Ann", "Bo", "Cy"), "", resolve, "",
		},
		"who does not come back has left": {
			whole("Ann", "Bo", "Cy"), "3 here: Ann, Bo and Cy", reconnect, "",
			whole("Ann", "Di"), "Di joined", change(people("Bo")), "", whole("Ann", "Di", "Bo"), "Cy left", resolve, "",
		},
		"nor who is not told of again": {
			whole("Ann", "Bo"), "2 here: Ann and Bo", reconnect, "", whole("Ann"), "", resolve, "Bo left", whole("Ann"), "",
		},
		"a late one with a new name": {
			whole("Ann", "Bo"), "2 here: Ann and Bo", reconnect, "", whole("Ann"), "", change(people("Bob")), "Bo is now Bob",
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var r commands.Rosters
				for i := 0; i < len(steps); i += 2 {
					told := ""
					switch s := steps[i].(type) {
					case client.Presence:
						told = r.Take(s)
					case client.Person:
						r.Rename(s)
					case time.Duration:
						time.Sleep(s)
					case left:
						r.Forget(string(s))
					case string:
						if s == reconnect {
							r.Reconnected()
						} else {
							told = r.Resolve("lobby")
						}
					}
					if told != fmt.Sprint(steps[i+1]) {
						t.Errorf("step %d tells %q, not %q", i/2+1, told, steps[i+1])
					}
				}
			})
		})
	}
}
