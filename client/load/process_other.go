//go:build !linux

package load

import (
	"errors"
	"time"
)

type usage struct {
	cpu            time.Duration
	resident, peak int64
	descriptors    int
}

func usageOf([]int) (usage, error) { return usage{}, errors.ErrUnsupported }

func ownCPU() time.Duration { return 0 }
