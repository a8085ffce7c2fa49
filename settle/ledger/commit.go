package ledger

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"strings"
	"time"

	"gongji/settle"
)

// Settle books a sale; replayed is true where the sale id was already settled with the same content, and then nothing
// is looked at but the stored answer. Errors: those of Quote, QUOTE_CHANGED (member quote holds the new settle.Quote),
// IDEMPOTENCY_CONFLICT (member field), CARD_REPORTED_LOST, STORE_FULL, STORE_BROKEN, and whatever Confirm returns. On an
// error nothing was written but, for a card that is not the patient's, the incident.
func (l *Ledger) Settle(ctx context.Context, order settle.SettleOrder) (result settle.Settlement, replayed bool, err error) {
	defer l.counter.serve()()
	began := time.Now()
	err = l.write(ctx, func(t *tx) (err error) {
		result, replayed, err = t.settle(&order)
		return err
	})
	l.metrics.settleDuration.Observe(time.Since(began).Seconds())
	l.metrics.countSettle(replayed, err)
	if err != nil {
		if settle.CodeOf(err) == settle.PersonCardMismatch {
			l.noteMismatch(ctx, &order)
		}
		return settle.Settlement{}, false, err
	}
	return result, replayed, nil
}

func (t *tx) settle(order *settle.SettleOrder) (settle.Settlement, bool, error) {
	stored, err := t.settlementBy(settlementQuery+"sale_id = ? AND pos = ?", order.Sale.ID, order.Sale.POS)
	switch {
	case err == nil:
		asked := stored.Sale
		asked.Lines = stored.AskedLines()
		if field := firstDifference(asked, order.Sale); field != "" {
			return settle.Settlement{}, false, settle.OtherSale(field, &stored)
		}
		return stored, true, nil
	case settle.CodeOf(err) != settle.NotFound:
		return settle.Settlement{}, false, err
	}
	fresh, err := t.settleNew(order)
	return fresh, false, err
}

func (t *tx) settleNew(order *settle.SettleOrder) (settle.Settlement, error) {
	var none settle.Settlement
	if err := checkPresence(&order.Presence); err != nil {
		return none, err
	}
	f, err := t.gather(&order.Sale, order.Offline)
	if err != nil {
		return none, err
	}
	if err := t.checkCard(f, order); err != nil {
		return none, err
	}
	var centre *settle.Figures
	if order.Inline != nil && order.Inline.Booking != nil {
		centre = &order.Inline.Booking.Figures
	}
	quote, err := t.decideBy(f, centre)
	if err != nil {
		return none, err
	}
	if order.QuoteDigest != "" && order.QuoteDigest != quote.Digest {
		return none, settle.NewError(settle.QuoteChanged, nil).With("quote", quote)
	}
	if order.Confirm != nil {
		if err := order.Confirm(); err != nil {
			return none, err
		}
	}
	receipt, err := t.receipt(f.bill.Day)
	if err != nil {
		return none, err
	}
	settlement := settle.Settlement{
		ID: newID(f.at), ReceiptNo: receipt, Sale: order.Sale, Presence: order.Presence, At: f.at, Day: f.bill.Day,
		Shop: settle.ShopSettled, Report: settle.ReportPending, Figures: quote.Figures, Postings: quote.Postings,
		Skipped: quote.Skipped, Unpayable: quote.Unpayable, Plan: quote.Plan, Policy: f.policy, LedgerAge: f.age, Offline: order.Offline,
		AtRisk: quote.AtRisk, Digest: quote.Digest, Centre: quote.Centre,
	}
	settlement.Sale.Lines = quote.Bill.Lines
	report, err := t.store(f, &settlement)
	if err != nil {
		return none, err
	}
	return settlement, t.adopt(report, order, &settlement)
}

// checkPresence: no settlement without the evidence of the match.
func checkPresence(p *settle.Presence) error {
	if p.Reader == "" || p.Kind == "" || p.MatchedAt.IsZero() {
		return badField("presence", "没有读卡记录，不能结算。", "reader, kind and time of the match are required")
	}
	return nil
}

// checkCard holds the presented card against the centre's word. A card that the ledger does not know proves nothing: a
// new one is known as soon as the centre has answered for it, and one that the centre refuses stays unknown.
// The order is that of the offline checks: card known, person active, card not reported lost.
func (t *tx) checkCard(f *facts, order *settle.SettleOrder) error {
	return t.checkPresented(&order.Presence, order.Sale.Patient, f.checkActive)
}

// checkPresented is checkCard for any holder; active is asked once the card is known.
func (t *tx) checkPresented(p *settle.Presence, holder settle.PersonID, active func() error) error {
	if p.Kind != settle.CredentialCard {
		return nil
	}
	card, known, err := t.card(p.CardHash)
	switch {
	case err != nil:
		return err
	case !known:
		return settle.NewError(settle.PersonUnknown, nil)
	}
	if err := active(); err != nil {
		return err
	}
	switch {
	case card.Owner != holder:
		return &settle.Error{Code: settle.PersonCardMismatch, Reason: settle.ECardOwnerMismatch}
	case card.Status == settle.CardLost:
		return settle.NewError(settle.CardReportedLost, nil)
	case card.Status == settle.CardExpired:
		return settle.NewError(settle.CardExpiredCode, nil)
	}
	return nil
}

// store writes a settlement with everything that belongs to it, and returns its report.
func (t *tx) store(f *facts, s *settle.Settlement) (report int64, err error) {
	record, err := t.link(recordSettlement, s.ID, &settlementRecord{
		Settlement: *s, MedGroup: f.bill.MedGroup, Bill: storedBill(f.bill),
	})
	if err != nil {
		return 0, err
	}
	fig := &s.Figures
	key, err := t.insert(`INSERT INTO settlement (ref, pos, sale_id, receipt, person, at, day, med_type, med_group, disease,
		area, total, fund, own, shared, cash, shop, offline, at_risk, record)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		s.ID, s.Sale.POS, s.Sale.ID, s.ReceiptNo, f.patient.key, millis(s.At), s.Day, s.Sale.MedType, f.bill.MedGroup,
		s.Sale.Disease.Code, f.bill.Patient.Area, fig.Total, fig.Fund, fig.Own, fig.Shared, fig.Cash, s.Shop, s.Offline,
		s.AtRisk, record)
	if err != nil {
		return 0, err
	}
	about := subject{settlement: key}
	report, err = t.addReport(settle.ReportSettle, about, f.patient.key, fig.Own+fig.Shared, s.At, record)
	if err != nil {
		return 0, err
	}
	for i := range s.Postings {
		p := &s.Postings[i]
		h := f.holder(p.Person)
		if err := t.addPosting(record, report, about, legSettle, h.key, f.patient.key, s.Day, p); err != nil {
			return 0, err
		}
	}
	if err := t.addLines(key, f, s); err != nil {
		return 0, err
	}
	if err := t.addPresence(record, about, &s.Presence); err != nil {
		return 0, err
	}
	if err := t.addProxy(key, f, s); err != nil {
		return 0, err
	}
	if err := t.indexSale(key, &f.patient, s, record); err != nil {
		return 0, err
	}
	t.batch.after = append(t.batch.after, func() { t.ledger.settled(fig) })
	return report, nil
}

// The legs of a posting; see the migration.
const (
	legSettle = iota
	legCancel
	legRebook
)

// subject is what a report, posting or presence belongs to: a settlement, a return of one (both are set), a premium, a
// request or an in-line message that no settlement came of.
type subject struct{ settlement, refund, premium, request, intent int64 }

// orNull is a row id as a column: NULL for none.
func orNull(id int64) any {
	if id == 0 {
		return nil
	}
	return id
}

func (t *tx) addPosting(record, report int64, of subject, leg int, person, patient int64, day settle.Date, p *settle.Posting) error {
	return t.run(`INSERT INTO posting (record, report, settlement, premium, leg, person, patient, pot, day, amount, after, covered, centre)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		record, report, orNull(of.settlement), orNull(of.premium), leg, person, patient, p.Pot, day, p.Amount, p.After, p.Covered, open)
}

func (t *tx) addReport(kind settle.ReportKind, of subject, person int64, amount settle.Fen, at time.Time, record int64) (int64, error) {
	return t.insert(`INSERT INTO report (kind, settlement, refund, premium, request, intent, person, state, done, created, attempts, next,
		fault, amount, record) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, ?, 0, ?, '', ?, ?)`,
		kind, orNull(of.settlement), orNull(of.refund), orNull(of.premium), orNull(of.request), orNull(of.intent), person, settle.ReportPending, millis(at),
		millis(at), amount, record)
}

// addProxy notes who bought for an absent patient (rules page 4.3: cards presented by this agent today).
func (t *tx) addProxy(settlement int64, f *facts, s *settle.Settlement) error {
	if s.Sale.Proxy == nil {
		return nil
	}
	return t.run("INSERT INTO proxy (settlement, agent, day, patient) VALUES (?, ?, ?, ?)",
		settlement, t.vault().hexColumn(s.Sale.Proxy.AgentHash), s.Day, f.patient.key)
}

var lineTable = into("INSERT INTO line (settlement, n, code, class, quantity, total, fund, cash) VALUES", 8)

func (t *tx) addLines(settlement int64, f *facts, s *settle.Settlement) error {
	lines := rows{table: lineTable}
	for i := range s.Sale.Lines {
		line := &s.Sale.Lines[i]
		lines.add(settlement, i, line.Code, line.Class, line.Quantity, line.Total, line.Fund, s.Plan.LineCash[line.ID])
		if err := t.addTraces(settlement, line, f.traces[i]); err != nil {
			return err
		}
	}
	return lines.insert(t)
}

func (t *tx) addPresence(record int64, of subject, p *settle.Presence) error {
	return t.run(`INSERT INTO presence (record, settlement, reader, seq, kind, card, person_check, matched_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		record, orNull(of.settlement), p.Reader, int64(p.Seq), p.Kind, t.vault().sealHash(p.CardHash), p.PersonCheck, millis(p.MatchedAt))
}

// settled tells the world after the commit.
func (l *Ledger) settled(fig *settle.Figures) {
	l.metrics.addYuan(fig)
	l.wakeOutbox()
}

func (l *Ledger) wakeOutbox() {
	if l.options.OnReport != nil {
		l.options.OnReport()
	}
}

// newID is an opaque id that sorts by time: 48 bits of milliseconds and 80 random bits, 26 characters.
func newID(at time.Time) string {
	var id [16]byte
	ms := uint64(at.UnixMilli())
	for i := range 6 {
		id[i] = byte(ms >> (40 - 8*i))
	}
	_, _ = rand.Read(id[6:]) // never fails
	return idText.EncodeToString(id[:])
}

var idText = base32.NewEncoding(strings.ToLower("0123456789ABCDEFGHJKMNPQRSTVWXYZ")).WithPadding(base32.NoPadding)

// notFound is NOT_FOUND where a query had no row.
func notFound(err error) error {
	if errors.Is(err, errNoRows) {
		return settle.NewError(settle.NotFound, nil)
	}
	return err
}
