package handlers

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"net/url"
	"strings"

	"parley/events"
)

// A key is the server's own token. It is kept as a digest, so that comparing
// takes the same time whatever the lengths are.
type key struct {
	set    bool
	digest [sha256.Size]byte
}

func newKey(secret string) key {
	return key{set: secret != "", digest: sha256.Sum256([]byte(secret))}
}

func (k key) opens(token string) bool {
	d := sha256.Sum256([]byte(token))
	return subtle.ConstantTimeCompare(d[:], k.digest[:]) == 1 && k.set
}

// caller gives who asks: bad-id for a connection ID that cannot be, or for none
// where the action is about oneself, unauthorized for a token that is not the key.
// A server without a key knows no token, and says so: a caller that shows one does
// not mean to be anonymous.
func (s *Server) caller(r *http.Request, q url.Values, oneself bool) (events.Caller, error) {
	connection, err := connectionID(r, q)
	if err != nil {
		return events.Caller{}, err
	}
	if oneself && connection == "" {
		return events.Caller{}, events.Refuse(events.CodeBadID, "say who you are with the header Connection-ID, or with ?cid=")
	}
	tokens := bearers(r)
	switch {
	case len(tokens) == 0:
		return events.Anonymous(connection), nil
	case len(tokens) == 1 && s.key.opens(tokens[0]):
		return events.KeyHolder(connection), nil
	}
	return events.Caller{}, events.Refuse(codeUnauthorized, "this token is not known here")
}

// connectionID gives the connection ID that the header or ?cid= names, "" for
// none. Naming it in both is fine as long as they agree.
func connectionID(r *http.Request, q url.Values) (string, error) {
	header, query := r.Header["Connection-Id"], q["cid"]
	if len(header) > 1 || len(query) > 1 {
		return "", events.Refuse(events.CodeBadID, "a request has one connection ID")
	}
	if len(header) == 1 && len(query) == 1 && header[0] != query[0] {
		return "", events.Refuse(events.CodeBadID, "Connection-ID and cid are not the same")
	}
	switch {
	case len(header) == 1:
		return header[0], events.CheckConnectionID(header[0])
	case len(query) == 1:
		return query[0], events.CheckConnectionID(query[0])
	}
	return "", nil
}

// bearers gives the Bearer tokens of a request. Other schemes are a proxy's.
func bearers(r *http.Request) []string {
	var tokens []string
	for _, a := range r.Header.Values("Authorization") {
		scheme, token, _ := strings.Cut(strings.TrimSpace(a), " ")
		if strings.EqualFold(scheme, "Bearer") {
			tokens = append(tokens, strings.TrimSpace(token))
		}
	}
	return tokens
}
