package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gongji/settle"
)

// snapshotMemory is how long the id of an applied snapshot is remembered. Older ones that come again change nothing
// either, since no row takes data older than its own.
const snapshotMemory = 90 * 24 * time.Hour

// ApplySnapshot applies a snapshot in one transaction or not at all. A snapshot id that was applied before is a no-op,
// and no row is overwritten by data of an earlier centre time than its own. A full snapshot ends whatever it does not
// name. Missing or impossible fields, and people in accounts, bindings or usage whom nobody has introduced, refuse the
// whole snapshot with BAD_REQUEST naming all of them by position, never by value.
//
// Cursor must be set on a page of the feed of everything and only there: it says that from here on everybody who is
// not named is unchanged. The snapshot of one family leaves it empty.
func (l *Ledger) ApplySnapshot(ctx context.Context, s settle.Snapshot) error {
	if err := checkSnapshot(&s); err != nil {
		return err
	}
	if len(s.People)+len(s.Accounts)+len(s.Bindings)+len(s.Usage) > smallSnapshot && !s.OwnOnly {
		return l.applyLarge(ctx, &s)
	}
	applied := false
	err := l.write(ctx, func(t *tx) (err error) {
		applied, err = t.applySnapshot(&s)
		return err
	})
	if err != nil || !applied {
		return err
	}
	l.clock.raise(s.CentreTime)
	return nil
}

// stagePart is how many facts of a kind are sealed and staged at a time.
const stagePart = 1000

// applyLarge applies a snapshot that would keep the tills waiting: staged in slices, then counting all at once.
func (l *Ledger) applyLarge(ctx context.Context, s *settle.Snapshot) error {
	seen := 0
	err := l.read(ctx, func(t *tx) error { return t.get("SELECT COUNT(*) FROM snapshot WHERE id = ?", []any{s.ID}, &seen) })
	if err != nil || seen > 0 {
		return err
	}
	stage, err := l.StageSnapshot(ctx, s.CentreTime, s.Full, false)
	if err != nil {
		return err
	}
	rest := *s
	for len(rest.People)+len(rest.Accounts)+len(rest.Bindings)+len(rest.Usage)+len(rest.EndedBinds)+len(rest.EndedPsnNo) > 0 {
		part := settle.Snapshot{EndedBinds: rest.EndedBinds, EndedPsnNo: rest.EndedPsnNo}
		rest.EndedBinds, rest.EndedPsnNo = nil, nil
		part.People, rest.People = cut(rest.People)
		part.Accounts, rest.Accounts = cut(rest.Accounts)
		part.Bindings, rest.Bindings = cut(rest.Bindings)
		part.Usage, rest.Usage = cut(rest.Usage)
		if err := stage.Add(ctx, part); err != nil {
			return errors.Join(err, stage.Drop(context.WithoutCancel(ctx)))
		}
	}
	return stage.Apply(ctx, s.ID, s.Cursor, nil)
}

func cut[T any](list []T) (part, rest []T) {
	n := min(len(list), stagePart)
	return list[:n], list[n:]
}

// FeedCursor is the cursor of the last applied page of the feed; empty at first.
func (l *Ledger) FeedCursor(ctx context.Context) (cursor string, err error) {
	err = l.read(ctx, func(t *tx) error {
		value, err := t.meta(metaCursor)
		cursor = string(value)
		return err
	})
	return cursor, err
}

// applying is a snapshot on its way in.
type applying struct {
	*tx
	snapshot   *settle.Snapshot
	centre     int64
	generation int64
	people     map[string]int64 // psn_no → person, as far as met
	through    map[string]int64 // psn_no → centre time through which the account contains us
	faults     snapshotFaults
	changed    map[int64]stood // people whose status or area this snapshot has changed, as they were
	fresh      []string        // bindings that the ledger did not have
	moving     *moving         // nil: a small snapshot, applied as it came
}

func (t *tx) applySnapshot(s *settle.Snapshot) (bool, error) {
	var seen int
	err := t.get("SELECT 1 FROM snapshot WHERE id = ?", []any{s.ID}, &seen)
	if err == nil {
		return false, nil
	}
	if !errors.Is(err, errNoRows) {
		return false, err
	}
	a := &applying{
		tx: t, snapshot: s, centre: millis(s.CentreTime), people: make(map[string]int64, len(s.People)),
		through: make(map[string]int64, len(s.Accounts)),
	}
	if a.generation, err = t.count("generation", 1); err != nil {
		return false, err
	}
	for _, step := range []func() error{
		a.applyPeople, a.applyAccounts, a.applyBindings, a.applyUsage, a.faults.err, a.applyEnded, a.endUnnamed, a.toldEnds, a.endBindings,
		a.answerRequests, a.note,
	} {
		if err := step(); err != nil {
			return false, err
		}
	}
	newest, err := t.metaInt(metaSnapshot)
	if err != nil {
		return false, err
	}
	t.batch.after = append(t.batch.after, func() { setInstant(t.ledger.metrics.snapshotAt, newest) })
	return true, nil
}

func (a *applying) applyPeople() error {
	for i := range a.snapshot.People {
		if err := a.takePerson(&a.snapshot.People[i]); err != nil {
			return err
		}
	}
	return nil
}

func (a *applying) takePerson(p *settle.SnapshotPerson) error {
	key, news, err := a.applyPerson(p)
	if err != nil {
		return err
	}
	a.people[p.PsnNo] = key
	if !news {
		return nil
	}
	return a.applyCards(key, p.Cards)
}

// applyPerson writes a person; news is false where the ledger already knows something later of the kind.
func (a *applying) applyPerson(p *settle.SnapshotPerson) (key int64, news bool, err error) {
	v := a.vault()
	pid, certno := v.hash(KindPerson, p.PsnNo), v.hash(KindCertno, p.IDNumber)
	sealed, err := v.sealJSON(KindPerson, identity{PsnNo: p.PsnNo, Certno: p.IDNumber, Name: p.Name})
	if err != nil {
		return 0, false, err
	}
	var asOf, told int64
	var stored settle.Status
	err = a.get("SELECT id, as_of, told, status FROM person WHERE pid = ?", []any{pid}, &key, &asOf, &told, &stored)
	switch {
	case errors.Is(err, errNoRows):
		key, err = a.insert(`INSERT INTO person (pid, certno, sealed, masked, insurance, status, area, waiting, as_of, told, generation)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			pid, certno, sealed, settle.MaskName(p.Name), p.Insurance, p.Status, p.Area, p.Waiting, a.centre, a.told(), a.generation)
		return key, true, err
	case err != nil:
		return 0, false, err
	case asOf > a.centre && (a.snapshot.OwnOnly || told > a.centre):
		return key, false, a.run("UPDATE person SET generation = ? WHERE id = ?", a.generation, key)
	case asOf > a.centre:
		return key, true, a.heedLate(key, p, stored)
	}
	if a.snapshot.OwnOnly && stored.Locked() && p.Status != settle.StatusNormal {
		// 1101 has one word, ended, for everybody who is not insured any more. Why nobody may buy or pay here was told before.
		same := *p
		same.Status = stored
		p = &same
	}
	if err := a.noteChange(key, p); err != nil {
		return 0, false, err
	}
	// 1101 says nothing of waiting periods.
	return key, true, a.run(`UPDATE person SET certno = ?, sealed = ?, masked = ?, insurance = ?, status = ?, area = ?,
		waiting = CASE WHEN ? THEN waiting ELSE ? END, as_of = ?, told = MAX(told, ?), generation = ?, gone = 0 WHERE id = ?`,
		certno, sealed, settle.MaskName(p.Name), p.Insurance, p.Status, p.Area, a.snapshot.OwnOnly, p.Waiting, a.centre, a.told(),
		a.generation, key)
}

// told is the centre time as far as the snapshot is a word of the feed; 1101 is none.
func (a *applying) told() int64 {
	if a.snapshot.OwnOnly {
		return 0
	}
	return a.centre
}

// heedLate takes of the feed's word on a person what a newer 1101 could not say: waiting periods, and what bars somebody whom
// it calls ended. Whether anybody is known here is the newer word's to say.
func (a *applying) heedLate(key int64, p *settle.SnapshotPerson, stored settle.Status) error {
	status := stored
	if p.Status.Locked() && stored != settle.StatusNormal {
		status = p.Status
	}
	return a.run("UPDATE person SET status = ?, waiting = ?, told = ?, generation = ? WHERE id = ?",
		status, p.Waiting, a.centre, a.generation, key)
}

// applyCards replaces a person's cards. 1101 knows only the card it was asked about, and nothing of a reported loss:
// it adds, and changes neither a status nor the time of what the feed told.
func (a *applying) applyCards(person int64, cards []settle.SnapshotCard) error {
	update := "person = excluded.person, status = excluded.status, expires = excluded.expires, as_of = excluded.as_of"
	if a.snapshot.OwnOnly {
		update = "person = excluded.person"
	} else if err := a.run("DELETE FROM card WHERE person = ? AND as_of <= ?", person, a.centre); err != nil {
		return err
	}
	for _, card := range cards {
		err := a.run(`INSERT INTO card (hash, person, status, expires, as_of) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT (hash) DO UPDATE SET `+update+` WHERE excluded.as_of >= card.as_of`,
			a.vault().hash(KindCard, card.Number+"|"+card.Identifier), person, card.Status, card.Expires, a.centre)
		if err != nil {
			return err
		}
	}
	return nil
}

// person finds somebody whom this snapshot or an earlier one has introduced; 0 for nobody.
func (a *applying) person(psnNo string) (key int64, err error) {
	if key, met := a.people[psnNo]; met {
		return key, nil
	}
	pid := a.vault().hash(KindPerson, psnNo)
	switch m := a.ledger.bulk.moving.Load(); {
	case a.moving != nil:
		err = a.pull(pid)
	case m != nil:
		err = a.mover(m).moveAlone(pid)
	}
	if err != nil {
		return 0, err
	}
	err = a.get("SELECT id FROM person WHERE pid = ?", []any{pid}, &key)
	if errors.Is(err, errNoRows) {
		return 0, nil
	}
	a.people[psnNo] = key
	return key, err
}

func (a *applying) applyAccounts() error {
	for i := range a.snapshot.Accounts {
		if err := a.takeAccount(i, &a.snapshot.Accounts[i]); err != nil {
			return err
		}
	}
	return nil
}

func (a *applying) takeAccount(i int, account *settle.SnapshotAccount) error {
	a.through[account.PsnNo] = a.containsThrough(account) // before anything of the holder's that asks for it
	key, err := a.person(account.PsnNo)
	if err != nil {
		return err
	}
	if key == 0 {
		a.faults.unknown("accounts[%d].psn_no", i)
		return nil
	}
	return a.applyAccount(key, account)
}

// throughOf is the centre time up to which our settlements are inside what this snapshot says of somebody: as its account
// says, else the snapshot's own time.
func (a *applying) throughOf(psnNo string, key int64) (through int64, err error) {
	if through, told := a.through[psnNo]; told {
		return through, nil
	}
	if a.moving == nil {
		return a.centre, nil
	}
	err = a.get("SELECT contains FROM account WHERE person = ? AND generation = ?", []any{key, a.generation}, &through)
	if errors.Is(err, errNoRows) {
		return a.centre, nil
	}
	return through, err
}

// containsThrough is the centre time up to which our settlements are inside a balance. Where the centre does not say
// (1101), the time of its answer stands for it; where it says so for other venues only, it has nothing of ours.
func (a *applying) containsThrough(account *settle.SnapshotAccount) int64 {
	if through, told := account.ContainsThrough[a.ledger.options.Venue.Code]; told {
		return millis(through)
	}
	if len(account.ContainsThrough) > 0 {
		return 0
	}
	return a.centre
}

func (a *applying) applyAccount(person int64, s *settle.SnapshotAccount) error {
	if a.snapshot.OwnOnly {
		if err := a.turnYear(person); err != nil {
			return err
		}
		done, err := a.refreshBalance(person, s)
		if done || err != nil {
			return err
		}
	}
	return a.run(`INSERT INTO account (person, status, two_pots, balance, current, prior, mutual, frozen, reserved, limit_max, limit_used,
			allowance, allowance_until, contains, as_of, generation)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (person) DO UPDATE SET status = excluded.status, two_pots = excluded.two_pots, balance = excluded.balance,
			current = excluded.current, prior = excluded.prior, mutual = excluded.mutual, frozen = excluded.frozen, reserved = excluded.reserved,
			limit_max = excluded.limit_max, limit_used = excluded.limit_used, allowance = excluded.allowance,
			allowance_until = excluded.allowance_until, contains = excluded.contains, as_of = excluded.as_of,
			generation = excluded.generation, gone = 0 WHERE excluded.as_of >= account.as_of`,
		person, s.Status, s.TwoPots, s.Balance, s.Current, s.Prior, s.Mutual, s.Frozen, s.ReservedElsewhere, optional(s.Limit), s.LimitUsed,
		s.Allowance, millis(s.AllowanceUntil), a.through[s.PsnNo], a.centre, a.generation)
}

// turnYear lays the pots of a stored account out for the account year of this answer, which knows one balance only and
// would otherwise leave last year's money in this year's pot. Whoever reads the account does the same in memory; see
// holder.take.
func (a *applying) turnYear(person int64) error {
	var stored settle.Account
	var asOf int64
	err := a.get("SELECT two_pots, current, prior, as_of FROM account WHERE person = ? AND as_of <= ?", []any{person, a.centre},
		&stored.TwoPots, &stored.Current, &stored.Prior, &asOf)
	if errors.Is(err, errNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	day := settle.DateOf(instant(a.centre))
	rules, err := a.ledger.options.RulesFor(day)
	if err != nil {
		return fmt.Errorf("rules of the day: %w", err)
	}
	turned, did := settle.Rollover(rules, stored, settle.DateOf(instant(asOf)), day)
	if !did {
		return nil
	}
	return a.run("UPDATE account SET current = ?, prior = ? WHERE person = ?", turned.Current, turned.Prior, person)
}

// refreshBalance takes a status and one balance from 1101 into an account that the feed has described more fully:
// limits stay as they were, and so do held money and a status in which an account never pays unless they were told, and where the
// account has two pots the balance is laid out over them, prior money and then a mutual account keeping their share as far as
// the balance reaches. Of the allowance goes what those sales have spent that this balance is the first to contain: so far it was
// taken off for not being contained.
func (a *applying) refreshBalance(person int64, s *settle.SnapshotAccount) (done bool, err error) {
	result, err := a.exec(`UPDATE account SET status = CASE WHEN ?9 OR status NOT IN (?12, ?13, ?14) THEN ?1 ELSE status END, generation = ?3, gone = 0, contains = ?4, as_of = ?5,
		allowance = CASE WHEN allowance = 0 THEN 0 ELSE MAX(0, allowance - (SELECT COALESCE(SUM(MAX(o.amount, 0)), 0) FROM posting o
			WHERE o.person = ?6 AND o.centre > account.contains AND o.centre <= ?4 AND o.pot NOT IN (?7, ?8))) END,
		balance = CASE WHEN two_pots THEN balance ELSE ?2 END,
		frozen = CASE WHEN ?9 THEN ?10 ELSE frozen END, reserved = CASE WHEN ?9 THEN ?11 ELSE reserved END,
		prior = CASE WHEN two_pots THEN MIN(prior, ?2) ELSE prior END,
		mutual = CASE WHEN two_pots THEN MIN(mutual, ?2 - MIN(prior, ?2)) ELSE mutual END,
		current = CASE WHEN two_pots THEN MAX(0, ?2 - prior - mutual) ELSE current END
		WHERE person = ?6 AND as_of <= ?5`,
		s.Status, s.Balance+s.Current+s.Prior+s.Mutual, a.generation, a.through[s.PsnNo], a.centre, person, settle.PotQuota, settle.PotAgency,
		s.HoldsTold, s.Frozen, s.ReservedElsewhere, settle.StatusFrozen, settle.StatusDeceased, settle.StatusClosed)
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n > 0, err
}

func (a *applying) applyBindings() error {
	for i := range a.snapshot.Bindings {
		if err := a.takeBinding(i, &a.snapshot.Bindings[i]); err != nil {
			return err
		}
	}
	return nil
}

func (a *applying) takeBinding(i int, b *settle.SnapshotBinding) error {
	giver, err := a.person(b.Giver)
	if err != nil {
		return err
	}
	beneficiary, err := a.person(b.Beneficiary)
	if err != nil {
		return err
	}
	if giver == 0 {
		a.faults.unknown("bindings[%d].giver", i)
	}
	if beneficiary == 0 {
		a.faults.unknown("bindings[%d].beneficiary", i)
	}
	if giver == 0 || beneficiary == 0 {
		return nil
	}
	if err := a.noteFresh(b); err != nil {
		return err
	}
	if err := a.applyBinding(giver, beneficiary, b); err != nil {
		return err
	}
	return a.keepEnded(b, a.ledger.options.Clock())
}

func (a *applying) applyBinding(giver, beneficiary int64, b *settle.SnapshotBinding) error {
	through, err := a.throughOf(b.Giver, giver)
	if err != nil {
		return err
	}
	sealed, err := a.sealTold(b)
	if err != nil {
		return err
	}
	return a.run(`INSERT INTO binding (ref, giver, beneficiary, relation, rank, bound_at, valid_from, valid_to, mode, quota_total,
			quota_used, limit_max, limit_used, limit_all, active, contains, as_of, generation, told)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (ref) DO UPDATE SET giver = excluded.giver, beneficiary = excluded.beneficiary, relation = excluded.relation,
			rank = excluded.rank, bound_at = excluded.bound_at, valid_from = excluded.valid_from, valid_to = excluded.valid_to,
			mode = excluded.mode, quota_total = excluded.quota_total, quota_used = excluded.quota_used,
			limit_max = excluded.limit_max, limit_used = excluded.limit_used, limit_all = excluded.limit_all,
			active = excluded.active, contains = excluded.contains, as_of = excluded.as_of, generation = excluded.generation,
			told = COALESCE(excluded.told, binding.told)
		WHERE excluded.as_of >= binding.as_of`,
		b.ID, giver, beneficiary, b.Relation, b.Rank, b.BoundAt, b.ValidFrom, b.ValidTo, mode(b.Mode), b.QuotaTotal, b.QuotaUsed,
		optional(b.Limit), b.LimitUsed, b.LimitAll, b.Active, through, a.centre, a.generation, sealed)
}

// mode is a binding's mode; direct where the centre does not say.
func mode(m settle.BindingMode) settle.BindingMode {
	if m == "" {
		return settle.Direct
	}
	return m
}

func (a *applying) applyUsage() error {
	for i := range a.snapshot.Usage {
		if err := a.takeUsage(i, &a.snapshot.Usage[i]); err != nil {
			return err
		}
	}
	return nil
}

func (a *applying) takeUsage(i int, u *settle.SnapshotUsage) error {
	person, err := a.person(u.PsnNo)
	if err != nil {
		return err
	}
	if person == 0 {
		a.faults.unknown("usage[%d].psn_no", i)
		return nil
	}
	through, err := a.throughOf(u.PsnNo, person)
	if err != nil {
		return err
	}
	day := u.AsOf
	if day == 0 {
		day = settle.DateOf(a.snapshot.CentreTime)
	}
	return a.run(`INSERT INTO usage (person, day_shared, month_shared, year_shared, day, contains, as_of) VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (person) DO UPDATE SET day_shared = excluded.day_shared, month_shared = excluded.month_shared,
			year_shared = excluded.year_shared, day = excluded.day, contains = excluded.contains, as_of = excluded.as_of
		WHERE excluded.as_of >= usage.as_of`,
		person, u.DayShared, u.MonthShared, u.YearShared, day, through, a.centre)
}

func (a *applying) applyEnded() error {
	for _, ref := range a.snapshot.EndedBinds {
		if err := a.run("UPDATE binding SET active = 0, as_of = ? WHERE ref = ? AND as_of <= ?", a.centre, ref, a.centre); err != nil {
			return err
		}
	}
	for _, psnNo := range a.snapshot.EndedPsnNo {
		err := a.run("UPDATE person SET gone = 1, as_of = ? WHERE pid = ? AND as_of <= ?",
			a.centre, a.vault().hash(KindPerson, psnNo), a.centre)
		if err != nil {
			return err
		}
	}
	return nil
}

// endUnnamed ends what a full snapshot does not name. What a later answer has refreshed since stays.
func (a *applying) endUnnamed() error {
	if !a.snapshot.Full {
		return nil
	}
	for _, query := range []string{
		"UPDATE person SET gone = 1 WHERE generation <> ? AND as_of <= ?",
		"UPDATE account SET gone = 1 WHERE generation <> ? AND as_of <= ?",
		"UPDATE binding SET active = 0 WHERE generation <> ? AND as_of <= ?",
	} {
		if err := a.run(query, a.generation, a.centre); err != nil {
			return err
		}
	}
	return nil
}

// answerRequests confirms requests that the centre had left open and a snapshot shows to be done: the binding is there that
// was not when it was asked for, or is there no more. A centre need not be asked again about what it tells anyway. No clocks
// are compared: the PC's may be ahead of the centre's.
func (a *applying) answerRequests() error {
	return a.run(`UPDATE request SET state = ? WHERE state = 'pending' AND CASE action
		WHEN 'bind' THEN EXISTS (SELECT 1 FROM binding b WHERE b.giver = request.giver AND b.beneficiary = request.beneficiary AND b.active = 1)
		WHEN 'unbind' THEN EXISTS (SELECT 1 FROM binding b WHERE b.ref = request.binding AND b.active = 0)
			AND NOT EXISTS (SELECT 1 FROM binding_end e WHERE e.request = request.id AND e.told = 0)
		ELSE 0 END`, settle.RequestConfirmed)
}

// note remembers that the snapshot was applied.
func (a *applying) note() error {
	now := a.ledger.options.Clock()
	if err := a.run("INSERT INTO snapshot (id, centre, applied) VALUES (?, ?, ?)", a.snapshot.ID, a.centre, millis(now)); err != nil {
		return err
	}
	if err := a.run("DELETE FROM snapshot WHERE applied < ?", millis(now.Add(-snapshotMemory))); err != nil {
		return err
	}
	if a.snapshot.Cursor != "" {
		if err := a.setMeta(metaCursor, []byte(a.snapshot.Cursor)); err != nil {
			return err
		}
	}
	if a.snapshot.Full || a.snapshot.Cursor != "" {
		if err := a.raiseMeta(metaPulled, a.centre); err != nil {
			return err
		}
	}
	return a.raiseMeta(metaSnapshot, a.centre)
}

// snapshotFaults collects what is wrong with a snapshot, by position.
type snapshotFaults []settle.FieldFault

func (f *snapshotFaults) add(field, message, detail string) {
	*f = append(*f, settle.FieldFault{Field: field, Message: message, Detail: detail})
}

func (f *snapshotFaults) unknown(format string, i int) {
	f.add(fmt.Sprintf(format, i), "没有这个人的资料。", "names a person whom neither this snapshot nor an earlier one introduces")
}

func (f *snapshotFaults) need(ok bool, format string, args ...any) {
	if !ok {
		f.add(fmt.Sprintf(format, args...), "缺失或不合法。", "is missing or not possible")
	}
}

func (f *snapshotFaults) err() error {
	if len(*f) == 0 {
		return nil
	}
	return &settle.Error{Code: settle.BadRequest, Fields: *f}
}

// checkSnapshot names every missing or impossible field.
func checkSnapshot(s *settle.Snapshot) error {
	var f snapshotFaults
	f.need(s.ID != "", "snapshot_id")
	f.need(!s.CentreTime.IsZero(), "centre_time")
	f.need(!s.OwnOnly || (!s.Full && s.Cursor == "" && len(s.Bindings) == 0), "full")
	for i := range s.People {
		f.person(i, &s.People[i])
	}
	for i := range s.Accounts {
		f.account(i, &s.Accounts[i])
	}
	for i := range s.Bindings {
		f.binding(i, &s.Bindings[i])
	}
	for i := range s.Usage {
		f.usage(i, &s.Usage[i])
	}
	return f.err()
}

func (f *snapshotFaults) usage(i int, u *settle.SnapshotUsage) {
	f.need(u.PsnNo != "", "usage[%d].psn_no", i)
	f.need(inRange(u.DayShared, u.MonthShared, u.YearShared), "usage[%d]", i)
}

func (f *snapshotFaults) person(i int, p *settle.SnapshotPerson) {
	f.need(p.PsnNo != "", "people[%d].psn_no", i)
	f.need(p.IDNumber != "", "people[%d].certno", i)
	f.need(p.Name != "", "people[%d].psn_name", i)
	f.need(p.Insurance != "", "people[%d].insutype", i)
	f.need(settle.KnownStatus(p.Status), "people[%d].status", i)
	f.need(len(p.Area) == 6, "people[%d].area", i)
	for j := range p.Cards {
		card := &p.Cards[j]
		f.need(card.Number != "", "people[%d].cards[%d].number", i, j)
		f.need(card.Status == settle.CardValid || card.Status == settle.CardLost || card.Status == settle.CardExpired,
			"people[%d].cards[%d].status", i, j)
	}
}

func (f *snapshotFaults) account(i int, a *settle.SnapshotAccount) {
	f.need(a.PsnNo != "", "accounts[%d].psn_no", i)
	f.need(settle.KnownStatus(a.Status), "accounts[%d].status", i)
	f.need(inRange(a.Balance, a.Current, a.Prior, a.Mutual), "accounts[%d].pots", i)
	f.need(inRange(a.Frozen), "accounts[%d].frozen", i)
	f.need(inRange(a.ReservedElsewhere), "accounts[%d].reserved_elsewhere", i)
	f.need(inRange(a.Limit.Max, a.LimitUsed), "accounts[%d].limit", i)
	f.need(inRange(a.Allowance), "accounts[%d].allowance", i)
}

func (f *snapshotFaults) binding(i int, b *settle.SnapshotBinding) {
	f.need(b.ID != "", "bindings[%d].binding_id", i)
	f.need(b.Giver != "", "bindings[%d].giver", i)
	f.need(b.Beneficiary != "" && b.Beneficiary != b.Giver, "bindings[%d].beneficiary", i)
	f.need(b.Relation != "", "bindings[%d].relation", i)
	f.need(b.BoundAt != 0, "bindings[%d].bound_at", i)
	f.need(b.ValidFrom != 0, "bindings[%d].valid_from", i)
	f.need(b.Mode == "" || b.Mode == settle.Direct || b.Mode == settle.Wallet, "bindings[%d].mode", i)
	f.need(inRange(b.QuotaTotal, b.QuotaUsed, b.Limit.Max, b.LimitUsed), "bindings[%d].limit", i)
}

// inRange: amounts of a snapshot are not negative and can be written back as money.
func inRange(amounts ...settle.Fen) bool {
	for _, amount := range amounts {
		if amount < 0 || amount > maxTotal {
			return false
		}
	}
	return true
}
