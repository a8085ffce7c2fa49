package ledger

import (
	"context"
	"errors"
	"time"

	"gongji/settle"
)

// moving is a large snapshot that counts, while its rows move from where they were gathered into their tables. Whoever is
// asked for before their rows have been moved is moved at that moment, with everybody whose money stands behind them, so
// nobody ever sees half of it: see tx.catchUp.
type moving struct {
	id         string
	generation int64
	centre     int64
	whole      bool
	facts      int
	moved      int // by the mover; what others moved on demand is counted when the mover misses it
	progress   func(settle.SnapshotProgress)
	done       chan struct{}
}

// mover applies staged facts under the centre time and generation of their snapshot.
func (t *tx) mover(m *moving) *applying {
	return &applying{
		tx: t, snapshot: &settle.Snapshot{ID: m.id, CentreTime: instant(m.centre), Full: m.whole}, centre: m.centre, generation: m.generation,
		people: map[string]int64{}, through: map[string]int64{}, moving: m,
	}
}

// resumeBulk goes on where the last process stopped: a snapshot that counts is moved to its end, one that does not is
// forgotten. Opening does not wait for either.
func (l *Ledger) resumeBulk(ctx context.Context) error {
	m := &moving{progress: func(settle.SnapshotProgress) {}, done: make(chan struct{})}
	var switched bool
	err := l.read(ctx, func(t *tx) error {
		return t.get("SELECT id, generation, centre, whole, switched, facts FROM staging", nil, &m.id, &m.generation, &m.centre, &m.whole, &switched, &m.facts)
	})
	if errors.Is(err, errNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	l.bulk.gate <- struct{}{}
	if switched {
		l.bulk.moving.Store(m)
		l.bulk.movers.Go(func() { l.move(m) })
		return nil
	}
	l.bulk.movers.Go(func() {
		defer l.bulk.release()
		if err := l.clearStaging(l.bulk.ctx); err != nil && l.bulk.ctx.Err() == nil {
			l.log.Error("a large snapshot that was cut short could not be forgotten", "error", err.Error())
		}
	})
	return nil
}

// retryMove is how long a mover waits after a fault of the store.
const retryMove = 5 * time.Second

// move moves everything, and ends what a full snapshot did not name. It gives up only when the ledger closes; the next
// process goes on.
func (l *Ledger) move(m *moving) {
	defer l.bulk.release()
	for {
		err := l.moveAll(m)
		if err == nil {
			close(m.done)
			l.log.Info("a large snapshot is in its place", "facts", m.facts)
			return
		}
		if l.bulk.ctx.Err() == nil {
			l.log.Error("a large snapshot could not be moved on; it is tried again", "error", err.Error())
		}
		select {
		case <-l.bulk.ctx.Done():
			return
		case <-time.After(retryMove):
		}
	}
}

func (l *Ledger) moveAll(m *moving) error {
	slices := 0
	for {
		n := 0
		err := l.writeSlice(l.bulk.ctx, func(t *tx) (err error) {
			n, err = t.moveSlice(m)
			return err
		})
		if err != nil {
			return err
		}
		if n == 0 {
			break
		}
		m.moved = min(m.moved+n, m.facts)
		l.tell(m, settle.SnapshotProgress{Phase: settle.PhaseMoving, Done: m.moved, Total: m.facts})
		l.metrics.countMoved(m.moved)
		l.sliceDone(&slices)
	}
	l.tell(m, settle.SnapshotProgress{Phase: settle.PhaseEnding, Done: m.facts, Total: m.facts})
	if err := l.endSlices(m, &slices); err != nil {
		return err
	}
	err := l.writeSlice(l.bulk.ctx, func(t *tx) error {
		t.batch.after = append(t.batch.after, func() { l.bulk.moving.Store(nil) })
		a := t.mover(m)
		return errors.Join(a.toldEnds(), a.answerRequests())
	})
	if err != nil {
		return err
	}
	return l.clearStaging(l.bulk.ctx)
}

func (l *Ledger) tell(m *moving, p settle.SnapshotProgress) {
	l.bulk.note(p)
	m.progress(p)
}

// stagedFact is a fact as it was staged.
type stagedFact struct {
	id   int64
	kind int
	doc  []byte
}

const stagedColumns = "SELECT id, kind, doc FROM staged WHERE "

func (t *tx) stagedFacts(query string, args ...any) (list []stagedFact, err error) {
	err = t.each(stagedColumns+query, args, func(scan func(dest ...any) error) error {
		var f stagedFact
		err := scan(&f.id, &f.kind, &f.doc)
		list = append(list, f)
		return err
	})
	return list, err
}

// moveSlice moves what comes first, until the slice's time is over, and says how much.
func (t *tx) moveSlice(m *moving) (int, error) {
	began := time.Now()
	facts, err := t.stagedFacts("1 ORDER BY id LIMIT ?", sliceRows/4)
	if err != nil {
		return 0, err
	}
	a := t.mover(m)
	for i := range facts {
		if i%4 == 3 && t.sliceOver(began) {
			facts = facts[:i]
			break
		}
		if err := a.moveFact(&facts[i]); err != nil {
			return 0, err
		}
	}
	return len(facts), a.finish()
}

// finish ends, as the policy says, bindings of people whom the moved facts have changed. Everything that the snapshot says of
// them comes first.
func (a *applying) finish() error {
	done := map[int64]bool{}
	for len(done) < len(a.changed) {
		for key := range a.changed {
			if done[key] {
				continue
			}
			done[key] = true
			var pid []byte
			if err := a.get("SELECT pid FROM person WHERE id = ?", []any{key}, &pid); err != nil {
				return err
			}
			if err := errors.Join(a.moveMember(pid), a.endMember(pid)); err != nil {
				return err
			}
		}
	}
	return a.endBindings()
}

// moveAlone moves what is staged of a person themselves, for a newer snapshot that names them.
func (a *applying) moveAlone(pid []byte) error { return errors.Join(a.pull(pid), a.finish()) }

// moveFact takes a fact out of the staging and applies it, unless it has been taken meanwhile.
func (a *applying) moveFact(f *stagedFact) error {
	result, err := a.exec("DELETE FROM staged WHERE id = ?", f.id)
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); n == 0 || err != nil {
		return err
	}
	open := func(into any) error { return a.vault().unsealJSON(kindStaged, f.doc, into) }
	switch f.kind {
	case stagedPerson:
		var p settle.SnapshotPerson
		return errors.Join(open(&p), a.takePerson(&p))
	case stagedAccount:
		var account settle.SnapshotAccount
		err = open(&account)
		if err == nil {
			err = a.takeAccount(0, &account)
		}
	case stagedUsage:
		var usage settle.SnapshotUsage
		err = open(&usage)
		if err == nil {
			err = a.takeUsage(0, &usage)
		}
	case stagedBinding:
		var binding settle.SnapshotBinding
		err = open(&binding)
		if err == nil {
			err = a.takeBinding(0, &binding)
		}
	}
	return errors.Join(err, a.faults.err())
}

// pull moves what is staged of a person themselves: who they are, their account, their usage.
func (a *applying) pull(pid []byte) error {
	facts, err := a.stagedFacts("pid = ? AND kind < ? ORDER BY kind, id", pid, stagedBinding)
	if err != nil {
		return err
	}
	for i := range facts {
		if err := a.moveFact(&facts[i]); err != nil {
			return err
		}
	}
	return nil
}

// behindError says that a read met somebody whose rows have not been moved yet.
type behindError struct{ pid []byte }

func (*behindError) Error() string { return "a person of a large snapshot has not been moved yet" }

// catchUp brings a person's facts up to a large snapshot that counts already and is still being moved: everything of the
// person's own, and everything of those who give to them. A read cannot write: its error makes [Ledger.read] write first
// and read again. Where no large snapshot is under way this is one look at a pointer.
func (t *tx) catchUp(pid []byte) error {
	m := t.ledger.bulk.moving.Load()
	if m == nil {
		return nil
	}
	family, err := t.familyOf(pid)
	if err != nil {
		return err
	}
	behind := false
	for _, member := range family {
		if behind, err = t.isBehind(m, member); behind || err != nil {
			break
		}
	}
	switch {
	case err != nil || !behind:
		return err
	case t.batch == nil:
		return &behindError{pid}
	}
	return t.moveFamily(m, pid)
}

// familyOf is a person and those who give to them, as far as the tables know.
func (t *tx) familyOf(pid []byte) ([][]byte, error) {
	family := [][]byte{pid}
	err := t.each(`SELECT DISTINCT g.pid FROM person p JOIN binding b ON b.beneficiary = p.id AND b.active = 1 JOIN person g ON g.id = b.giver
		WHERE p.pid = ?`, []any{pid}, func(scan func(dest ...any) error) error {
		var giver []byte
		err := scan(&giver)
		family = append(family, giver)
		return err
	})
	return family, err
}

// isBehind: something of the person is staged, or should have been ended.
func (t *tx) isBehind(m *moving, pid []byte) (behind bool, err error) {
	err = t.get("SELECT EXISTS (SELECT 1 FROM staged WHERE pid = ?1) OR EXISTS (SELECT 1 FROM staged WHERE giver = ?1)", []any{pid}, &behind)
	if err != nil || behind || !m.whole {
		return behind, err
	}
	err = t.get(`SELECT EXISTS (SELECT 1 FROM person p WHERE p.pid = ?1 AND p.gone = 0 AND p.generation <> ?2 AND p.as_of <= ?3)
		OR EXISTS (SELECT 1 FROM person p JOIN account a ON a.person = p.id WHERE p.pid = ?1 AND a.gone = 0 AND a.generation <> ?2 AND a.as_of <= ?3)
		OR EXISTS (SELECT 1 FROM person p JOIN binding b ON b.beneficiary = p.id WHERE p.pid = ?1 AND b.active = 1 AND b.generation <> ?2 AND b.as_of <= ?3)
		OR EXISTS (SELECT 1 FROM person p JOIN binding b ON b.giver = p.id WHERE p.pid = ?1 AND b.active = 1 AND b.generation <> ?2 AND b.as_of <= ?3)`,
		[]any{pid, m.generation, m.centre}, &behind)
	return behind, err
}

// moveFamily moves a person, those who give to them and the bindings of all of these, and ends what a full snapshot did not
// name of them.
func (t *tx) moveFamily(m *moving, pid []byte) error {
	a := t.mover(m)
	if err := a.moveMember(pid); err != nil {
		return err
	}
	family, err := t.familyOf(pid)
	if err != nil {
		return err
	}
	for _, member := range family {
		if err := errors.Join(a.moveMember(member), a.endMember(member)); err != nil {
			return err
		}
	}
	return a.finish()
}

func (a *applying) moveMember(pid []byte) error {
	if err := a.pull(pid); err != nil {
		return err
	}
	taken, err := a.stagedFacts("pid = ? ORDER BY id", pid)
	if err != nil {
		return err
	}
	given, err := a.stagedFacts("giver = ? ORDER BY id", pid)
	if err != nil {
		return err
	}
	for _, facts := range [][]stagedFact{taken, given} {
		for i := range facts {
			if err := a.moveFact(&facts[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a *applying) endMember(pid []byte) error {
	if !a.moving.whole {
		return nil
	}
	var key int64
	err := a.get("SELECT id FROM person WHERE pid = ?", []any{pid}, &key)
	if errors.Is(err, errNoRows) {
		return nil
	}
	return errors.Join(err,
		a.run("UPDATE person SET gone = 1 WHERE id = ? AND generation <> ? AND as_of <= ?", key, a.generation, a.centre),
		a.run("UPDATE account SET gone = 1 WHERE person = ? AND generation <> ? AND as_of <= ?", key, a.generation, a.centre),
		a.run("UPDATE binding SET active = 0 WHERE beneficiary = ? AND active = 1 AND generation <> ? AND as_of <= ?", key, a.generation, a.centre),
		a.run("UPDATE binding SET active = 0 WHERE giver = ? AND active = 1 AND generation <> ? AND as_of <= ?", key, a.generation, a.centre),
	)
}

// endingRows is how many rows one transaction looks at for what was not named.
const endingRows = 2000

// endSlices ends what a full snapshot did not name, a stretch of each table at a time.
func (l *Ledger) endSlices(m *moving, slices *int) error {
	if !m.whole {
		return nil
	}
	for _, table := range []struct{ bound, update string }{
		{"SELECT MAX(id) FROM (SELECT id FROM person WHERE id > ? ORDER BY id LIMIT ?)",
			"UPDATE person SET gone = 1 WHERE id > ? AND id <= ? AND gone = 0 AND generation <> ? AND as_of <= ?"},
		{"SELECT MAX(person) FROM (SELECT person FROM account WHERE person > ? ORDER BY person LIMIT ?)",
			"UPDATE account SET gone = 1 WHERE person > ? AND person <= ? AND gone = 0 AND generation <> ? AND as_of <= ?"},
		{"SELECT MAX(ref) FROM (SELECT ref FROM binding WHERE ref > ? ORDER BY ref LIMIT ?)",
			"UPDATE binding SET active = 0 WHERE ref > ? AND ref <= ? AND active = 1 AND generation <> ? AND as_of <= ?"},
	} {
		var from any = 0
		if table.bound[11] == 'r' { // of texts, the empty one comes first
			from = ""
		}
		for from != nil {
			err := l.writeSlice(l.bulk.ctx, func(t *tx) error {
				var to any
				if err := t.get(table.bound, []any{from, endingRows}, &to); err != nil || to == nil {
					from = nil
					return err
				}
				err := t.run(table.update, from, to, m.generation, m.centre)
				from = to
				return err
			})
			if err != nil {
				return err
			}
			l.sliceDone(slices)
		}
	}
	return nil
}

// pidsOf are those whom a card or an identity number names in what is staged.
func (t *tx) pidsOf(hash []byte) (pids [][]byte, err error) {
	if t.ledger.bulk.moving.Load() == nil {
		return nil, nil
	}
	err = t.each("SELECT pid FROM staged_key WHERE hash = ?", []any{hash}, func(scan func(dest ...any) error) error {
		var pid []byte
		err := scan(&pid)
		pids = append(pids, pid)
		return err
	})
	return pids, err
}

// catchUpKey is catchUp for whoever a card or an identity number names, in what is staged and in the tables.
func (t *tx) catchUpKey(hash []byte, owner string) error {
	if t.ledger.bulk.moving.Load() == nil {
		return nil
	}
	pids, err := t.pidsOf(hash)
	if err != nil {
		return err
	}
	err = t.each(owner, []any{hash}, func(scan func(dest ...any) error) error {
		var pid []byte
		err := scan(&pid)
		pids = append(pids, pid)
		return err
	})
	if err != nil {
		return err
	}
	for _, pid := range pids {
		if err := t.catchUp(pid); err != nil {
			return err
		}
	}
	return nil
}

// quiet waits until no large snapshot is under way.
func (l *Ledger) quiet(ctx context.Context) error {
	select {
	case l.bulk.gate <- struct{}{}:
		<-l.bulk.gate
		return nil
	case <-ctx.Done():
		return storeError(ctx.Err())
	case <-l.bulk.ctx.Done():
		return storeError(errClosed)
	}
}
