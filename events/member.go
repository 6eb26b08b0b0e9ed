package events

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"strings"
)

// MemberBytes is the length of a member's public ID.
const MemberBytes = 16

var lowerBase32 = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// Member gives the public ID of who holds a connection ID: the first 16
// characters of the lower-case base32 of HMAC-SHA-256(key, user ‖ 0 ‖
// connection). It is the same on every node and after every restart, and cannot
// be guessed back. key is the namespace's own, see [Head].
func Member(key []byte, user, connection string) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(user))
	mac.Write([]byte{0})
	mac.Write([]byte(connection))
	return lowerBase32.EncodeToString(mac.Sum(nil)[:MemberBytes*5/8]) // not a piece of all of it, which would stay in memory
}

// CheckMember refuses with bad-id what cannot be a member's public ID.
func CheckMember(s string) error {
	bad := len(s) != MemberBytes
	for i := 0; i < len(s) && !bad; i++ {
		bad = !(s[i] >= 'a' && s[i] <= 'z' || s[i] >= '2' && s[i] <= '7')
	}
	if bad {
		return Refuse(CodeBadID, "a member is @ and %d of a-z and 2-7", MemberBytes)
	}
	return nil
}

// NewConnectionID makes a connection ID for a stream that came without one: 130
// bits from the system's generator.
func NewConnectionID() string { return strings.ToLower(rand.Text()) }

// NewEpoch makes the name of a log's new life: 8 of [a-z2-7] from the system's
// generator.
func NewEpoch() string { return strings.ToLower(rand.Text())[:8] }
