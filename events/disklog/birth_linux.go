package disklog

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// birth names a file's inode and, where the file system knows it, its time of
// birth. A copy differs in one of them even when it is put back in place: an
// inode is used again, but not at the same moment.
func birth(path string) (string, error) {
	var s unix.Statx_t
	err := unix.Statx(unix.AT_FDCWD, path, unix.AT_SYMLINK_NOFOLLOW, unix.STATX_INO|unix.STATX_BTIME, &s)
	if err != nil {
		return "", err
	}
	if s.Mask&unix.STATX_BTIME == 0 {
		return fmt.Sprintf("%d", s.Ino), nil
	}
	return fmt.Sprintf("%d/%d.%09d", s.Ino, s.Btime.Sec, s.Btime.Nsec), nil
}
