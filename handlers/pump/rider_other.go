//go:build !linux

package pump

// A rider is a stream of a loop; there are none here.
type rider struct{}

func (*rider) ring() bool { return false }
