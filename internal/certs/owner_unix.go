//go:build unix

package certs

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// resemble gives f the owner, the group and the rights of another file; everybody
// else gets no more than mode says.
func resemble(f *os.File, other fs.FileInfo, mode fs.FileMode) error {
	mine, err := f.Stat()
	if err != nil {
		return err
	}
	his, ok1 := other.Sys().(*syscall.Stat_t)
	own, ok2 := mine.Sys().(*syscall.Stat_t)
	if ok1 && ok2 && (his.Uid != own.Uid || his.Gid != own.Gid) {
		if err := f.Chown(int(his.Uid), int(his.Gid)); err != nil {
			return &Error{
				fmt.Errorf("giving it to the owner of %s: %w", other.Name(), err),
				"run this as root, or as the user and group that the file belongs to",
			}
		}
	}
	return f.Chmod(other.Mode().Perm() & (mode | 0o770))
}
