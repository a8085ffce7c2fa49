package simulate

import (
	"fmt"
	"io"
	"maps"
	"slices"

	"gongji/settle"
)

// Totals are what worlds did, summed.
type Totals struct {
	Worlds      int
	Settlements int            // that a till was told of, each once
	Offline     int            // of them while the centre was not reachable
	Codes       int            // of them by a 医保码
	Plain       int            // of them at a venue without the feed extension
	Returns     int            // reversals and refunds
	Refused     map[string]int // sales by code
	Faults      map[string]int // injected, by kind
	Checked     map[string]int // invariants, how often each was held against the world
	Records     int            // chain records verified
	Short       settle.Fen     // the centre booked less than the shop settled online: two venues at once
	AtRisk      settle.Fen     // the same offline, within what was marked at risk
}

func newTotals() Totals {
	return Totals{Refused: map[string]int{}, Faults: map[string]int{}, Checked: map[string]int{}}
}

// Add adds another world's totals.
func (t *Totals) Add(o *Totals) {
	if t.Faults == nil {
		*t = newTotals()
	}
	t.Worlds, t.Settlements, t.Offline, t.Returns = t.Worlds+o.Worlds, t.Settlements+o.Settlements, t.Offline+o.Offline, t.Returns+o.Returns
	t.Codes, t.Plain = t.Codes+o.Codes, t.Plain+o.Plain
	t.Records, t.Short, t.AtRisk = t.Records+o.Records, t.Short+o.Short, t.AtRisk+o.AtRisk
	for _, pair := range []struct{ into, from map[string]int }{{t.Refused, o.Refused}, {t.Faults, o.Faults}, {t.Checked, o.Checked}} {
		for name, n := range pair.from {
			pair.into[name] += n
		}
	}
}

// Print writes the totals for a reader.
func (t *Totals) Print(out io.Writer) {
	fmt.Fprintf(out, "worlds %d, settlements %d (offline %d, by a code %d, where there is 1101 only %d), returns %d, ledger records verified %d\n", t.Worlds, t.Settlements, t.Offline, t.Codes, t.Plain, t.Returns, t.Records)
	fmt.Fprintf(out, "booked short of the shop, shown as adjusted: offline within what was at risk %s yuan, online by two venues at once %s yuan\n", t.AtRisk, t.Short)
	for _, table := range []struct {
		title string
		rows  map[string]int
	}{{"faults injected", t.Faults}, {"sales refused", t.Refused}, {"invariants checked", t.Checked}} {
		fmt.Fprintf(out, "%s:\n", table.title)
		for _, name := range slices.Sorted(maps.Keys(table.rows)) {
			fmt.Fprintf(out, "  %9d  %s\n", table.rows[name], name)
		}
	}
}
