package centre

import (
	"context"
	"time"

	"gongji/settle"
)

// Store keeps a centre's book outside its process, so that several processes answer from one book. The journal is the
// other way to keep one; a centre has one of the two, or its memory alone.
//
// All methods are safe for concurrent use.
type Store interface {
	// Transact runs do in one serializable transaction and commits it. Where another transaction came between, do runs
	// again from the start, a bounded number of times; it must keep nothing from a run before. An error of do's own ends
	// the transaction without effect and comes back as it is. After an error of the commit itself nobody knows whether
	// it counted.
	Transact(ctx context.Context, do func(Tx) error) error
	// Serial is a number that no other call on this store has given or will give. Numbers may be skipped.
	Serial(ctx context.Context) (int64, error)
	// Number gives every change that is committed and has no number yet the next one. See [Changes].
	Number(ctx context.Context) error
	// Tidy drops records whose end is over.
	Tidy(ctx context.Context, now time.Time) error
	// Ready says whether a transaction could be done now, and why not.
	Ready(ctx context.Context) error
}

// Tx is one transaction of a Store, for one goroutine. An error of any method ends it; the caller returns it to Transact.
type Tx interface {
	// Read asks everything in one go; the answers come in the order of the queries, each ordered by key.
	Read(ctx context.Context, queries ...Query) ([][]Record, error)
	// Write puts and drops records and notes changes, in one go. A put replaces what has the same key. Nothing is read after
	// it: the transaction may end with it.
	Write(ctx context.Context, w Writes) error
	// Twice says that a record to be put once was there already when the transaction ran before.
	Twice() bool
	// Changes lists what changed after a number.
	Changes(ctx context.Context, since uint64, limit int) (Changes, error)
}

// Table says what a Store must know of one kind of records.
type Table struct {
	Name    string
	Secret  bool     // keys are identities: they must not lie in the store in clear
	Columns []Column // by which records are found besides their key
	Once    bool     // a key is put once for ever; a second put makes the transaction start again, see [Tx]
	Sums    []string // amounts in fen that lie beside the value in clear, for reports by SQL
}

// Column is one value by which records are found.
type Column struct {
	Name   string
	Secret bool // an identity; found by equality only
}

// Query asks for records of a table: those whose column (empty: the key) is one of Values, or, without Values, lies from
// From to To, both included.
type Query struct {
	Table    *Table
	Column   string
	Values   []string
	From, To string
	Limit    int  // 0: all
	Unsummed bool // those only whose sums were never written
}

// Record is one entry of a table, in clear. The store seals Value before it leaves the process.
type Record struct {
	Key     string
	Columns []string     // as in the table
	Sums    []settle.Fen // as in the table
	Ends    time.Time    // zero: never; afterwards the record may be dropped
	Value   []byte
}

// Writes is everything that a transaction changes.
type Writes struct {
	Puts    []Put
	Drops   []Drop
	Changes []Change // that readers of the delta must learn of
}

// Put is a record that is new or replaces another.
type Put struct {
	Table *Table
	Record
}

// Drop removes a record.
type Drop struct {
	Table *Table
	Key   string
}

// Change names something that a delta tells of. Kind is a single letter.
type Change struct {
	Kind string
	Key  string
	At   uint64 // its number; 0 in Writes and where it has none yet
}

// Changes are a part of what changed, oldest first.
//
// A number is given after the commit of what it numbers, by a transaction of its own, and those come one after the other
// over all processes. So whoever sees a number sees every smaller one that will ever be: a reader that goes on after the
// last number it saw misses nothing, however transactions interleave. What is committed and has no number yet is in Fresh;
// it will have a number greater than all of Numbered.
type Changes struct {
	Numbered []Change
	More     bool     // there are more numbered ones
	Fresh    []Change // without a number, only where More is false; nil with FreshMore
	// FreshMore: there are more of them than the limit.
	FreshMore bool
	Latest    uint64 // the greatest number that was given
}
