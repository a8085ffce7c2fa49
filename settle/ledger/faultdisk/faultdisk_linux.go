package faultdisk

/*
#cgo LDFLAGS: -Wl,--unresolved-symbols=ignore-in-object-files
#include "vfs.h"
*/
import "C"

import (
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"time"
	"unsafe"

	_ "github.com/mattn/go-sqlite3" // brings the library that the shim registers with
)

// Kind is what a call did to a file.
type Kind string

// The kinds of calls in a journal.
const (
	Write    Kind = "write"
	Truncate Kind = "truncate"
	Sync     Kind = "sync"
	Delete   Kind = "delete"
	Mark     Kind = "mark" // put there by the test
)

// Call is one change of a file, or a mark of the test.
type Call struct {
	Kind   Kind
	File   string // base name
	Offset int64  // of a write; the new length of a truncation
	Data   []byte // of a write
	Synced bool   // of a deletion: its directory was synced with it
	Label  string // of a mark
}

// Code is a result that SQLite understands.
type Code int

// Results of a call that fails.
const (
	OK          Code = 0
	ErrFull     Code = 13            // no space left
	ErrReadOnly Code = 8             // the file system became read-only
	ErrWrite    Code = 10 | (3 << 8) // the disk refused a write
	ErrSync     Code = 10 | (4 << 8) // the disk could not say that it kept what it was given
)

// Disk is one watched directory. Methods are safe for concurrent use.
type Disk struct {
	dir string

	mu    sync.Mutex
	start map[string][]byte
	calls []Call
	keep  bool
	fail  func(n int, c Call) Code
	count int
	slow  time.Duration
	syncs int
}

var (
	install    sync.Once
	installErr error

	mu    sync.Mutex
	disks = map[string]*Disk{}
	files = map[int]file{}
	next  = 1
)

type file struct {
	disk *Disk
	name string
}

// Watch puts a directory under watch until Stop. It must be called before a database there is opened.
func Watch(dir string) (*Disk, error) {
	install.Do(func() {
		if rc := C.gongji_faultdisk_install(); rc != 0 {
			installErr = fmt.Errorf("faultdisk: SQLite did not take the file system: %d", int(rc))
		}
	})
	if installErr != nil {
		return nil, installErr
	}
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return nil, err
	}
	d := &Disk{dir: dir}
	mu.Lock()
	defer mu.Unlock()
	disks[dir] = d
	return d, nil
}

// Stop ends the watch. Databases that are open stay usable.
func (d *Disk) Stop() {
	mu.Lock()
	defer mu.Unlock()
	delete(disks, d.dir)
	for id, f := range files {
		if f.disk == d {
			delete(files, id)
		}
	}
}

// Fail asks f before every call from now on; n counts from 0. A code other than OK is what SQLite is told, and the call
// is not made. nil: nothing fails.
func (d *Disk) Fail(f func(n int, c Call) Code) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fail, d.count = f, 0
}

// Slow makes every sync take at least that long.
func (d *Disk) Slow(by time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.slow = by
}

// Syncs is how many syncs there were.
func (d *Disk) Syncs() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.syncs
}

// Note puts a mark into the journal.
func (d *Disk) Note(label string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.keep {
		d.calls = append(d.calls, Call{Kind: Mark, Label: label})
	}
}

// take decides about a call, and keeps it where a journal is kept.
func (d *Disk) take(c Call) Code {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fail != nil {
		n := d.count
		d.count++
		if code := d.fail(n, c); code != OK {
			return code
		}
	}
	if d.keep {
		d.calls = append(d.calls, c)
	}
	if c.Kind == Sync {
		d.syncs++
	}
	return OK
}

func watched(path string) (*Disk, string) {
	mu.Lock()
	defer mu.Unlock()
	d := disks[filepath.Dir(path)]
	return d, filepath.Base(path)
}

func opened(id C.int) file {
	mu.Lock()
	defer mu.Unlock()
	return files[int(id)]
}

//export gongjiFaultdiskOpen
func gongjiFaultdiskOpen(name *C.char) C.int {
	d, base := watched(C.GoString(name))
	if d == nil || strings.HasSuffix(base, "-shm") {
		return 0
	}
	mu.Lock()
	defer mu.Unlock()
	id := next
	next++
	files[id] = file{disk: d, name: base}
	return C.int(id)
}

//export gongjiFaultdiskWrite
func gongjiFaultdiskWrite(id C.int, data unsafe.Pointer, n C.int, offset C.longlong) C.int {
	f := opened(id)
	if f.disk == nil {
		return 0
	}
	return C.int(f.disk.take(Call{Kind: Write, File: f.name, Offset: int64(offset), Data: C.GoBytes(data, n)}))
}

//export gongjiFaultdiskTruncate
func gongjiFaultdiskTruncate(id C.int, size C.longlong) C.int {
	f := opened(id)
	if f.disk == nil {
		return 0
	}
	return C.int(f.disk.take(Call{Kind: Truncate, File: f.name, Offset: int64(size)}))
}

//export gongjiFaultdiskSync
func gongjiFaultdiskSync(id C.int) C.int {
	f := opened(id)
	if f.disk == nil {
		return 0
	}
	f.disk.mu.Lock()
	slow := f.disk.slow
	f.disk.mu.Unlock()
	if slow > 0 {
		time.Sleep(slow)
	}
	return C.int(f.disk.take(Call{Kind: Sync, File: f.name}))
}

//export gongjiFaultdiskDelete
func gongjiFaultdiskDelete(name *C.char, synced C.int) C.int {
	d, base := watched(C.GoString(name))
	if d == nil {
		return 0
	}
	return C.int(d.take(Call{Kind: Delete, File: base, Synced: synced != 0}))
}
