package simulate

import (
	"context"
	"errors"
	"strconv"
	"time"

	"gongji/settle"
	"gongji/settle/ledger"
	"gongji/sync/feed"
	"gongji/sync/outbox"
)

// torn is the ledger as outbox and feed see it, with a daemon that may die right before or after each write. It notes what
// the venue hears of the accounts.
type torn struct {
	*ledger.Ledger
	venue  *venue
	daemon *daemon
}

var (
	_ outbox.Store = (*torn)(nil)
	_ feed.Store   = (*torn)(nil)
)

var errKilled = errors.New("simulated: the daemon was killed here")

// survive is an error where the daemon dies at this place. The goroutine gets no further before the run is over.
func (s *torn) survive(place string) error {
	w := s.venue.world
	w.sway()
	if s.daemon.gone() {
		return errKilled
	}
	if w.mended.Load() || throw(w.seed, "torn", s.venue.code, place, strconv.FormatInt(time.Now().UnixNano(), 10)).IntN(1000) >= w.tornIn1000() {
		return nil
	}
	s.venue.tear(place)
	<-s.daemon.dead
	return errKilled
}

// tear asks for the daemon to be killed. Who else gets no further at this instant is named or not by no order of theirs.
func (v *venue) tear(place string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.torn == "" || place < v.torn {
		v.torn = place
	}
	select {
	case v.killed <- struct{}{}:
	default:
	}
}

// BeginDispatch writes the message to the journal, or dies before or after.
func (s *torn) BeginDispatch(ctx context.Context, d settle.Dispatch) error {
	if err := s.survive("before " + d.Infno + " is in the journal"); err != nil {
		return err
	}
	if err := s.Ledger.BeginDispatch(ctx, d); err != nil {
		return err
	}
	s.venue.world.asks(d.Infno, d.Body) // a shop that dies here cannot know that it has not left
	return s.survive("after " + d.Infno + " is in the journal")
}

// FinishDispatch writes the outcome, or dies before or after.
func (s *torn) FinishDispatch(ctx context.Context, r settle.DispatchResult) error {
	if err := s.survive("before an outcome is written"); err != nil {
		return err
	}
	if err := s.Ledger.FinishDispatch(ctx, r); err != nil {
		return err
	}
	return s.survive("after an outcome is written")
}

// ApplySnapshot applies what the centre says, or dies before or after.
func (s *torn) ApplySnapshot(ctx context.Context, snapshot settle.Snapshot) error {
	if err := s.survive("before a snapshot is applied"); err != nil {
		return err
	}
	if err := s.Ledger.ApplySnapshot(ctx, snapshot); err != nil {
		return err
	}
	s.venue.hear(&snapshot)
	return s.survive("after a snapshot is applied")
}

// stage is a large snapshot on its way in.
type stage struct {
	settle.SnapshotStage
	of    *torn
	whole settle.Snapshot
}

var _ feed.BulkStore = (*torn)(nil)

// StageSnapshot begins a large snapshot.
func (s *torn) StageSnapshot(ctx context.Context, centre time.Time, full, once bool) (settle.SnapshotStage, error) {
	under, err := s.Ledger.StageSnapshot(ctx, centre, full, once)
	return &stage{under, s, settle.Snapshot{CentreTime: centre}}, err
}

// Add stages a part.
func (s *stage) Add(ctx context.Context, part settle.Snapshot) error {
	s.whole.People = append(s.whole.People, part.People...)
	s.whole.Accounts = append(s.whole.Accounts, part.Accounts...)
	return s.SnapshotStage.Add(ctx, part)
}

// Apply makes the whole count, or dies before or after.
func (s *stage) Apply(ctx context.Context, id, cursor string, progress func(settle.SnapshotProgress)) error {
	if err := s.of.survive("before a large snapshot counts"); err != nil {
		return err
	}
	if err := s.SnapshotStage.Apply(ctx, id, cursor, progress); err != nil {
		return err
	}
	s.of.venue.hear(&s.whole)
	return s.of.survive("after a large snapshot counts")
}

// hear notes what the venue knows of the accounts now.
func (v *venue) hear(s *settle.Snapshot) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.heedList(s.People)
	for i := range s.Accounts {
		a := &s.Accounts[i]
		at := s.CentreTime
		if through, told := a.ContainsThrough[v.code]; told {
			at = through
		}
		if before := v.heard[a.PsnNo]; !s.CentreTime.Before(before.told) {
			v.note("hears of %s: %s, held %s, allowance %s", a.PsnNo[16:], a.Balance, a.Frozen+a.ReservedElsewhere, a.Allowance)
			held := fen(a.Frozen + a.ReservedElsewhere)
			if s.OwnOnly && !a.HoldsTold { // what the feed has said stands
				held = before.held
			}
			v.heard[a.PsnNo] = word{s.CentreTime, at, fen(a.Balance + a.Current + a.Prior), held}
		}
	}
}
