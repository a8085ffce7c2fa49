package health

import (
	"context"
	"fmt"
	"time"
)

// Space is the room on the disk of a folder, in bytes.
type Space struct {
	Free  uint64 // that this process may use
	Total uint64
}

// The limits of the disk. DiskFull is far above what a day of settlements needs, so that the shop can be closed in
// order; DiskLow leaves weeks to act.
const (
	DiskFullBytes  = 64 << 20
	DiskLowBytes   = 1 << 30
	diskEveryCheck = 15 * time.Second
)

// DiskWatch raises DISK_LOW and DISK_FULL for the folder of the ledger.
type DiskWatch struct {
	tracker *Tracker
	folder  string
	space   func(folder string) (Space, error)
}

// NewDiskWatch watches a folder. space is nil for the real disk; a test puts its own.
func NewDiskWatch(tracker *Tracker, folder string, space func(string) (Space, error)) *DiskWatch {
	if space == nil {
		space = DiskSpace
	}
	return &DiskWatch{tracker, folder, space}
}

// Check looks once. An error is the reason why the disk could not be looked at; the warnings then stay as they were.
func (w *DiskWatch) Check() error {
	space, err := w.space(w.folder)
	if err != nil {
		return fmt.Errorf("disk of %s: %w", w.folder, err)
	}
	args := Args{"free": bytesText(space.Free), "limit": bytesText(DiskFullBytes)}
	w.tracker.Put(space.Free < DiskFullBytes, DiskFull, "", args)
	w.tracker.Put(space.Free < DiskLowBytes, DiskLow, "", args)
	return nil
}

// Run checks at once and then every 15 seconds, until ctx ends. A disk that cannot be looked at is reported to failed.
func (w *DiskWatch) Run(ctx context.Context, failed func(error)) {
	every(ctx, diskEveryCheck, func() {
		if err := w.Check(); err != nil {
			failed(err)
		}
	})
}

// every calls do at once and then at the interval, until ctx ends.
func every(ctx context.Context, interval time.Duration, do func()) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		do()
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// bytesText writes a size for people: "812 MiB", "1.5 GiB".
func bytesText(n uint64) string {
	switch {
	case n >= 1<<30:
		tenths := n * 10 >> 30
		return fmt.Sprintf("%d.%d GiB", tenths/10, tenths%10)
	case n >= 1<<20:
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%d KiB", n>>10)
}
