package ledger

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"gongji/settle"
)

const (
	// smallSnapshot is how many facts are applied in one transaction: a family always, a page of the feed often. It takes
	// some ten milliseconds, during which the tills wait.
	smallSnapshot = 256
	// sliceTime is how long a transaction of a large snapshot works while no till waits, and sliceShort where one does: some
	// progress must be made in a shop that never rests.
	sliceTime  = 50 * time.Millisecond
	sliceShort = 3 * time.Millisecond
	// sliceRows bounds a slice where no time passes, as under a test's clock.
	sliceRows = 2000
	// sliceCheckpoint is how many slices are written between two checkpoints. Without them the log would grow by the size of
	// the snapshot.
	sliceCheckpoint = 16
	// endingPerSwitch bounds what a large snapshot may end by name, since that is done in the transaction of the switch.
	endingPerSwitch = 100_000
)

// The kinds of staged facts, in the order in which they must be moved.
const (
	stagedPerson = iota + 1
	stagedAccount
	stagedUsage
	stagedBinding
)

const kindStaged = "staged" // seal

// bulk is what the ledger knows of the one large snapshot that may be under way.
type bulk struct {
	gate   chan struct{} // full while one is under way, from its first row to its last
	moving atomic.Pointer[moving]
	ctx    context.Context // ends with the ledger
	stop   context.CancelFunc
	movers sync.WaitGroup

	mu       sync.Mutex
	progress settle.SnapshotProgress
}

func newBulk() *bulk {
	b := &bulk{gate: make(chan struct{}, 1)}
	b.ctx, b.stop = context.WithCancel(context.Background())
	return b
}

func (b *bulk) release() {
	b.note(settle.SnapshotProgress{})
	<-b.gate
}

func (b *bulk) note(p settle.SnapshotProgress) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.progress = p
}

// LargeSnapshot says how far a large snapshot has come; ok is false where none is under way. Settlements go on beside it.
func (l *Ledger) LargeSnapshot() (progress settle.SnapshotProgress, ok bool) {
	l.bulk.mu.Lock()
	defer l.bulk.mu.Unlock()
	return l.bulk.progress, l.bulk.progress.Phase != ""
}

// stage is a large snapshot that is being gathered.
type stage struct {
	l          *Ledger
	centre     time.Time
	whole      bool
	once       bool
	generation int64
	counts     [stagedBinding + 1]int
	facts      int
	slices     int
	switched   time.Duration   // how long the switch took
	ended      settle.Snapshot // its two lists
	over       bool
}

// StageSnapshot begins a snapshot that is too large for one transaction, of a centre time, full or not. Where once is set,
// a fact that is named twice refuses it. While another one is under way, it waits.
func (l *Ledger) StageSnapshot(ctx context.Context, centre time.Time, full, once bool) (settle.SnapshotStage, error) {
	if centre.IsZero() {
		return nil, badField("centre_time", "缺失或不合法。", "is missing or not possible")
	}
	select {
	case l.bulk.gate <- struct{}{}:
	case <-ctx.Done():
		return nil, storeError(ctx.Err())
	case <-l.bulk.ctx.Done():
		return nil, storeError(errClosed)
	}
	s := &stage{l: l, centre: centre, whole: full, once: once}
	err := l.writeSlice(ctx, func(t *tx) (err error) {
		if s.generation, err = t.count("generation", 1); err != nil {
			return err
		}
		return t.run("INSERT INTO staging (generation, id, centre, whole, switched, facts) VALUES (?, '', ?, ?, 0, 0)",
			s.generation, millis(centre), full)
	})
	if err != nil {
		l.bulk.release()
		return nil, err
	}
	l.bulk.note(settle.SnapshotProgress{Phase: settle.PhaseStaging})
	return s, nil
}

// stagedRow is one fact before it is written.
type stagedRow struct {
	kind, n int
	pid     []byte
	giver   any // []byte, or nil
	ref     any // string, or nil
	doc     []byte
	keys    [][]byte
}

// Add implements settle.SnapshotStage.
func (s *stage) Add(ctx context.Context, part settle.Snapshot) error {
	if err := s.check(&part); err != nil {
		return err
	}
	rows, err := s.rows(&part)
	if err != nil {
		return err
	}
	s.ended.EndedBinds = append(s.ended.EndedBinds, part.EndedBinds...)
	s.ended.EndedPsnNo = append(s.ended.EndedPsnNo, part.EndedPsnNo...)
	if len(s.ended.EndedBinds)+len(s.ended.EndedPsnNo) > endingPerSwitch {
		return badField("ended", "一次结束的人数或绑定数过多，请改用全量文件。", "ends too much by name; a full snapshot ends by not naming")
	}
	for len(rows) > 0 {
		written := 0
		err := s.l.writeSlice(ctx, func(t *tx) (err error) {
			written, err = t.stageRows(rows)
			return err
		})
		if err != nil {
			return err
		}
		rows = rows[written:]
		s.facts += written
		s.l.bulk.note(settle.SnapshotProgress{Phase: settle.PhaseStaging, Done: s.facts})
		s.l.metrics.countStaged(s.facts)
		s.l.sliceDone(&s.slices)
	}
	return nil
}

// check names what is impossible, by its place in the whole snapshot.
func (s *stage) check(part *settle.Snapshot) error {
	var f snapshotFaults
	for i := range part.People {
		f.person(s.counts[stagedPerson]+i, &part.People[i])
	}
	for i := range part.Accounts {
		f.account(s.counts[stagedAccount]+i, &part.Accounts[i])
	}
	for i := range part.Bindings {
		f.binding(s.counts[stagedBinding]+i, &part.Bindings[i])
	}
	for i := range part.Usage {
		f.usage(s.counts[stagedUsage]+i, &part.Usage[i])
	}
	return f.err()
}

// rows hashes and seals the facts of a part, outside of any transaction.
func (s *stage) rows(part *settle.Snapshot) ([]stagedRow, error) {
	v := s.l.vault()
	rows := make([]stagedRow, 0, len(part.People)+len(part.Accounts)+len(part.Bindings)+len(part.Usage))
	add := func(row stagedRow, doc any) (err error) {
		row.n = s.counts[row.kind]
		s.counts[row.kind]++
		row.doc, err = v.sealJSON(kindStaged, doc)
		rows = append(rows, row)
		return err
	}
	var faults []error
	for i := range part.People {
		p := &part.People[i]
		keys := [][]byte{v.hash(KindCertno, p.IDNumber)}
		for _, card := range p.Cards {
			keys = append(keys, v.hash(KindCard, card.Number+"|"+card.Identifier))
		}
		faults = append(faults, add(stagedRow{kind: stagedPerson, pid: v.hash(KindPerson, p.PsnNo), keys: keys}, p))
	}
	for i := range part.Accounts {
		faults = append(faults, add(stagedRow{kind: stagedAccount, pid: v.hash(KindPerson, part.Accounts[i].PsnNo)}, &part.Accounts[i]))
	}
	for i := range part.Usage {
		faults = append(faults, add(stagedRow{kind: stagedUsage, pid: v.hash(KindPerson, part.Usage[i].PsnNo)}, &part.Usage[i]))
	}
	for i := range part.Bindings {
		b := &part.Bindings[i]
		row := stagedRow{kind: stagedBinding, pid: v.hash(KindPerson, b.Beneficiary), giver: v.hash(KindPerson, b.Giver), ref: b.ID}
		faults = append(faults, add(row, b))
	}
	return rows, errors.Join(faults...)
}

// sliceOver: somebody waits for the writer, or it is time to let others see what was written.
func (t *tx) sliceOver(began time.Time) bool {
	worked := time.Since(began)
	return worked > sliceTime || worked > sliceShort && len(t.ledger.writer.queue) > 0
}

// stageRows writes rows until a slice's time is over, and says how many.
func (t *tx) stageRows(rows []stagedRow) (int, error) {
	began := time.Now()
	for i := range rows {
		r := &rows[i]
		if i >= sliceRows || i%8 == 7 && t.sliceOver(began) {
			return i, nil
		}
		err := t.run("INSERT INTO staged (kind, n, pid, giver, ref, doc) VALUES (?, ?, ?, ?, ?, ?)", r.kind, r.n, r.pid, r.giver, r.ref, r.doc)
		if err != nil {
			return 0, err
		}
		for _, key := range r.keys {
			if err := t.run("INSERT OR IGNORE INTO staged_key (hash, pid) VALUES (?, ?)", key, r.pid); err != nil {
				return 0, err
			}
		}
	}
	return len(rows), nil
}

// Apply implements settle.SnapshotStage.
func (s *stage) Apply(ctx context.Context, id, cursor string, progress func(settle.SnapshotProgress)) error {
	if s.over {
		return badField("snapshot_id", "已经结束。", "is over")
	}
	if id == "" {
		return badField("snapshot_id", "缺失或不合法。", "is missing or not possible")
	}
	if progress == nil {
		progress = func(settle.SnapshotProgress) {}
	}
	progress(settle.SnapshotProgress{Phase: settle.PhaseChecking, Done: s.facts, Total: s.facts})
	s.l.bulk.note(settle.SnapshotProgress{Phase: settle.PhaseChecking, Done: s.facts, Total: s.facts})
	if err := s.l.read(ctx, s.consistent); err != nil {
		return errors.Join(err, s.Drop(context.WithoutCancel(ctx)))
	}
	m := &moving{generation: s.generation, centre: millis(s.centre), whole: s.whole, facts: s.facts, progress: progress, done: make(chan struct{})}
	began := time.Now()
	applied, err := s.switchOver(ctx, m, id, cursor)
	s.switched = time.Since(began)
	if err != nil || !applied {
		return errors.Join(err, s.Drop(context.WithoutCancel(ctx)))
	}
	s.over = true
	s.l.clock.raise(s.centre)
	s.l.bulk.movers.Go(func() { s.l.move(m) })
	select {
	case <-m.done:
	case <-s.l.bulk.ctx.Done():
	case <-ctx.Done(): // it counts already; what is left to do is done beside
	}
	return nil
}

// switchOver makes all that was staged count, in one transaction; applied is false where the id was applied before.
func (s *stage) switchOver(ctx context.Context, m *moving, id, cursor string) (applied bool, err error) {
	err = s.l.writeSlice(ctx, func(t *tx) error {
		var seen int
		err := t.get("SELECT 1 FROM snapshot WHERE id = ?", []any{id}, &seen)
		if err == nil || !errors.Is(err, errNoRows) {
			return err
		}
		if err := t.run("UPDATE staging SET switched = 1, id = ?, facts = ? WHERE generation = ?", id, s.facts, s.generation); err != nil {
			return err
		}
		m.id = id
		a := t.mover(m)
		a.snapshot.Cursor = cursor
		a.snapshot.EndedBinds, a.snapshot.EndedPsnNo = s.ended.EndedBinds, s.ended.EndedPsnNo
		if err := errors.Join(a.applyEnded(), a.note()); err != nil {
			return err
		}
		a.snapshot.Full = false // what it does not name is not known before everything is in its place
		if err := a.toldEnds(); err != nil {
			return err
		}
		newest, err := t.metaInt(metaSnapshot)
		t.batch.after = append(t.batch.after, func() {
			s.l.bulk.moving.Store(m)
			setInstant(s.l.metrics.snapshotAt, newest)
		})
		applied = true
		return err
	})
	return applied && err == nil, err
}

// consistent refuses a staged snapshot that names people whom nobody has introduced, and, where asked to, facts named
// twice.
func (s *stage) consistent(t *tx) error {
	var f snapshotFaults
	places := map[int]string{stagedAccount: "accounts[%d].psn_no", stagedUsage: "usage[%d].psn_no", stagedBinding: "bindings[%d].beneficiary"}
	err := t.each(`SELECT kind, n FROM staged s WHERE kind <> ? AND NOT EXISTS (SELECT 1 FROM staged p WHERE p.pid = s.pid AND p.kind = ?)
		AND NOT EXISTS (SELECT 1 FROM person p WHERE p.pid = s.pid) ORDER BY id LIMIT 20`, []any{stagedPerson, stagedPerson},
		func(scan func(dest ...any) error) error {
			var kind, n int
			err := scan(&kind, &n)
			f.unknown(places[kind], n)
			return err
		})
	if err != nil {
		return err
	}
	err = t.each(`SELECT n FROM staged s WHERE giver IS NOT NULL AND NOT EXISTS (SELECT 1 FROM staged p WHERE p.pid = s.giver AND p.kind = ?)
		AND NOT EXISTS (SELECT 1 FROM person p WHERE p.pid = s.giver) ORDER BY id LIMIT 20`, []any{stagedPerson},
		func(scan func(dest ...any) error) error {
			var n int
			err := scan(&n)
			f.unknown("bindings[%d].giver", n)
			return err
		})
	if err != nil || !s.once {
		return errors.Join(err, f.err())
	}
	return errors.Join(s.doubles(t, &f), f.err())
}

// doubles names people, accounts and bindings that come a second time.
func (s *stage) doubles(t *tx, f *snapshotFaults) error {
	twice := func(format string) func(scan func(dest ...any) error) error {
		return func(scan func(dest ...any) error) error {
			var first, again int
			err := scan(&first, &again)
			f.add(fmt.Sprintf(format, again), fmt.Sprintf("重复，已在第 %d 项出现。", first), fmt.Sprintf("is the same as item %d", first))
			return err
		}
	}
	const perPerson = "SELECT MIN(n), MAX(n) FROM staged INDEXED BY staged_pid WHERE kind = ? GROUP BY pid HAVING COUNT(*) > 1 LIMIT 20"
	return errors.Join(
		t.each(perPerson, []any{stagedPerson}, twice("people[%d].psn_no")),
		t.each(perPerson, []any{stagedAccount}, twice("accounts[%d].psn_no")),
		t.each("SELECT MIN(n), MAX(n) FROM staged WHERE kind = ? GROUP BY ref HAVING COUNT(*) > 1 LIMIT 20", []any{stagedBinding},
			twice("bindings[%d].binding_id")),
	)
}

// Drop implements settle.SnapshotStage.
func (s *stage) Drop(ctx context.Context) error {
	if s.over {
		return nil
	}
	s.over = true
	defer s.l.bulk.release()
	return s.l.clearStaging(ctx)
}

// clearStaging forgets what was staged and does not count, in slices; the line in staging goes last, so that a crash on the
// way goes on here.
func (l *Ledger) clearStaging(ctx context.Context) error {
	slices := 0
	for _, query := range []string{
		"DELETE FROM staged WHERE id IN (SELECT id FROM staged LIMIT ?)",
		"DELETE FROM staged_key WHERE hash IN (SELECT hash FROM staged_key LIMIT ?)",
	} {
		for {
			var n int64
			err := l.writeSlice(ctx, func(t *tx) error {
				result, err := t.exec(query, sliceRows)
				if err != nil {
					return err
				}
				n, err = result.RowsAffected()
				return err
			})
			if err != nil {
				return err
			}
			if n == 0 {
				break
			}
			l.sliceDone(&slices)
		}
	}
	return l.writeSlice(ctx, func(t *tx) error { return t.run("DELETE FROM staging") })
}

// sliceDone copies the log into the database from time to time. The one who writes slices waits for it, the tills do not.
func (l *Ledger) sliceDone(slices *int) {
	if *slices++; *slices%sliceCheckpoint == 0 {
		l.writer.sinceSave.Add(1)
		l.checkpoint()
	}
}
