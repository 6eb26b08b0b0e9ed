package disklog

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// birth names a file's inode and time of birth. A copy differs in one of them
// even when it is put back in place.
func birth(path string) (string, error) {
	var s unix.Stat_t
	if err := unix.Lstat(path, &s); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d/%d.%09d", s.Ino, s.Btim.Sec, s.Btim.Nsec), nil
}
