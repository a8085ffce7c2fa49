package config

import (
	"fmt"
	"sort"
	"strings"
)

// Fault is one mistake in the configuration.
type Fault struct {
	File    string // the file, or "environment"
	Line    int    // 0: the key is not in the file
	Column  int    // orders several faults of one line
	Key     string // path such as upstream.tls.ca_file, readers[1].kind, or the name of a variable
	English string
	Chinese string
}

// String is "file:line: key: English（Chinese）".
func (f Fault) String() string {
	place := f.File
	if f.Line > 0 {
		place = fmt.Sprintf("%s:%d", f.File, f.Line)
	}
	if f.Key != "" {
		place += ": " + f.Key
	}
	return fmt.Sprintf("%s: %s（%s）", place, f.English, f.Chinese)
}

// Faults are all mistakes of a configuration, in the order of the file. It is the error of [Load].
type Faults []Fault

// Error lists every fault on a line of its own.
func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i := range f {
		lines[i] = f[i].String()
	}
	return strings.Join(lines, "\n")
}

// position is where a key stands in the file.
type position struct{ line, column int }

// report collects faults and knows where every key was read.
type report struct {
	file   string
	places map[string]position // key path → where its value or key stands
	origin map[string]string   // key path → environment variable that set it
	faults Faults
}

func newReport(file string) *report {
	return &report{file: file, places: map[string]position{}, origin: map[string]string{}}
}

// at adds a fault at a place of the file.
func (r *report) at(pos position, key string, p problem) {
	r.faults = append(r.faults, Fault{r.file, pos.line, pos.column, key, p.english, p.chinese})
}

// on adds a fault of a key, wherever it came from: environment, file, or the nearest parent that the file has. A key
// that could not be read already has its fault.
func (r *report) on(key string, p problem) {
	if r.bad(key) {
		return
	}
	if variable, ok := r.origin[key]; ok {
		r.faults = append(r.faults, Fault{"environment", 0, 0, variable, p.english, p.chinese})
		return
	}
	r.at(r.nearest(key), key, p)
}

// bad reports whether the key, or a block or list around it, has a fault.
func (r *report) bad(key string) bool {
	for _, f := range r.faults {
		if f.Key == key || f.Key == r.origin[key] && f.Key != "" ||
			f.Key != "" && (strings.HasPrefix(key, f.Key+".") || strings.HasPrefix(key, f.Key+"[")) {
			return true
		}
	}
	return false
}

// nearest is the place of the key or of the closest parent that is in the file.
func (r *report) nearest(key string) position {
	for {
		if pos, ok := r.places[key]; ok {
			return pos
		}
		cut := strings.LastIndexAny(key, ".[")
		if cut < 0 {
			return position{}
		}
		key = key[:cut]
	}
}

// err is nil without faults.
func (r *report) err() error {
	if len(r.faults) == 0 {
		return nil
	}
	sort.SliceStable(r.faults, func(i, j int) bool {
		a, b := r.faults[i], r.faults[j]
		if a.Line != b.Line {
			return a.Line < b.Line
		}
		return a.Column < b.Column
	})
	return r.faults
}
