package logtest

import "testing"

// Run runs the suite. newStore makes a new, empty store each time; what it
// needs to clean up it registers with its test. The subtests run one after the
// other, each closes what it opened, and none leaves a goroutine behind.
func Run(t *testing.T, newStore func(t *testing.T) Store) {
	run(t, newStore, []promise{
		{"opening/once", openingOnce},
		{"opening/together", openingTogether},
		{"opening/not found", notFound},
		{"opening/quota", quota},
		{"namespaces are independent", independence},

		{"namespaces are listed", namespaceList},

		{"numbers/concurrent writers", concurrentWriters},
		{"numbers/a batch is seen whole", wholeBatches},
		{"numbers/a refused append changes nothing", refusedBatches},
		{"time never runs backwards", monotonicTime},
		{"tail/kept before it is heard", keptBeforeHeard},

		{"drafts/every field comes back", everyField},
		{"drafts/acknowledgements", ackFields},
		{"drafts/every byte comes back", everyByte},
		{"drafts/memory may be used again", reusedMemory},

		{"stretches", stretches},
		{"reading/random", randomReads},
		{"reading/edges", readingEdges},
		{"ttl", ttl},
		{"ttl is not retention", ttlIsNotRetention},
		{"find", find},

		{"rooms/none", noRooms},
		{"rooms/order and pages", roomPages},
		{"rooms/what is gone", roomsGone},
		{"rooms/together with erasing", roomsWhileErasing},

		{"retention/age", retentionByAge},
		{"retention/count", retentionByCount},
		{"retention/bytes", retentionByBytes},
		{"retention/bytes of what is gone", bytesOfGone},
		{"retention/disk", retentionByDisk},
		{"retention/of a namespace", retentionOfNamespace},
		{"retention/bytes of a namespace", bytesOfNamespaces},
		{"retention/of a namespace that changes", retentionChanges},
		{"retention/random", randomRetention},
		{"retention/read together with sweeps", readsDuringSweeps},

		{"erasing/numbers", erasingNumbers},
		{"erasing/room", erasingRoom},
		{"erasing/one step with the notice", erasingInOneStep},

		{"keys/repeat", keyRepeated},
		{"keys/digest", keyReused},
		{"keys/together", keyTogether},
		{"keys/life", keyLife},
		{"keys/one namespace", keyOfOneNamespace},
		{"keys/after erasing", keyAfterErasing},

		{"forgetting/none", forgettingNone},
		{"forgetting/anew", forgettingAnew},
		{"forgetting/not what it holds", forgettingEvents},
		{"forgetting/not what it remembers", forgettingKeys},
		{"forgetting/frees its place", forgettingQuota},
		{"forgetting/one of many", forgettingOneOfMany},
		{"forgetting/together with appends", forgettingTogether},

		{"context", cancelledContext},
		{"close/calls after it", callsAfterClose},
		{"close/waits for what is under way", closeWaits},
	})
	if !newStore(t).Durable() {
		return
	}
	run(t, newStore, []promise{
		{"reopened/events and head", reopenedWhole},
		{"reopened/empty namespace", reopenedEmpty},
		{"reopened/numbers go on", reopenedNumbers},
		{"reopened/time goes on", reopenedTime},
		{"reopened/marks", reopenedMarks},
		{"reopened/rooms", reopenedRooms},
		{"reopened/erased", reopenedErased},
		{"reopened/keys", reopenedKeys},
		{"reopened/quota", reopenedQuota},
		{"reopened/forgotten", reopenedForgotten},
		{"reopened/under load", reopenedUnderLoad},
	})
}

// A promise is one subtest. It makes its own stores.
type promise struct {
	name  string
	check func(*testing.T, func(*testing.T) Store)
}

func run(t *testing.T, newStore func(*testing.T) Store, promises []promise) {
	for _, p := range promises {
		t.Run(p.name, func(t *testing.T) { p.check(t, newStore) })
	}
}
