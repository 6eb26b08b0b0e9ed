package events

// Present gives the number of members that are there, in all namespaces.
func (r *Registry) Present() int {
	count := 0
	for _, n := range r.all() {
		n.mu.Lock()
		count += len(n.people)
		n.mu.Unlock()
	}
	return count
}

// Settle ends the waiting for answers, for good: whoever waits for some, or asks for
// some from now on, is told at once who has answered by now. A process that is about
// to end calls it once it has given those who were asked their time.
func (r *Registry) Settle() {
	r.settled.Store(true)
	for _, n := range r.all() {
		n.mu.Lock()
		for _, a := range n.asks {
			if a.asked { // one that is not will see that it is settled
				n.overLocked(a)
			}
		}
		n.mu.Unlock()
	}
}
