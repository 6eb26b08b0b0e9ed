package client

import "sync"

// nicknames are what the client's member was last called in each namespace. A
// server that was restarted does not know, and is told by the next connection.
type nicknames struct {
	mu sync.Mutex
	in map[string]string // by namespace
}

func (n *nicknames) get(namespace string) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.in[namespace]
}

func (n *nicknames) set(namespace, name string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.in == nil {
		n.in = make(map[string]string)
	}
	n.in[namespace] = name
}
