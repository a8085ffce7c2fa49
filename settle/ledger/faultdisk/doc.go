// Package faultdisk is a disk that loses power, fills up, fails and is slow, under the real SQLite library.
//
// It registers a file system with SQLite that forwards every call to the system's own, so a database on it works as
// always. Of the directories that are watched it keeps a journal of every write, truncation, deletion and sync, in
// order. From that journal [Disk.States] makes every content that the disk may hold after power failed at any of these
// calls: what was synced before is there; of what was not, each write may be there, be missing, be torn at a sector, or
// have overtaken an earlier one. [Disk.Fail] makes chosen calls fail as a full or broken disk does, and [Disk.Slow] makes
// syncs as slow as a till's.
//
// It is for tests and benchmarks, never part of the daemon. On Linux only: it refers to the SQLite that the driver brings
// into the program, which the linkers of other systems do not allow. Files that Go code writes itself (the key file)
// do not pass through SQLite and are not in the journal.
package faultdisk
