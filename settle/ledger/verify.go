package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"gongji/settle"
)

const (
	verifyPage   = 500  // chain records read at once
	findingLimit = 1000 // findings kept; a ledger with more is beyond repair by list
)

// FindingKind is what happened to a record.
type FindingKind string

// The kinds of findings.
const (
	FoundChanged  FindingKind = "changed"  // a record or a column differs from what was written
	FoundRemoved  FindingKind = "removed"  // a record that was written is gone
	FoundInserted FindingKind = "inserted" // a record is there that was never written
	FoundBroken   FindingKind = "broken"   // an invariant does not hold
)

// Finding names one thing that is wrong.
type Finding struct {
	Kind      FindingKind
	Invariant int    // of the package comment; 0: storage
	Record    int64  // number in the chain; 0: not in the chain
	Where     string // "settlement 01J…", "chain record 12", …
	Detail    string
}

// String is the finding on one line.
func (f Finding) String() string {
	text := fmt.Sprintf("%s: %s: %s", f.Where, f.Kind, f.Detail)
	if f.Invariant > 0 {
		text += fmt.Sprintf(" (invariant %d)", f.Invariant)
	}
	return text
}

// VerifyReport is what a verification saw.
type VerifyReport struct {
	Records     int // in the chain
	Settlements int
	Returns     int
	Outcomes    int // of messages to the centre
	Requests    int // for bindings
	Premiums    int // contributions paid and cancelled
	Adjustments int // of a settlement's split, by the centre or a decision
	Orphans     int // in-line messages that no settlement came of
	Findings    []Finding
}

// OK reports whether nothing is wrong.
func (r *VerifyReport) OK() bool { return len(r.Findings) == 0 }

// Verify walks the hash chain of the open ledger and re-adds everything, over one consistent state and without
// keeping anybody from settling. progress may be nil. An error means that it could not be done; what is wrong is in
// the report.
func (l *Ledger) Verify(ctx context.Context, progress func(done, total int)) (report VerifyReport, err error) {
	err = l.read(ctx, func(t *tx) error {
		report, err = verify(ctx, t, progress)
		return err
	})
	if err != nil || !report.OK() {
		return report, err
	}
	return report, l.noteVerified(ctx, nil)
}

// VerifyDir verifies a data directory without opening it for work: it writes nothing, and a daemon may be running on
// it. STORE_BROKEN with the cause ErrKeyMissing, ErrKeyWrong, ErrKeyOpen, ErrNewer or what the system said.
func VerifyDir(ctx context.Context, dir string, progress func(done, total int)) (report VerifyReport, err error) {
	report, err = verifyDir(ctx, dir, progress)
	return report, storeError(err)
}

func verifyDir(ctx context.Context, dir string, progress func(done, total int)) (report VerifyReport, err error) {
	l, err := openForReading(ctx, dir)
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, l.closeReading()) }()
	err = l.read(ctx, func(t *tx) error {
		report, err = verify(ctx, t, progress)
		return err
	})
	return report, err
}

// verifier is a verification on its way.
type verifier struct {
	*tx
	report  VerifyReport
	end     head
	total   int
	at      head // as far as it has come
	trusted bool // the hash there is known

	commits int64 // made when the last slice began
}

func verify(ctx context.Context, t *tx, progress func(done, total int)) (VerifyReport, error) {
	v := &verifier{tx: t, trusted: true}
	if err := v.loadEnd(); err != nil {
		return v.report, err
	}
	if err := t.get("SELECT COUNT(*) FROM chain", nil, &v.total); err != nil {
		return v.report, err
	}
	if progress == nil {
		progress = func(int, int) {}
	}
	if err := v.walk(ctx, progress); err != nil {
		return v.report, err
	}
	return v.report, errors.Join(v.strays(), v.sums(), v.storage())
}

func (v *verifier) found(kind FindingKind, invariant int, record int64, where, format string, args ...any) {
	if len(v.report.Findings) < findingLimit {
		v.report.Findings = append(v.report.Findings, Finding{
			Kind: kind, Invariant: invariant, Record: record, Where: where, Detail: fmt.Sprintf(format, args...),
		})
	}
}

// link is one record of the chain as stored.
type link struct {
	seq       int64
	kind, ref string
	doc, hash []byte
	text      []byte // the record, opened
}

// read is the record itself. The error never quotes it.
func (l *link) read(value any) error { return decodeSealed(KindRecord, l.text, value) }

func (l *link) where() string { return l.kind + " " + l.ref }

// loadEnd reads where the chain ends now.
func (v *verifier) loadEnd() (err error) {
	if v.end, err = v.loadHead(); errors.Is(err, errHeadBroken) {
		v.found(FoundChanged, 7, 0, "head of the chain", "its keyed hash does not fit")
		return nil
	}
	return err
}

// walk follows the chain from its first record.
func (v *verifier) walk(ctx context.Context, progress func(done, total int)) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := v.stretch(verifyPage, func() bool { return false })
		if err != nil {
			return err
		}
		if n == 0 {
			v.arrive()
			return nil
		}
		progress(v.report.Records, v.total)
	}
}

// stretch checks the next records, at most so many, and says how many it was; it ends after any at which enough says so.
func (v *verifier) stretch(most int, enough func() bool) (int, error) {
	page, err := v.page(v.at.seq, most)
	if err != nil {
		return 0, err
	}
	for i := range page {
		if v.at, v.trusted, err = v.step(&page[i], v.at, v.trusted); err != nil {
			return 0, err
		}
		if enough() {
			return i + 1, nil
		}
	}
	return len(page), nil
}

// arrive holds the last record against where the chain should end.
func (v *verifier) arrive() {
	at := v.at
	for seq := at.seq + 1; seq <= v.end.seq && seq <= at.seq+findingLimit; seq++ {
		v.found(FoundRemoved, 7, seq, fmt.Sprintf("chain record %d", seq), "was cut off the end of the chain")
	}
	if at.seq == v.end.seq && at.hash != v.end.hash && v.report.OK() {
		v.found(FoundChanged, 7, at.seq, "head of the chain", "does not fit the last record")
	}
}

func (v *verifier) page(after int64, most int) (page []link, err error) {
	err = v.each("SELECT seq, kind, ref, doc, hash FROM chain WHERE seq > ? ORDER BY seq LIMIT ?", []any{after, most},
		func(scan func(dest ...any) error) error {
			var l link
			err := scan(&l.seq, &l.kind, &l.ref, &l.doc, &l.hash)
			page = append(page, l)
			return err
		})
	return page, err
}

// step checks one record. trusted is false behind a gap, where the hash before is not known.
func (v *verifier) step(l *link, at head, trusted bool) (head, bool, error) {
	v.report.Records++
	for seq := at.seq + 1; seq < l.seq; seq++ {
		v.found(FoundRemoved, 7, seq, fmt.Sprintf("chain record %d", seq), "is missing")
		trusted = false
	}
	stored := head{seq: l.seq}
	copy(stored.hash[:], l.hash)
	if l.seq > v.end.seq {
		v.found(FoundInserted, 7, l.seq, l.where(), "stands behind the end of the chain")
		return stored, false, nil
	}
	var err error
	if l.text, err = v.vault().unseal(KindRecord, l.doc); err != nil {
		v.found(FoundChanged, 7, l.seq, l.where(), "the record does not open")
		return stored, true, nil
	}
	if trusted {
		at.seq = l.seq - 1
		if next := at.next(l.kind, l.ref, l.text); next != stored {
			v.found(FoundChanged, 7, l.seq, l.where(), "the hash does not fit the record and the one before")
		}
	}
	return stored, true, v.check(l)
}

// check compares a record with the tables.
func (v *verifier) check(l *link) error {
	switch l.kind {
	case recordSettlement:
		v.report.Settlements++
		return v.checkSettlement(l)
	case recordReturn:
		v.report.Returns++
		return v.checkReturn(l)
	case recordDispatch:
		v.report.Outcomes++
		return v.checkOutcome(l)
	case recordRequest:
		v.report.Requests++
		return v.checkRequest(l)
	case recordPremium:
		v.report.Premiums++
		return v.checkPremium(l)
	case recordPremiumCancel:
		v.report.Premiums++
		return v.checkPremiumCancel(l)
	case recordAdjustment:
		v.report.Adjustments++
		return v.checkAdjustment(l)
	case recordDecision:
		return v.checkDecision(l)
	case recordClosing:
		return v.checkClosing(l)
	case recordOrphan:
		v.report.Orphans++
		return v.checkOrphan(l)
	}
	v.found(FoundInserted, 7, l.seq, l.where(), "is of no known kind")
	return nil
}

// differs reports a difference between what the chain says and what a table says.
func (v *verifier) differs(l *link, what string, chain, table any) {
	if !sameDoc(chain, table) {
		v.found(FoundChanged, 7, l.seq, l.where(), "%s differs from the chain", what)
	}
}

// settledColumns are the columns of a settlement that never change.
type settledColumns struct {
	Pos, Sale, Receipt, MedType, MedGroup, Disease string
	Person                                         settle.PersonID
	At                                             int64
	Day                                            settle.Date
	Figures                                        settle.Figures
	Offline                                        bool
	AtRisk                                         settle.Fen
	Record                                         int64
}

func (v *verifier) checkSettlement(l *link) error {
	var record settlementRecord
	if err := l.read(&record); err != nil {
		v.found(FoundChanged, 7, l.seq, l.where(), "the record does not decode")
		return nil
	}
	s := &record.Settlement
	var key int64
	var pid []byte
	var table settledColumns
	var shop settle.ShopState
	f := &table.Figures
	err := v.get(`SELECT s.id, s.pos, s.sale_id, s.receipt, s.med_type, s.med_group, s.disease, p.pid, s.at, s.day, s.total, s.fund,
		s.own, s.shared, s.cash, s.offline, s.at_risk, s.record, s.shop
		FROM settlement s JOIN person p ON p.id = s.person WHERE s.ref = ?`, []any{l.ref},
		&key, &table.Pos, &table.Sale, &table.Receipt, &table.MedType, &table.MedGroup, &table.Disease, &pid, &table.At,
		&table.Day, &f.Total, &f.Fund, &f.Own, &f.Shared, &f.Cash, &table.Offline, &table.AtRisk, &table.Record, &shop)
	if errors.Is(err, errNoRows) {
		v.found(FoundRemoved, 3, l.seq, l.where(), "the settlement's row is gone")
		return nil
	}
	if err != nil {
		return err
	}
	table.Person = v.vault().personID(pid)
	v.differs(l, "the settlement's row", settledColumns{
		Pos: s.Sale.POS, Sale: s.Sale.ID, Receipt: s.ReceiptNo, MedType: s.Sale.MedType, MedGroup: string(record.MedGroup),
		Disease: s.Sale.Disease.Code, Person: s.Sale.Patient, At: millis(s.At), Day: s.Day, Figures: s.Figures,
		Offline: s.Offline, AtRisk: s.AtRisk, Record: l.seq,
	}, table)
	v.checkSplit(l, s)
	var paid settle.Fen
	want := make([]postedColumns, 0, len(s.Postings))
	for i := range s.Postings {
		p := &s.Postings[i]
		paid += p.Amount
		want = append(want, postedColumns{Person: p.Person, Pot: p.Pot, Leg: legSettle, Day: s.Day, Amount: p.Amount, Covered: p.Covered})
		if p.After < 0 || p.Amount <= 0 {
			v.found(FoundBroken, 2, l.seq, l.where(), "a posting leaves an account below its floor")
		}
	}
	if s.Centre != nil { // what no account known here can have paid; it is not posted
		paid += s.Centre.RestOwn + s.Centre.RestShared
	}
	if paid+s.Figures.Cash+s.Figures.Fund != s.Figures.Total {
		v.found(FoundBroken, 1, l.seq, l.where(), "postings, cash and fund do not sum to the total")
	}
	return errors.Join(v.checkPostings(l, want), v.checkLines(l, key, s), v.checkPresence(l, key, &s.Presence),
		v.checkReport(l, settle.ReportSettle, s.Figures.Own+s.Figures.Shared), v.checkBack(l, key, shop))
}

// checkSplit re-adds a settlement from its lines.
func (v *verifier) checkSplit(l *link, s *settle.Settlement) {
	var total, fund, cash settle.Fen
	for i := range s.Sale.Lines {
		total += s.Sale.Lines[i].Total
		fund += s.Sale.Lines[i].Fund
		cash += s.Plan.LineCash[s.Sale.Lines[i].ID]
	}
	if total != s.Figures.Total || fund != s.Figures.Fund || cash != s.Figures.Cash {
		v.found(FoundBroken, 1, l.seq, l.where(), "the lines do not sum to the settlement")
	}
}

// postedColumns are the columns of a posting that never change.
type postedColumns struct {
	Person settle.PersonID
	Pot    settle.Pot
	Leg    int
	Day    settle.Date
	Amount settle.Fen

	Covered settle.Fen
}

func (v *verifier) checkPostings(l *link, want []postedColumns) error {
	got := make([]postedColumns, 0, len(want))
	// By way of the reports that a record may move money for, since postings have no index by record; what stands under another
	// report is a stray.
	err := v.each(`SELECT p.pid, o.pot, o.leg, o.day, o.amount, o.covered FROM posting o JOIN person p ON p.id = o.person
		WHERE o.report IN (SELECT id FROM report WHERE record = ?1 UNION ALL SELECT r.id FROM adjustment a JOIN report r ON r.settlement = a.settlement
			WHERE a.record = ?1) AND o.record = ?1 ORDER BY o.id`, []any{l.seq},
		func(scan func(dest ...any) error) error {
			var pid []byte
			var p postedColumns
			err := scan(&pid, &p.Pot, &p.Leg, &p.Day, &p.Amount, &p.Covered)
			p.Person = v.vault().personID(pid)
			got = append(got, p)
			return err
		})
	if err != nil {
		return err
	}
	switch {
	case len(got) < len(want):
		v.found(FoundRemoved, 1, l.seq, l.where(), "%d of %d postings are gone", len(want)-len(got), len(want))
	case len(got) > len(want):
		v.found(FoundInserted, 1, l.seq, l.where(), "%d postings were added", len(got)-len(want))
	default:
		v.differs(l, "a posting", want, got)
	}
	return nil
}

func (v *verifier) checkLines(l *link, key int64, s *settle.Settlement) error {
	type columns struct {
		Code, Class, Quantity string
		Total, Fund, Cash     settle.Fen
	}
	want := make([]columns, 0, len(s.Sale.Lines))
	for i := range s.Sale.Lines {
		line := &s.Sale.Lines[i]
		want = append(want, columns{line.Code, line.Class, line.Quantity, line.Total, line.Fund, s.Plan.LineCash[line.ID]})
	}
	got := make([]columns, 0, len(want))
	err := v.each("SELECT code, class, quantity, total, fund, cash FROM line WHERE settlement = ? ORDER BY n", []any{key},
		func(scan func(dest ...any) error) error {
			var c columns
			err := scan(&c.Code, &c.Class, &c.Quantity, &c.Total, &c.Fund, &c.Cash)
			got = append(got, c)
			return err
		})
	v.differs(l, "a line", want, got)
	return err
}

func (v *verifier) checkPresence(l *link, key int64, want *settle.Presence) error {
	var got settle.Presence
	var seq, settlement, matched int64
	var card []byte
	err := v.get("SELECT COALESCE(settlement, 0), reader, seq, kind, card, person_check, matched_at FROM presence WHERE record = ?", []any{l.seq},
		&settlement, &got.Reader, &seq, &got.Kind, &card, &got.PersonCheck, &matched)
	if errors.Is(err, errNoRows) {
		v.found(FoundRemoved, 8, l.seq, l.where(), "the card presence is gone")
		return nil
	}
	hash, sealErr := v.vault().openHash(card)
	if sealErr != nil || settlement != key || got.Reader != want.Reader || seq != int64(want.Seq) || got.Kind != want.Kind ||
		hash != want.CardHash || got.PersonCheck != want.PersonCheck || matched != millis(want.MatchedAt) {
		v.found(FoundChanged, 8, l.seq, l.where(), "the card presence differs from the chain")
	}
	return err
}

func (v *verifier) checkReport(l *link, kind settle.ReportKind, amount settle.Fen) error {
	var gotKind settle.ReportKind
	var gotAmount settle.Fen
	err := v.get("SELECT kind, amount FROM report WHERE record = ?", []any{l.seq}, &gotKind, &gotAmount)
	if errors.Is(err, errNoRows) {
		v.found(FoundRemoved, 5, l.seq, l.where(), "its report is gone")
		return nil
	}
	if gotKind != kind || gotAmount != amount {
		v.found(FoundChanged, 5, l.seq, l.where(), "its report differs from the chain")
	}
	return err
}

// checkBack re-adds what was given back, and derives the shop's state from it.
func (v *verifier) checkBack(l *link, key int64, shop settle.ShopState) error {
	var row, sum settle.Figures
	err := v.get("SELECT back_total, back_fund, back_own, back_shared, back_cash FROM settlement WHERE id = ?", []any{key},
		&row.Total, &row.Fund, &row.Own, &row.Shared, &row.Cash)
	if err != nil {
		return err
	}
	err = v.get(`SELECT COALESCE(SUM(total), 0), COALESCE(SUM(fund), 0), COALESCE(SUM(own), 0), COALESCE(SUM(shared), 0),
		COALESCE(SUM(cash), 0) FROM refund WHERE settlement = ?`, []any{key}, &sum.Total, &sum.Fund, &sum.Own, &sum.Shared, &sum.Cash)
	if err != nil {
		return err
	}
	if row != sum {
		v.found(FoundChanged, 6, l.seq, l.where(), "what was given back does not sum to its returns")
	}
	if err := v.checkAdjusted(l, key); err != nil {
		return err
	}
	want := settle.ShopSettled
	var last int64
	err = v.get("SELECT record FROM refund WHERE settlement = ? ORDER BY id DESC LIMIT 1", []any{key}, &last)
	if err == nil {
		var back returnRecord
		if v.record(last, &back) != nil {
			return nil // named where the record itself is checked
		}
		want = back.Return.State
	} else if !errors.Is(err, errNoRows) {
		return err
	}
	if want != shop {
		v.found(FoundChanged, 6, l.seq, l.where(), "its state is %s and should be %s", shop, want)
	}
	return nil
}

func (v *verifier) checkReturn(l *link) error {
	var record returnRecord
	if err := l.read(&record); err != nil {
		v.found(FoundChanged, 7, l.seq, l.where(), "the record does not decode")
		return nil
	}
	type columns struct {
		Settlement, Receipt string
		At                  int64
		Whole               bool
		Figures             settle.Figures
		Record              int64
	}
	var key int64
	var table columns
	f := &table.Figures
	err := v.get(`SELECT s.id, s.ref, f.receipt, f.at, f.whole, f.total, f.fund, f.own, f.shared, f.cash, f.record
		FROM refund f JOIN settlement s ON s.id = f.settlement WHERE f.return_id = ? AND f.pos = ?`, []any{l.ref, record.POS},
		&key, &table.Settlement, &table.Receipt, &table.At, &table.Whole, &f.Total, &f.Fund, &f.Own, &f.Shared, &f.Cash, &table.Record)
	if errors.Is(err, errNoRows) {
		v.found(FoundRemoved, 6, l.seq, l.where(), "the return's row is gone")
		return nil
	}
	if err != nil {
		return err
	}
	back := &record.Return
	v.differs(l, "the return's row", columns{back.Settlement, back.ReceiptNo, millis(back.At), back.Whole, back.Figures, l.seq}, table)
	day := settle.DateOf(back.At)
	want := make([]postedColumns, 0, len(record.Cancelled)+len(record.Rebooked))
	var net settle.Fen
	for _, pay := range record.Cancelled {
		if net -= pay.Amount; pay.Pot == settle.PotDifference {
			continue // not posted
		}
		want = append(want, postedColumns{Person: pay.Account, Pot: pay.Pot, Leg: legCancel, Day: day, Amount: -pay.Amount})
	}
	for _, pay := range record.Rebooked {
		if net += pay.Amount; pay.Pot == settle.PotDifference {
			continue
		}
		want = append(want, postedColumns{Person: pay.Account, Pot: pay.Pot, Leg: legRebook, Day: day, Amount: pay.Amount})
	}
	if fig := back.Figures; -net != fig.Own+fig.Shared || fig.Fund+fig.Own+fig.Shared+fig.Cash != fig.Total {
		v.found(FoundBroken, 6, l.seq, l.where(), "what comes back does not sum")
	}
	kind := settle.ReportRefund
	if back.Whole {
		kind = settle.ReportReverse
	}
	err = errors.Join(v.checkPostings(l, want), v.checkReport(l, kind, back.Figures.Own+back.Figures.Shared))
	if record.Presence != nil {
		err = errors.Join(err, v.checkPresence(l, key, record.Presence))
	}
	return err
}

func (v *verifier) checkOutcome(l *link) error {
	var record dispatchRecord
	if err := l.read(&record); err != nil {
		v.found(FoundChanged, 7, l.seq, l.where(), "the record does not decode")
		return nil
	}
	var report int64
	var state settle.DispatchState
	var undone string
	var last sql.NullInt64
	err := v.get("SELECT report, state, undone_by, record FROM dispatch WHERE msgid = ?", []any{l.ref}, &report, &state, &undone, &last)
	if errors.Is(err, errNoRows) {
		v.found(FoundRemoved, 5, l.seq, l.where(), "the journal's row is gone")
		return nil
	}
	if err != nil {
		return err
	}
	if last.Int64 < l.seq {
		v.found(FoundChanged, 5, l.seq, l.where(), "the journal's row does not know this outcome")
	}
	undoneBySomebody := state == settle.DispatchReversed && undone != ""
	if last.Int64 == l.seq && (report != record.Report || (state != record.State && !undoneBySomebody)) {
		v.found(FoundChanged, 5, l.seq, l.where(), "the journal's row differs from the chain")
	}
	return nil
}

// strays finds rows that no record of the chain accounts for.
func (v *verifier) strays() error {
	for _, q := range []struct {
		invariant int
		query     string
	}{
		{3, `SELECT 'settlement ' || s.ref FROM settlement s LEFT JOIN chain c ON c.seq = s.record AND c.kind = 'settlement' AND c.ref = s.ref
			WHERE c.seq IS NULL`},
		{6, `SELECT 'return ' || f.return_id FROM refund f LEFT JOIN chain c ON c.seq = f.record AND c.kind = 'return' AND c.ref = f.return_id
			WHERE c.seq IS NULL`},
		{1, `SELECT 'posting ' || o.id FROM posting o LEFT JOIN report r ON r.id = o.report
			LEFT JOIN adjustment a ON a.record = o.record AND a.settlement = o.settlement AND a.settlement = r.settlement
			WHERE r.record IS NOT o.record AND a.id IS NULL`},
		{1, `SELECT 'adjustment ' || a.ref FROM adjustment a LEFT JOIN chain c ON c.seq = a.record AND c.kind = 'adjustment' AND c.ref = a.ref
			WHERE c.seq IS NULL`},
		{7, `SELECT 'decision ' || a.id FROM attention a LEFT JOIN chain c ON c.seq = a.record AND c.kind = 'decision'
			WHERE a.record IS NOT NULL AND c.seq IS NULL`},
		{7, `SELECT 'month ' || m.month FROM closing m LEFT JOIN chain c ON c.seq = m.record AND c.kind = 'closing' WHERE c.seq IS NULL`},
		{5, `SELECT 'report ' || r.id FROM report r LEFT JOIN settlement s ON s.record = r.record AND s.id = r.settlement
			LEFT JOIN refund f ON f.record = r.record AND f.id = r.refund LEFT JOIN premium m ON m.record = r.record AND m.id = r.premium
			LEFT JOIN premium_cancel k ON k.record = r.record AND k.premium = r.premium
			LEFT JOIN request q ON q.record = r.record AND q.id = r.request LEFT JOIN intent n ON n.record = r.record AND n.id = r.intent
			WHERE (s.id IS NOT NULL) + (f.id IS NOT NULL) + (m.id IS NOT NULL) + (k.id IS NOT NULL) + (q.id IS NOT NULL) + (n.id IS NOT NULL) <> 1`},
		{5, `SELECT 'intent ' || n.msgid FROM intent n LEFT JOIN chain c ON c.seq = n.record AND c.kind = 'orphan' AND c.ref = n.msgid
			WHERE n.state = 'orphan' AND c.seq IS NULL`},
		{8, `SELECT 'presence ' || p.record FROM presence p LEFT JOIN report r ON r.record = p.record AND r.settlement IS p.settlement
			WHERE r.id IS NULL`},
		{3, `SELECT 'request ' || q.request_id FROM request q LEFT JOIN chain c ON c.seq = q.record AND c.kind = 'request' AND c.ref = q.request_id
			WHERE c.seq IS NULL`},
		{3, `SELECT 'end of binding ' || e.binding FROM binding_end e LEFT JOIN request q ON q.id = e.request AND q.record = e.record
			LEFT JOIN chain c ON c.seq = e.record AND c.kind = 'request' AND c.ref = q.request_id WHERE c.seq IS NULL`},
		{3, `SELECT 'premium ' || m.premium_id FROM premium m LEFT JOIN chain c ON c.seq = m.record AND c.kind = 'premium' AND c.ref = m.premium_id
			WHERE c.seq IS NULL`},
		{6, `SELECT 'cancellation ' || k.cancel_id FROM premium_cancel k LEFT JOIN chain c ON c.seq = k.record AND c.kind = 'premium_cancel'
			AND c.ref = k.cancel_id WHERE c.seq IS NULL`},
		{7, `SELECT 'message ' || d.msgid FROM dispatch d LEFT JOIN chain c ON c.seq = d.record AND c.kind = 'dispatch' AND c.ref = d.msgid
			WHERE c.seq IS NULL AND d.state NOT IN ('prepared', 'sent', 'unknown') AND d.undone_by = ''`},
	} {
		err := v.each(q.query, nil, func(scan func(dest ...any) error) error {
			var where string
			err := scan(&where)
			v.found(FoundInserted, q.invariant, 0, where, "no record of the chain accounts for it")
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// sums checks what needs many rows at once.
func (v *verifier) sums() error {
	const where = `COALESCE('settlement ' || s.ref, 'premium ' || m.premium_id, 'nothing') FROM posting o
		LEFT JOIN settlement s ON s.id = o.settlement LEFT JOIN premium m ON m.id = o.premium `
	err := v.each("SELECT "+where+"GROUP BY o.settlement, o.premium, o.person HAVING SUM(o.amount) < 0", nil,
		func(scan func(dest ...any) error) error {
			var ref string
			err := scan(&ref)
			v.found(FoundBroken, 6, 0, ref, "a source got back more than it paid")
			return err
		})
	return errors.Join(err, v.each("SELECT o.id, "+where+`WHERE o.centre <> ? AND NOT EXISTS
		(SELECT 1 FROM dispatch d WHERE d.report = o.report AND d.centre = o.centre)`, []any{open},
		func(scan func(dest ...any) error) error {
			var id int64
			var ref string
			err := scan(&id, &ref)
			v.found(FoundChanged, 2, 0, ref, "posting %d claims an acknowledgement that the journal does not hold", id)
			return err
		}))
}

// storage lets SQLite look for damage of its own.
func (v *verifier) storage() error {
	return v.each("PRAGMA quick_check(10)", nil, func(scan func(dest ...any) error) error {
		var text string
		err := scan(&text)
		if text != "ok" {
			v.found(FoundBroken, 0, 0, "database file", "%s", text)
		}
		return err
	})
}
