//go:build !linux

package load

func newCarrier(at endpoint, a *account) (carrier, error) { return newGoroutines(at, a), nil }
