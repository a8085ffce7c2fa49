package centre

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"gongji/settle"
	"gongji/settle/canon"
)

// drawer holds the records of one table. In a centre with its whole book in memory it is all there is of them; in the work
// of one transaction on a Store it holds what was looked at so far, asks for the rest, and knows at the end what changed.
//
// Values that are pointers may be changed where they lie, except in what the columns show.
type drawer[V any] struct {
	table   *Table
	columns func(key string, v V) []string
	sums    func(v V) []settle.Fen
	ends    func(v V) time.Time

	rows  map[string]V
	index []map[string][]string // for each column: value → keys, oldest first
	shown map[string][]string   // what the index has of a key

	work  *work             // nil: everything is here
	asked map[string]bool   // keys, and column\x00value, that the store was asked for
	clean map[string][]byte // values as the store has them
}

// shelf is a drawer of any kind.
type shelf interface {
	spec() *Table
	unasked(column string, values []string) []string
	take(records []Record, column string, values []string) error
	writes(*Writes) error
	empty(w *work)
}

func newDrawer[V any](table *Table, columns func(key string, v V) []string) *drawer[V] {
	d := &drawer[V]{table: table, columns: columns}
	d.empty(nil)
	return d
}

// empty forgets everything; with a work the drawer is filled by its store from then on.
func (d *drawer[V]) empty(w *work) {
	d.rows, d.shown = map[string]V{}, map[string][]string{}
	d.index = make([]map[string][]string, len(d.table.Columns))
	for i := range d.index {
		d.index[i] = map[string][]string{}
	}
	if d.work = w; w != nil {
		d.asked, d.clean = map[string]bool{}, map[string][]byte{}
	}
}

func (d *drawer[V]) spec() *Table { return d.table }

func (d *drawer[V]) column(name string) int {
	return slices.IndexFunc(d.table.Columns, func(c Column) bool { return c.Name == name })
}

// unasked are the values that the store was not asked for yet.
func (d *drawer[V]) unasked(column string, values []string) (open []string) {
	twice := make(map[string]bool, len(values))
	for _, value := range values {
		if !twice[value] && !d.asked[column+"\x00"+value] {
			twice[value] = true
			open = append(open, value)
		}
	}
	return open
}

// take adds what the store answered. What is here already stays: it may have been changed since.
func (d *drawer[V]) take(records []Record, column string, values []string) error {
	for _, value := range values {
		d.asked[column+"\x00"+value] = true
	}
	for i := range records {
		r := &records[i]
		if _, here := d.clean[r.Key]; here {
			continue
		}
		var v V
		if err := canon.Read(r.Value, &v); err != nil {
			return fmt.Errorf("a record of %s cannot be read: %w", d.table.Name, err)
		}
		d.clean[r.Key] = r.Value
		d.asked["\x00"+r.Key] = true
		if _, here := d.rows[r.Key]; !here {
			d.lay(r.Key, v)
		}
	}
	return nil
}

// get is the record under a key.
func (d *drawer[V]) get(key string) (v V, ok bool) {
	if d.work != nil {
		d.work.fetch(ask{d, "", []string{key}})
	}
	v, ok = d.rows[key]
	return v, ok
}

// at is get for those who take the zero value for absence.
func (d *drawer[V]) at(key string) V {
	v, _ := d.get(key)
	return v
}

func (d *drawer[V]) has(key string) bool {
	_, ok := d.get(key)
	return ok
}

// find lists the records with a value in a column, oldest first.
func (d *drawer[V]) find(column, value string) []V {
	if d.work != nil {
		d.work.fetch(ask{d, column, []string{value}})
	}
	keys := d.index[d.column(column)][value]
	found := make([]V, 0, len(keys))
	for _, key := range keys {
		found = append(found, d.rows[key])
	}
	return found
}

// between lists the records whose column lies from one value to another.
func (d *drawer[V]) between(column, from, to string, limit int) []V {
	if d.work != nil {
		d.work.load(d, Query{Table: d.table, Column: column, From: from, To: to, Limit: limit})
	}
	var values []string
	for value := range d.index[d.column(column)] {
		if from <= value && value <= to {
			values = append(values, value)
		}
	}
	slices.Sort(values)
	var found []V
	for _, value := range values {
		for _, key := range d.index[d.column(column)][value] {
			if limit == 0 || len(found) < limit {
				found = append(found, d.rows[key])
			}
		}
	}
	return found
}

// put lays a record in, or in the place of another.
func (d *drawer[V]) put(key string, v V) {
	if d.work != nil && !d.asked["\x00"+key] {
		d.asked["\x00"+key] = true // whatever the store has is replaced
	}
	d.lay(key, v)
}

func (d *drawer[V]) lay(key string, v V) {
	shown := d.show(key, v)
	if before, there := d.shown[key]; !there || !slices.Equal(before, shown) {
		d.unindex(key)
		for i, value := range shown {
			d.index[i][value] = append(d.index[i][value], key)
		}
		if len(shown) > 0 {
			d.shown[key] = shown
		}
	}
	d.rows[key] = v
}

func (d *drawer[V]) show(key string, v V) []string {
	if d.columns == nil {
		return nil
	}
	return d.columns(key, v)
}

func (d *drawer[V]) unindex(key string) {
	for i, value := range d.shown[key] {
		keys := d.index[i][value]
		if at := slices.Index(keys, key); at >= 0 {
			keys = slices.Delete(keys, at, at+1)
		}
		if d.index[i][value] = keys; len(keys) == 0 {
			delete(d.index[i], value)
		}
	}
	delete(d.shown, key)
}

// drop takes a record out.
func (d *drawer[V]) drop(key string) {
	if !d.has(key) {
		return
	}
	d.unindex(key)
	delete(d.rows, key)
}

// rewrite has everything here written again.
func (d *drawer[V]) rewrite() {
	for key := range d.rows {
		d.clean[key] = nil
	}
}

// same reports whether a record is as the store has it, also where another version wrote the same in other words.
func (d *drawer[V]) same(before, now []byte) (bool, error) {
	if before == nil || bytes.Equal(before, now) {
		return before != nil, nil
	}
	var v V
	if err := canon.Read(before, &v); err != nil {
		return false, err
	}
	before, err := canon.Append(nil, v)
	return bytes.Equal(before, now), err
}

// writes adds what differs from what the store has.
func (d *drawer[V]) writes(w *Writes) error {
	for key, v := range d.rows {
		value, err := canon.Append(nil, v)
		if err != nil {
			return err
		}
		if same, err := d.same(d.clean[key], value); same || err != nil {
			if err != nil {
				return err
			}
			continue
		}
		r := Record{Key: key, Columns: d.show(key, v), Value: value}
		if d.sums != nil {
			r.Sums = d.sums(v)
		}
		if d.ends != nil {
			r.Ends = d.ends(v)
		}
		w.Puts = append(w.Puts, Put{d.table, r})
	}
	for key := range d.clean {
		if _, here := d.rows[key]; !here {
			w.Drops = append(w.Drops, Drop{d.table, key})
		}
	}
	// In one order everywhere, so that transactions rarely wait for each other in a circle.
	slices.SortFunc(w.Puts, func(a, b Put) int {
		return strings.Compare(a.Table.Name+"\x00"+a.Key, b.Table.Name+"\x00"+b.Key)
	})
	return nil
}
