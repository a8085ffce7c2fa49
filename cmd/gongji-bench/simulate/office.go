package simulate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"gongji/sync/centre"
)

// office is the centre's process on its disk. It is killed and opened again on its journal; what it was asked and had not
// answered by then is never answered.
type office struct {
	world   *world
	dir     string
	options centre.Options
	passing sync.Mutex // the door: messages come in one at a time

	mu      sync.Mutex
	journal *centre.Journal
	centre  *centre.Centre
	handler http.Handler
	runs    int
	shut    time.Time // nobody answers before
}

// open reads the journal and answers from then on.
func (o *office) open() error {
	journal, err := centre.OpenJournal(o.dir)
	if err != nil {
		return err
	}
	options := o.options
	options.Journal = journal
	c, err := centre.New(options)
	if err != nil {
		return errors.Join(err, journal.Close())
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.journal, o.centre, o.handler = journal, c, c.Handler()
	o.runs++
	return nil
}

// now is the centre, and which run of it that is.
func (o *office) now() (*centre.Centre, int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.centre, o.runs
}

// closed reports whether nobody answers.
func (o *office) closed() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return time.Now().Before(o.shut) && !o.world.mended.Load()
}

// holds is everything that a centre must know again.
func (o *office) holds() string {
	c, _ := o.now()
	text, err := json.Marshal([]any{c.Book(), c.Balances(), c.Granted()})
	if err != nil {
		o.world.broken("the centre's book cannot be written down: %v", err)
	}
	return string(text)
}

// restart ends the run and opens the next one on what is on the disk. before is what it must hold then; empty: not known.
func (o *office) restart(fault, before string, down time.Duration) {
	w := o.world
	w.journal.note("centre", "%s, down for %s", w.fault(fault), down)
	o.mu.Lock()
	err := o.journal.Close()
	o.shut = time.Now().Add(down)
	o.mu.Unlock()
	if err = errors.Join(err, o.open()); err != nil {
		w.broken("the centre does not open again: %v", err)
		return
	}
	if before == "" {
		return
	}
	after := o.holds()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.model.must(after == before, ruleReopened, "before: %s\nafter: %s", before, after)
}

// attend kills the centre now and again until the tills have gone home.
func (o *office) attend(over <-chan struct{}) {
	d := throw(o.world.seed, "office")
	for {
		timer := time.NewTimer(d.between(o.world.span(3*time.Minute), o.world.centreRuns()))
		select {
		case <-over:
			timer.Stop()
			return
		case <-timer.C:
			o.passing.Lock()
			o.restart(faultCentre, o.holds(), o.away(d))
			o.passing.Unlock()
		}
	}
}

// away is how long it takes until somebody has started the centre again.
func (o *office) away(d dice) time.Duration {
	return d.between(time.Second, o.world.span(4*time.Minute))
}

// accident is how the centre dies of a message, if it does.
type accident struct {
	kind   string // empty: it lives
	dice   dice
	before string // what it held
	size   int64  // of the journal
}

// draw decides whether a message is the centre's last. At this instant it is the only one.
func (o *office) draw(venue, infno string) (a accident) {
	w := o.world
	if w.mended.Load() || !w.has(KindRestarts) {
		return a
	}
	a.dice = throw(w.seed, "accident", venue, infno, strconv.FormatInt(time.Now().UnixNano(), 10))
	if a.dice.IntN(1000) >= w.tornIn1000() {
		return a
	}
	a.kind, a.before = one(a.dice, []string{faultCentreAfter, faultCentreTorn}), o.holds()
	info, err := os.Stat(o.file())
	if err != nil {
		w.broken("the centre's journal: %v", err)
		return accident{}
	}
	a.size = info.Size()
	return a
}

func (o *office) file() string { return filepath.Join(o.dir, "centre.jsonl") }

// befall lets the centre die of a message that it has done: all of it is in the journal, or the last line of it is torn. died
// is false where it lives on.
func (o *office) befall(a accident) (died bool) {
	switch a.kind {
	case faultCentreAfter:
		o.restart(a.kind, o.holds(), o.away(a.dice))
		return true
	case faultCentreTorn:
		data, err := os.ReadFile(o.file())
		if err != nil {
			o.world.broken("the centre's journal: %v", err)
			return false
		}
		lines := data[a.size:]
		if len(lines) == 0 { // it writes nothing
			return false
		}
		last := bytes.LastIndexByte(lines[:len(lines)-1], '\n') + 1
		if last > 0 {
			a.before = "" // a line before it is there
		}
		cut := a.size + int64(last) + int64(len(lines)-last)/2
		if err := os.Truncate(o.file(), cut); err != nil {
			o.world.broken("the centre's journal: %v", err)
		}
		o.restart(a.kind, a.before, o.away(a.dice))
		return true
	}
	return false
}

// undid reports whether the book says that a message is undone.
func (o *office) undid(msgid string) bool {
	c, _ := o.now()
	for _, row := range c.Book() {
		if row.MsgID == msgid && row.Undone {
			return true
		}
	}
	return false
}

// close ends the last run.
func (o *office) close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.journal == nil {
		return nil
	}
	if err := o.journal.Close(); err != nil {
		return fmt.Errorf("the centre's journal: %w", err)
	}
	return nil
}
