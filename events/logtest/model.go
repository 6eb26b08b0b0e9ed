package logtest

import (
	"slices"
	"time"

	"parley/events"
)

// A model is a log so naive that it is plainly right: a list, and a walk over all
// of it for every question. It is one namespace, and nobody shares it.
type model struct {
	said []*saying
}

type saying struct {
	seq     uint64
	time    time.Time
	draft   events.Draft
	in      []string // the targets whose stretches hold it
	erased  bool
	removed bool // from the namespace
}

func (m *model) append(r events.Receipt, drafts []events.Draft) {
	for i, d := range drafts {
		m.said = append(m.said, &saying{seq: r.First + uint64(i), time: r.Time, draft: d, in: slices.Clone(d.To)})
	}
}

func (s *saying) expired(now time.Time) bool {
	return s.draft.TTL > 0 && !now.Before(s.time.Add(s.draft.TTL))
}

func (s *saying) lies(stretch string) bool {
	if s.erased || s.removed || len(s.in) == 0 {
		return false
	}
	if stretch == events.Everything {
		return slices.ContainsFunc(s.draft.To, func(t string) bool { return t[0] != '@' })
	}
	return slices.Contains(s.in, stretch)
}

// was reports whether it ever lay in the stretch.
func (s *saying) was(stretch string) bool {
	whole := saying{draft: s.draft, in: s.draft.To}
	return whole.lies(stretch)
}

func (m *model) read(q events.Query, now time.Time) (page []*saying, more bool) {
	var there []*saying
	for _, s := range m.said {
		if s.seq > q.After && s.seq <= q.Upto && s.lies(q.Stretch) && !s.expired(now) {
			there = append(there, s)
		}
	}
	if q.Newest {
		slices.Reverse(there)
	}
	bytes := 0
	for _, s := range there {
		if len(page) == q.Limit || q.Bytes > 0 && bytes >= q.Bytes {
			more = true
			break
		}
		page = append(page, s)
		bytes += s.draft.Size()
	}
	if q.Newest {
		slices.Reverse(page)
	}
	return page, more
}

func (m *model) erase(e events.Erasure) {
	for _, s := range m.said {
		if slices.Contains(e.Seqs, s.seq) || e.Room != "" && s.seq <= e.Upto && s.lies(e.Room) {
			s.erased = true
		}
	}
}

// sweep removes by age and count.
func (m *model) sweep(now time.Time, keep events.Keep) {
	for _, s := range m.said {
		if keep.Age > 0 && s.time.Add(keep.Age).Before(now) {
			s.removed = true
		}
	}
	held := map[string]int{}
	for i := len(m.said) - 1; i >= 0 && keep.Events > 0; i-- {
		s := m.said[i]
		if s.erased || s.removed {
			continue
		}
		s.in = slices.DeleteFunc(s.in, func(target string) bool {
			held[target]++
			return held[target] > keep.Events
		})
	}
}

// omitted gives the highest number that retention took from the stretch.
func (m *model) omitted(stretch string) (highest uint64) {
	for _, s := range m.said {
		if !s.erased && s.was(stretch) && !s.lies(stretch) {
			highest = s.seq
		}
	}
	return highest
}

// old gives the highest number that was removed from the namespace.
func (m *model) old() (highest uint64) {
	for _, s := range m.said {
		if s.removed {
			highest = s.seq
		}
	}
	return highest
}
