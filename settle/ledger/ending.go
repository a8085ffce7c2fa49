package ledger

import (
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"gongji/settle"
)

// endingPOS is the till in requests that no till made: the ledger ended a binding by itself.
const endingPOS = "gongjid"

// endingRecord is why the ledger ended a binding by itself: part of the record of the request that reports it.
type endingRecord struct {
	settle.Ending
	Binding  string           `json:"binding"`
	BoundAt  settle.Date      `json:"bound_at"`
	Snapshot string           `json:"snapshot"`    // whose facts ended it
	Centre   time.Time        `json:"centre_time"` // of those facts
	Policy   settle.PolicyRef `json:"policy"`
}

// stood is what decided about a person before a snapshot spoke; empty of somebody whom nobody knew.
type stood struct {
	area string
}

// changedPerson remembers what a person was before this snapshot changed it, for the end of bindings.
func (a *applying) changedPerson(key int64, was stood) {
	if a.changed == nil {
		a.changed = map[int64]stood{}
	}
	if _, met := a.changed[key]; !met {
		a.changed[key] = was
	}
}

// noteFresh remembers a binding that the ledger does not have yet.
func (a *applying) noteFresh(b *settle.SnapshotBinding) error {
	var have int
	err := a.get("SELECT COUNT(*) FROM binding WHERE ref = ?", []any{b.ID}, &have)
	if err == nil && have == 0 && b.Active {
		a.fresh = append(a.fresh, b.ID)
	}
	return err
}

// endBindings ends, as the policy says, the bindings of the people whom this snapshot has changed, and new ones of people
// for whom there can be none. It comes after everything that the centre itself ends.
func (a *applying) endBindings() error {
	if len(a.changed) == 0 && len(a.fresh) == 0 {
		return nil
	}
	at := a.ledger.options.Clock().Round(0).In(settle.Beijing)
	rules, err := a.ledger.options.RulesFor(settle.DateOf(at))
	if err != nil {
		return fmt.Errorf("rules of the day: %w", err)
	}
	rows := map[string]boundRow{}
	collect := func(list []boundRow, err error) error {
		for _, r := range list {
			rows[r.binding.ID] = r
		}
		return err
	}
	for person := range a.changed {
		if err := collect(a.family(person)); err != nil {
			return err
		}
	}
	for _, ref := range a.fresh {
		if err := collect(a.bound("b.ref = ?", ref)); err != nil {
			return err
		}
	}
	for _, ref := range slices.Sorted(maps.Keys(rows)) {
		r := rows[ref]
		if err := a.endIfOver(rules, &r, at); err != nil {
			return err
		}
	}
	return nil
}

func (a *applying) endIfOver(rules *settle.Rules, r *boundRow, at time.Time) error {
	if known, err := a.endedBefore(r); known || err != nil {
		return err
	}
	giver, err := a.personBy("id = ?", r.giver)
	if err != nil {
		return err
	}
	beneficiary, err := a.personBy("id = ?", r.beneficiary)
	if err != nil {
		return err
	}
	f := settle.EndingFacts{
		Binding: r.binding, Giver: giver.person, Beneficiary: beneficiary.person,
		GiverAreaWas: a.areaWas(&giver), BeneficiaryAreaWas: a.areaWas(&beneficiary),
	}
	err = a.get("SELECT status FROM account WHERE person = ?", []any{giver.key}, &f.GiverAccount)
	if err != nil && !errors.Is(err, errNoRows) {
		return err
	}
	ending, ended := settle.AutoEnd(rules, &f)
	if !ended {
		return nil
	}
	return a.endBinding(rules, r, &giver, &beneficiary, ending, at)
}

// endedBefore reports whether this very binding was ended before: a centre that has bound the two anew, in the same row,
// knows what it does, and only what happens afterwards ends it again.
func (a *applying) endedBefore(r *boundRow) (known bool, err error) {
	var n int
	err = a.get("SELECT COUNT(*) FROM binding_end WHERE binding = ? AND bound_at = ?", []any{r.binding.ID, r.binding.BoundAt}, &n)
	return n > 0, err
}

// areaWas is where a person was insured before this snapshot.
func (a *applying) areaWas(p *personRow) string {
	if was, changed := a.changed[p.key]; changed {
		return was.area
	}
	return p.person.Area
}

// endBinding writes the end: the record and its report to the centre, the row that keeps the binding ended, the binding.
func (a *applying) endBinding(rules *settle.Rules, r *boundRow, giver, beneficiary *personRow, ending settle.Ending, at time.Time) error {
	b := &r.binding
	request := settle.BindingRequest{
		ID: a.endingID(b), POS: endingPOS, Action: settle.BindingUnbind, Binding: b.ID, Giver: b.Giver, Beneficiary: b.Beneficiary,
		Relation: b.Relation, Rank: b.Rank, Limit: b.Limit, LimitAll: r.limitAll, ValidFrom: b.ValidFrom,
		ValidTo: settle.BindingEnd(rules, settle.DateOf(at)), EndReason: ending.Reason, At: at, State: settle.RequestPending,
	}
	record, err := a.link(recordRequest, request.ID, requestRecord{Request: request, Ending: &endingRecord{
		Ending: ending, Binding: b.ID, BoundAt: b.BoundAt, Snapshot: a.snapshot.ID, Centre: a.snapshot.CentreTime,
		Policy: settle.PolicyRef{ID: rules.ID, Version: rules.Version},
	}})
	if err != nil {
		return err
	}
	id, err := a.addRequest(&request, giver.key, beneficiary.key, record)
	if err != nil {
		return err
	}
	err = a.run(`INSERT INTO binding_end (binding, giver, beneficiary, bound_at, last_day, reason, of_giver, request, record)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		b.ID, giver.key, beneficiary.key, b.BoundAt, request.ValidTo, ending.Reason, ending.OfGiver, id, record)
	if err != nil {
		return err
	}
	return a.holdEnd(b.ID, request.ValidTo, at)
}

// endingID is the request's id: one for each binding as it was bound, so that a ledger that meets it twice asks once.
func (a *applying) endingID(b *settle.Binding) string {
	sum := a.vault().name(KindBinding, b.ID+"|"+strconv.Itoa(int(b.BoundAt)))
	return "END-" + hex.EncodeToString(sum[:12])
}

// holdEnd lets a binding's row be what its end says, whatever the centre has just written into it.
func (t *tx) holdEnd(ref string, last settle.Date, at time.Time) error {
	return t.run("UPDATE binding SET valid_to = ?, active = ? WHERE ref = ?", last, last >= settle.DateOf(at), ref)
}

// keepEnded holds the end of a binding of which the centre has spoken again. One that was bound anew lives; one that the
// centre has ended as well is confirmed to be.
func (t *tx) keepEnded(b *settle.SnapshotBinding, at time.Time) error {
	var id int64
	var last, boundAt settle.Date
	err := t.get("SELECT id, last_day, bound_at FROM binding_end WHERE binding = ? AND revived = 0", []any{b.ID}, &id, &last, &boundAt)
	if errors.Is(err, errNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	if !b.Active {
		if err := t.run("UPDATE binding_end SET told = 1 WHERE id = ?", id); err != nil {
			return err
		}
		return t.endsAgreed(at)
	}
	if b.BoundAt > boundAt {
		return t.run("UPDATE binding_end SET revived = 1 WHERE id = ?", id)
	}
	return t.holdEnd(b.ID, last, at)
}

// asIfNotEnded lets a binding that the ledger ended by itself, and that the snapshot does not bind anew, look as the snapshot
// tells it: applying it changes neither its end nor its state.
func (c *comparing) asIfNotEnded(told, was *settle.SnapshotBinding) error {
	var n int
	err := c.get("SELECT COUNT(*) FROM binding_end WHERE binding = ? AND revived = 0 AND bound_at >= ?", []any{told.ID, told.BoundAt}, &n)
	if err == nil && n > 0 {
		was.Active, was.ValidTo = told.Active, told.ValidTo
	}
	return err
}

// toldEnds marks the ends that this snapshot, which ends whatever it does not name, tells as well.
func (a *applying) toldEnds() error {
	if !a.snapshot.Full && len(a.snapshot.EndedBinds) == 0 {
		return nil
	}
	for _, ref := range a.snapshot.EndedBinds {
		if err := a.run("UPDATE binding_end SET told = 1 WHERE binding = ? AND revived = 0", ref); err != nil {
			return err
		}
	}
	if !a.snapshot.Full {
		return a.endsAgreed(a.ledger.options.Clock())
	}
	err := a.run(`UPDATE binding_end SET told = 1 WHERE revived = 0 AND EXISTS
		(SELECT 1 FROM binding b WHERE b.ref = binding_end.binding AND b.generation <> ? AND b.as_of <= ?)`, a.generation, a.centre)
	if err != nil {
		return err
	}
	return a.endsAgreed(a.ledger.options.Clock())
}

// endsAgreed closes the items about ends that the centre has refused and tells itself: another venue was first to report the
// same death, and nothing is left for a person to do.
func (t *tx) endsAgreed(at time.Time) error {
	return t.run(`UPDATE attention SET closed = ?, closed_by = 'gongjid' WHERE closed IS NULL AND kind = ? AND report IN
		(SELECT r.id FROM binding_end e JOIN report r ON r.request = e.request WHERE e.told = 1)`, millis(at), AttentionRefused)
}

// endedViews are the bindings of a person that have ended by themselves and were not made anew, the last first.
func (t *tx) endedViews(person int64) (list []settle.BindingView, err error) {
	const query = `SELECT e.binding, b.relation, b.rank, e.bound_at, b.valid_from, e.last_day, b.mode, e.reason, e.of_giver, e.told, e.giver, g.pid,
		g.masked, p.pid, p.masked FROM binding_end e JOIN binding b ON b.ref = e.binding JOIN person g ON g.id = e.giver
		JOIN person p ON p.id = e.beneficiary WHERE e.revived = 0 AND (e.giver = ?1 OR e.beneficiary = ?1) ORDER BY e.id DESC`
	err = t.each(query, []any{person}, func(scan func(dest ...any) error) error {
		var v settle.BindingView
		var giverKey int64
		var giver, beneficiary []byte
		var giverMasked, beneficiaryMasked string
		end := &settle.BindingEnded{}
		b := &v.Binding
		err := scan(&b.ID, &b.Relation, &b.Rank, &b.BoundAt, &b.ValidFrom, &b.ValidTo, &b.Mode, &end.Reason, &end.OfGiver, &end.ByCentre,
			&giverKey, &giver, &giverMasked, &beneficiary, &beneficiaryMasked)
		b.Giver, b.Beneficiary = t.vault().personID(giver), t.vault().personID(beneficiary)
		v.AsGiver, v.State, v.End = giverKey == person, "ended", end
		v.Other = settle.Party{Person: b.Giver, Masked: giverMasked, Relation: b.Relation}
		if v.AsGiver {
			v.Other = settle.Party{Person: b.Beneficiary, Masked: beneficiaryMasked, Relation: b.Relation}
		}
		list = append(list, v)
		return err
	})
	return list, err
}

// explainEnds adds to ended bindings why, in the words of the policy of the day.
func (t *tx) explainEnds(list []settle.BindingView, today settle.Date) error {
	if len(list) == 0 {
		return nil
	}
	rules, err := t.ledger.options.RulesFor(today)
	if err != nil {
		return fmt.Errorf("rules of the day: %w", err)
	}
	for i := range list {
		list[i].End.Words = settle.EndWords(rules, list[i].End.Ending)
	}
	return nil
}

// checkEnding holds the row of an end, and the binding it ended, against the record.
func (v *verifier) checkEnding(l *link, record *requestRecord) error {
	type columns struct {
		Binding       string
		BoundAt, Last settle.Date
		Reason        string
		OfGiver       bool
	}
	var row columns
	var revived bool
	var boundAt, validTo sql.NullInt64
	err := v.get(`SELECT e.binding, e.bound_at, e.last_day, e.reason, e.of_giver, e.revived, b.bound_at, CASE WHEN b.active = 0 THEN 0 WHEN b.valid_to = 0
		THEN 99991231 ELSE b.valid_to END FROM binding_end e LEFT JOIN binding b ON b.ref = e.binding WHERE e.record = ?`, []any{l.seq},
		&row.Binding, &row.BoundAt, &row.Last, &row.Reason, &row.OfGiver, &revived, &boundAt, &validTo)
	if errors.Is(err, errNoRows) {
		v.found(FoundRemoved, 3, l.seq, l.where(), "the end of a binding is gone")
		return nil
	}
	if err != nil {
		return err
	}
	e := record.Ending
	v.differs(l, "the end of a binding", columns{e.Binding, e.BoundAt, record.Request.ValidTo, e.Reason, e.OfGiver}, row)
	switch {
	case !boundAt.Valid:
		v.found(FoundRemoved, 3, l.seq, l.where(), "the binding that ended is gone")
	case revived && boundAt.Int64 <= int64(e.BoundAt):
		v.found(FoundChanged, 3, l.seq, l.where(), "the binding that ended lives, and nobody bound it anew")
	case !revived && validTo.Int64 > int64(record.Request.ValidTo):
		v.found(FoundChanged, 3, l.seq, l.where(), "the binding that ended lives")
	}
	return nil
}
