package faultdisk

import (
	"fmt"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// sector is where a write can be torn, in bytes.
const sector = 512

// State is what a disk may hold after power failed.
type State struct {
	Name  string   // which failure this is, for a test's message
	After int      // how many calls of the journal had been made
	Marks []string // the marks that lie before

	files func() map[string][]byte // by base name; valid until the next state
}

// Record starts the journal: the files as they are now are taken as synced. Nothing may write meanwhile.
func (d *Disk) Record() error {
	entries, err := os.ReadDir(d.dir)
	if err != nil {
		return err
	}
	start := map[string][]byte{}
	for _, e := range entries {
		if !e.Type().IsRegular() || strings.HasSuffix(e.Name(), "-shm") {
			continue
		}
		if start[e.Name()], err = os.ReadFile(filepath.Join(d.dir, e.Name())); err != nil {
			return err
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.start, d.calls, d.keep = start, nil, true
	return nil
}

// Calls ends the journal and returns it.
func (d *Disk) Calls() []Call {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.keep = false
	return d.calls
}

// States are all states that the journal leads to, in order of the moment of the failure. For every moment: nothing of
// what was not synced is there; all of it; all of it but one call; the last write torn at every sector, with its front
// or its back missing. And at each moment before a sync: each call alone, which is the farthest that the disk may have
// changed the order. Files fail one at a time; what is not synced of the others is there.
func (d *Disk) States() iter.Seq[State] {
	return func(yield func(State) bool) {
		image := newImage(d.start)
		var marks []string
		calls := d.Calls()
		for i, c := range calls {
			if c.Kind == Mark {
				marks = append(marks, c.Label)
				continue
			}
			if c.Kind == Sync {
				if !image.emit(i, marks, c.File, true, yield) {
					return
				}
				image.sync(c.File)
				continue
			}
			image.pending[c.File] = append(image.pending[c.File], c)
			if !image.emit(i+1, marks, c.File, false, yield) {
				return
			}
			if c.Kind == Delete && c.Synced {
				image.sync(c.File)
			}
		}
		yield(State{Name: "end", After: len(calls), Marks: marks, files: func() map[string][]byte { return image.files(nil) }})
	}
}

// image is a disk: what is certainly on it and what it was given since.
type image struct {
	durable map[string][]byte
	pending map[string][]Call
}

func newImage(start map[string][]byte) *image {
	return &image{durable: maps.Clone(start), pending: map[string][]Call{}}
}

func (m *image) sync(name string) {
	content, there := apply(m.durable[name], exists(m.durable, name), m.pending[name])
	delete(m.durable, name)
	if there {
		m.durable[name] = content
	}
	delete(m.pending, name)
}

// files is the disk with one file as chosen calls leave it, and all calls made on the others.
func (m *image) files(chosen map[string][]Call) map[string][]byte {
	out := map[string][]byte{}
	names := slices.Collect(maps.Keys(m.durable))
	for name := range m.pending {
		if !exists(m.durable, name) {
			names = append(names, name)
		}
	}
	for _, name := range names {
		calls, ok := chosen[name]
		if !ok {
			calls = m.pending[name]
		}
		if content, there := apply(m.durable[name], exists(m.durable, name), calls); there {
			out[name] = content
		}
	}
	return out
}

func (m *image) emit(after int, marks []string, name string, beforeSync bool, yield func(State) bool) bool {
	pending := m.pending[name]
	send := func(what string, calls []Call) bool {
		return yield(State{
			Name: fmt.Sprintf("call %d, %s: %s", after, name, what), After: after, Marks: slices.Clone(marks),
			files: func() map[string][]byte { return m.files(map[string][]Call{name: calls}) },
		})
	}
	if len(pending) == 0 {
		return true
	}
	if beforeSync {
		for j := range pending {
			if !send(fmt.Sprintf("only unsynced call %d", j), pending[j:j+1]) {
				return false
			}
		}
		return true
	}
	last := len(pending) - 1
	if !send("nothing unsynced", []Call{}) || !send("everything", pending) {
		return false
	}
	for j := range last { // without the last is the moment before
		if !send(fmt.Sprintf("without unsynced call %d", j), slices.Concat(pending[:j], pending[j+1:])) {
			return false
		}
	}
	for _, part := range torn(pending[last]) {
		if !send(fmt.Sprintf("last write torn to %d bytes at %d", len(part.Data), part.Offset), append(slices.Clone(pending[:last]), part)) {
			return false
		}
	}
	return true
}

// torn is what may be left of a write: its front or its back, cut at every sector.
func torn(c Call) (parts []Call) {
	if c.Kind != Write {
		return nil
	}
	first := sector - int(c.Offset%sector)
	for cut := first; cut < len(c.Data); cut += sector {
		front, back := c, c
		front.Data = c.Data[:cut]
		back.Data, back.Offset = c.Data[cut:], c.Offset+int64(cut)
		parts = append(parts, front, back)
	}
	return parts
}

func exists(files map[string][]byte, name string) bool {
	_, ok := files[name]
	return ok
}

// apply makes calls on a content.
func apply(content []byte, there bool, calls []Call) ([]byte, bool) {
	content = slices.Clone(content)
	for _, c := range calls {
		switch c.Kind {
		case Write:
			there = true
			if end := int(c.Offset) + len(c.Data); end > len(content) {
				content = append(content, make([]byte, end-len(content))...)
			}
			copy(content[c.Offset:], c.Data)
		case Truncate:
			there = true
			if int(c.Offset) <= len(content) {
				content = content[:c.Offset]
			} else {
				content = append(content, make([]byte, int(c.Offset)-len(content))...)
			}
		case Delete:
			content, there = nil, false
		}
	}
	return content, there
}

// Write puts a state into a directory that holds none. It must be called before the next state is asked for.
func (s State) Write(dir string) error {
	for name, content := range s.files() {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}
