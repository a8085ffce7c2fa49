//go:build linux || darwin

package health

import "golang.org/x/sys/unix"

// DiskSpace is the room on the disk of a folder. Free counts what an ordinary user may fill, since the part kept for
// root is of no use to the daemon.
func DiskSpace(folder string) (Space, error) {
	var stat unix.Statfs_t
	if err := unix.Statfs(folder, &stat); err != nil {
		return Space{}, err
	}
	block := uint64(stat.Bsize)
	return Space{Free: stat.Bavail * block, Total: stat.Blocks * block}, nil
}
