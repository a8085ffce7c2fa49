package centre

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"gongji/settle/canon"
	"gongji/sync/feed"
)

// entry is one line of the journal: people that were loaded, a row that was booked, or a row that was undone. The
// centre's state is nothing but these, one after the other.
type entry struct {
	Kind  string          `json:"kind"`
	Seed  json.RawMessage `json:"seed,omitempty"`
	Row   *Row            `json:"row,omitempty"`
	MsgID string          `json:"msgid,omitempty"`
	By    string          `json:"by,omitempty"`

	Request *request `json:"request,omitempty"`
	Premium *premium `json:"premium,omitempty"`
	Visit   *visit   `json:"visit,omitempty"`
	Notes   *notes   `json:"notes,omitempty"`

	Grants   []grant   `json:"grants,omitempty"` // of a booking: what its row, a cancellation, leaves kept for its venue
	Releases []release `json:"releases,omitempty"`
}

const (
	entrySeed = "seed"
	entryBook = "book"
	entryUndo = "undo"

	entryRequest = "request"
	entryPremium = "premium"
	entryVisit   = "visit"   // a visit as it stands now
	entryGrant   = "grant"   // allowances that were granted
	entryRelease = "release" // allowances that were returned, or are over
	entryNotes   = "notes"   // what is noted without money: trace codes, item codes, claims
)

// record adds an entry to the journal and then does it; it counts once it is on disk, see [Centre.within]. After a journal
// that cannot be written nothing more is booked: the line may be on disk or not, and only a restart can tell.
func (w *work) record(e entry) error {
	if w.broken != nil {
		return w.broken
	}
	if w.phantom {
		return nil
	}
	if w.journal != nil {
		if err := w.journal.append(e); err != nil {
			w.broken = fmt.Errorf("the journal could not be written; restart after clearing the cause: %w", err)
			return w.broken
		}
	}
	return w.apply(e)
}

// apply does an entry, now or in a replay.
func (w *work) apply(e entry) error {
	switch e.Kind {
	case entrySeed:
		snapshot, err := feed.DecodeSnapshot(e.Seed)
		if err != nil {
			return err
		}
		if err := w.complete(&snapshot); err != nil {
			return err
		}
		w.seed(snapshot)
		return nil
	case entryBook:
		if e.Row == nil {
			return errors.New("a booking without a row")
		}
		if err := w.book(e.Row); err != nil {
			return err
		}
		w.takeGrants(e.Grants)
		return nil
	case entryUndo:
		return w.undo(e.MsgID, e.By)
	case entryRequest:
		if e.Request == nil {
			return errors.New("a request without content")
		}
		return w.takeRequest(e.Request)
	case entryPremium:
		if e.Premium == nil {
			return errors.New("a premium without content")
		}
		return w.takePremium(e.Premium)
	case entryVisit:
		if e.Visit == nil {
			return errors.New("a visit without content")
		}
		w.used.put(e.MsgID, true)
		w.visits.put(e.Visit.MdtrtID, e.Visit)
		w.serial = max(w.serial, serialOf(e.Visit.MdtrtID))
		return nil
	case entryGrant:
		w.takeGrants(e.Grants)
		return nil
	case entryRelease:
		w.takeReleases(e.Releases)
		return nil
	case entryNotes:
		if e.Notes == nil {
			return errors.New("notes without content")
		}
		w.used.put(e.MsgID, true)
		w.note(e.Notes)
		return nil
	}
	return fmt.Errorf("entry of unknown kind %q", e.Kind)
}

// Journal is the centre's memory on disk: sealed JSON lines that are only ever appended, each flushed to the disk before
// the message is answered. Messages that are decided while the disk is busy go to it together: whoever waits first writes
// for all. Its key lies in the folder's keys/centre.key. It serves a sandbox and a small chain; it is read whole at the start.
type Journal struct {
	file   *os.File
	lock   *os.File
	sealer *sealer

	mu      sync.Mutex
	written sync.Cond // on mu: a group has reached the disk, or could not
	pending []byte    // sealed lines that nobody has begun to write
	spare   []byte    // the last group's memory
	lines   int       // that are in the file or pending
	durable int       // of them: on disk for certain
	writing bool
	fault   error // of a group: nothing more is written
}

// OpenJournal opens or makes the journal in a folder, readable by its owner only. A second centre on the same folder is
// refused, and so is a journal in clear, as older versions wrote it.
func OpenJournal(dir string) (*Journal, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	lock, err := lockFile(filepath.Join(dir, "centre.lock"))
	if err != nil {
		return nil, err
	}
	file, err := os.OpenFile(filepath.Join(dir, "centre.jsonl"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("journal: %w", err), lock.Close())
	}
	info, err := file.Stat()
	if err == nil {
		var s *sealer
		if s, err = openSealer(dir, info.Size() == 0); err == nil {
			j := &Journal{file: file, lock: lock, sealer: s}
			j.written.L = &j.mu
			return j, nil
		}
		if first := make([]byte, 1); info.Size() > 0 {
			if _, readErr := file.ReadAt(first, 0); readErr == nil && first[0] == '{' {
				err = fmt.Errorf("journal %s %w", file.Name(), errClear)
			}
		}
	}
	return nil, errors.Join(err, file.Close(), lock.Close())
}

// Close ends the journal; every entry that was answered is on disk already.
func (j *Journal) Close() error { return errors.Join(j.file.Close(), j.lock.Close()) }

// append adds an entry in memory.
func (j *Journal) append(e entry) error {
	clear, err := canon.Append(nil, &e)
	if err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.fault != nil {
		return j.fault
	}
	line, err := j.sealer.seal(j.lines+1, clear)
	if err != nil {
		return err
	}
	j.pending = append(append(j.pending, line...), '\n')
	j.lines++
	return nil
}

// broken is why nothing more is written; nil where all is well.
func (j *Journal) broken() error {
	if j == nil {
		return nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.fault
}

// end is the last line so far, on disk or not; 0 for no journal.
func (j *Journal) end() int {
	if j == nil {
		return 0
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.lines
}

// flush returns once everything up to a line is on disk. The error is sticky: some of it may be there or not.
func (j *Journal) flush(line int) error {
	if j == nil {
		return nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	for j.durable < line && j.fault == nil {
		if j.writing {
			j.written.Wait()
			continue
		}
		j.writeGroup()
	}
	if j.durable < line {
		return fmt.Errorf("the journal could not be written; restart after clearing the cause: %w", j.fault)
	}
	return nil
}

// groupKept is how much memory of a group is kept for the next, in bytes; a seed may be large.
const groupKept = 1 << 20

// writeGroup writes what is pending, for everybody who waits. It is called with mu held and gives it up meanwhile.
func (j *Journal) writeGroup() {
	group, upTo := j.pending, j.lines
	j.pending, j.writing = j.spare[:0], true
	j.mu.Unlock()
	_, err := j.file.Write(group)
	if err == nil {
		err = j.file.Sync()
	}
	j.mu.Lock()
	if j.writing = false; cap(group) <= groupKept {
		j.spare = group
	}
	if j.fault = err; err == nil {
		j.durable = upTo
	}
	j.written.Broadcast()
}

// replay does all entries again. A last line without its end was never answered and is cut off; any other damage is an
// error that names the line.
func (j *Journal) replay(w *work) error {
	if _, err := j.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	reader := bufio.NewReader(j.file)
	var whole int64
	for number := 1; ; number++ {
		line, err := reader.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			if len(line) > 0 {
				w.options.Logger.Warn("the journal's last line is torn and was never answered; it is cut off", "line", number)
			}
			break
		}
		if err != nil {
			return fmt.Errorf("journal line %d: %w", number, err)
		}
		clear, err := j.sealer.open(number, bytes.TrimSpace(line))
		if err != nil {
			return fmt.Errorf("journal line %d %w", number, err)
		}
		var e entry
		if err := canon.Read(clear, &e); err != nil {
			return fmt.Errorf("journal line %d is damaged", number)
		}
		if err := w.apply(e); err != nil {
			return fmt.Errorf("journal line %d: %w", number, err)
		}
		whole += int64(len(line))
		j.lines, j.durable = number, number
	}
	if err := j.file.Truncate(whole); err != nil {
		return err
	}
	_, err := j.file.Seek(whole, io.SeekStart)
	return err
}
