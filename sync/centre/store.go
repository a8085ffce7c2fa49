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
}

const (
	entrySeed = "seed"
	entryBook = "book"
	entryUndo = "undo"

	entryRequest = "request"
	entryPremium = "premium"
	entryVisit   = "visit" // a visit as it stands now
	entryNotes   = "notes" // what is noted without money: trace codes, item codes, claims
)

// record writes an entry to the journal and then does it. After a journal that cannot be written nothing more is
// booked: the line may be on disk or not, and only a restart can tell.
func (c *Centre) record(e entry) error {
	if c.broken != nil {
		return c.broken
	}
	if c.phantom {
		return nil
	}
	if c.options.Journal != nil {
		if err := c.options.Journal.append(e); err != nil {
			c.broken = fmt.Errorf("the journal could not be written; restart after clearing the cause: %w", err)
			return c.broken
		}
	}
	return c.apply(e)
}

// apply does an entry, now or in a replay.
func (c *Centre) apply(e entry) error {
	switch e.Kind {
	case entrySeed:
		snapshot, err := feed.DecodeSnapshot(e.Seed)
		if err != nil {
			return err
		}
		if err := c.complete(&snapshot); err != nil {
			return err
		}
		c.seed(snapshot)
		return nil
	case entryBook:
		if e.Row == nil {
			return errors.New("a booking without a row")
		}
		return c.book(e.Row)
	case entryUndo:
		return c.undo(e.MsgID, e.By)
	case entryRequest:
		if e.Request == nil {
			return errors.New("a request without content")
		}
		return c.takeRequest(e.Request)
	case entryPremium:
		if e.Premium == nil {
			return errors.New("a premium without content")
		}
		return c.takePremium(e.Premium)
	case entryVisit:
		if e.Visit == nil {
			return errors.New("a visit without content")
		}
		c.used[e.MsgID] = true
		c.visits[e.Visit.MdtrtID] = e.Visit
		c.serial = max(c.serial, serialOf(e.Visit.MdtrtID))
		return nil
	case entryNotes:
		if e.Notes == nil {
			return errors.New("notes without content")
		}
		c.used[e.MsgID] = true
		c.note(e.Notes)
		return nil
	}
	return fmt.Errorf("entry of unknown kind %q", e.Kind)
}

// Journal is the centre's memory on disk: sealed JSON lines that are only ever appended, each flushed to the disk before
// the message is answered. Its key lies in the folder's keys/centre.key. It serves a sandbox and a small chain; it is
// read whole at the start.
type Journal struct {
	file   *os.File
	lock   *os.File
	sealer *sealer
	lines  int // that are in the file
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
			return &Journal{file: file, lock: lock, sealer: s}, nil
		}
		if first := make([]byte, 1); info.Size() > 0 {
			if _, readErr := file.ReadAt(first, 0); readErr == nil && first[0] == '{' {
				err = fmt.Errorf("journal %s %w", file.Name(), errClear)
			}
		}
	}
	return nil, errors.Join(err, file.Close(), lock.Close())
}

// Close ends the journal; every entry is on disk already.
func (j *Journal) Close() error { return errors.Join(j.file.Close(), j.lock.Close()) }

func (j *Journal) append(e entry) error {
	clear, err := json.Marshal(e)
	if err != nil {
		return err
	}
	line, err := j.sealer.seal(j.lines+1, clear)
	if err != nil {
		return err
	}
	if _, err := j.file.Write(append(line, '\n')); err != nil {
		return err
	}
	j.lines++
	return j.file.Sync()
}

// replay does all entries again. A last line without its end was never answered and is cut off; any other damage is an
// error that names the line.
func (j *Journal) replay(c *Centre) error {
	if _, err := j.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	reader := bufio.NewReader(j.file)
	var whole int64
	for number := 1; ; number++ {
		line, err := reader.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			if len(line) > 0 {
				c.options.Logger.Warn("the journal's last line is torn and was never answered; it is cut off", "line", number)
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
		if err := json.Unmarshal(clear, &e); err != nil {
			return fmt.Errorf("journal line %d is damaged", number)
		}
		if err := c.apply(e); err != nil {
			return fmt.Errorf("journal line %d: %w", number, err)
		}
		whole += int64(len(line))
		j.lines = number
	}
	if err := j.file.Truncate(whole); err != nil {
		return err
	}
	_, err := j.file.Seek(whole, io.SeekStart)
	return err
}
