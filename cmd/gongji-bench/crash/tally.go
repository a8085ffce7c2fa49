package crash

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"time"
)

// Tally is what a run did. Its methods may be called from any goroutine.
type Tally struct {
	mu       sync.Mutex
	Kills    map[Moment]int // by when
	TooLate  int            // daemons that had ended before the kill
	Shops    map[string]int // by kind
	Cuts     int            // of the line to the centre before a kill
	Imports  int            // files of accounts, each imported anew after a kill
	UnderWay int            // messages that the centre had not answered when the daemon was killed
	Inline   int            // of the sales, those that the centre settled while the patient waited
	Sales    int            // acknowledged, each once
	Returns  int
	Repeats  int // acknowledged sales and returns that were sent again
	Lost     int // requests without an answer
	Asked    int // of them asked about before they were sent again
	Held     int // acknowledged sales that were read back from a new daemon, however often
	Verified int // times that the files of a killed daemon were verified
	Records  int // chain records walked in that
	Rows     int // rows of the centres' books that were held against the tills
	Refusals map[string]int
	Began    time.Time
}

// NewTally is an empty one.
func NewTally() *Tally {
	return &Tally{Kills: map[Moment]int{}, Shops: map[string]int{}, Refusals: map[string]int{}, Began: time.Now()}
}

func (t *Tally) add(n *int) { t.more(n, 1) }

func (t *Tally) more(n *int, by int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	*n += by
}

func (t *Tally) refused(code string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.Refusals[code]++
}

func (t *Tally) killed(m Moment) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.Kills[m]++
}

func (t *Tally) opened(kind string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.Shops[kind]++
}

// All is how often a daemon was killed.
func (t *Tally) All() (n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, kills := range t.Kills {
		n += kills
	}
	return n
}

// Print writes the tally for a person.
func (t *Tally) Print(w io.Writer) {
	all := t.All()
	t.mu.Lock()
	defer t.mu.Unlock()
	fmt.Fprintf(w, "%d kills in %s:", all, time.Since(t.Began).Round(time.Second))
	for _, m := range slices.Sorted(maps.Keys(t.Kills)) {
		fmt.Fprintf(w, " %s %d", m, t.Kills[m])
	}
	fmt.Fprintf(w, "; %d came too late; %d cuts of the line, %d files imported\n%d messages under way at those kills; shops: %v\n%d sales (%d of them settled by the centre in line), %d returns and %d repetitions acknowledged; %d answers lost, %d of them asked about\n",
		t.TooLate, t.Cuts, t.Imports, t.UnderWay, t.Shops, t.Sales, t.Inline, t.Returns, t.Repeats, t.Lost, t.Asked)
	fmt.Fprintf(w, "%d answers read back from a later daemon, %d verifications over %d records, %d rows of the centre held against the tills\n",
		t.Held, t.Verified, t.Records, t.Rows)
	fmt.Fprintf(w, "refusals that passed: %v\n", t.Refusals)
}
