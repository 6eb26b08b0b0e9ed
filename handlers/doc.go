// Package handlers is where HTTP speaks: it reads what a request asks for, has
// the events package decide, and writes the answer. The route table in routes.go
// is the map of it, problem.go the one place where a refusal becomes a document.
//
// A request is looked at in one order, and the first thing that is wrong is
// what it is told: its path, its method, where it comes from, its connection ID,
// its token, its parameters, what it accepts, and only then its body.
//
// Query parameters that no route knows are passed over, as a cache-buster or a
// tracker's mark would be; one that the route knows is never guessed at: a value
// that cannot be, or a second one where there can be only one, is refused.
package handlers
