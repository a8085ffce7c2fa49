package main

import (
	"time"

	"gongji/settle/ledger/faultdisk"
)

// slowDisk makes every fsync of SQLite in dir take at least so long; count is how many there were.
func slowDisk(dir string, by time.Duration) (count func() int, err error) {
	disk, err := faultdisk.Watch(dir)
	if err != nil {
		return nil, err
	}
	disk.Slow(by)
	return disk.Syncs, nil
}
