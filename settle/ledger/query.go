package ledger

import (
	"context"

	"gongji/settle"
)

// RecentLimit is the most settlements that Recent lists.
const RecentLimit = 500

// settlementQuery joins what the centre said: a settlement with several reports (its own and its returns') stands as the
// latest one that is not accepted, so that "accepted" means that the centre knows all of it.
const settlementQuery = `SELECT s.record, s.shop, s.back_total, s.back_fund, s.back_own, s.back_shared, s.back_cash,
	(SELECT r.state FROM report r WHERE r.settlement = s.id ORDER BY r.state = 'accepted', r.id DESC LIMIT 1),
	s.id, s.cash_open, s.cash_lost
	FROM settlement s WHERE `

// settlementState is what became of a settlement after its record was written.
type settlementState struct {
	record int64
	shop   settle.ShopState
	back   settle.Figures
	report settle.ReportState
	key    int64
	cash   settle.CashStanding
}

// settlementBy is the one settlement that a query finds, settlementQuery with a condition over table s; NOT_FOUND.
func (t *tx) settlementBy(query string, args ...any) (settle.Settlement, error) {
	var state settlementState
	if err := t.get(query, args, state.dest()...); err != nil {
		return settle.Settlement{}, notFound(err)
	}
	return t.settlementOf(&state)
}

func (s *settlementState) dest() []any {
	b := &s.back
	return []any{&s.record, &s.shop, &b.Total, &b.Fund, &b.Own, &b.Shared, &b.Cash, &s.report, &s.key, &s.cash.Open, &s.cash.Lost}
}

// settlementOf joins the record and what became of it.
func (t *tx) settlementOf(state *settlementState) (settle.Settlement, error) {
	var record settlementRecord
	if err := t.record(state.record, &record); err != nil {
		return settle.Settlement{}, err
	}
	s := record.Settlement
	s.Shop, s.Report, s.Refunded, s.CashState = state.shop, state.report, state.back, state.cash
	var err error
	if s.Adjustments, err = t.adjustmentsOf(state.key); err != nil {
		return settle.Settlement{}, err
	}
	if s.Shop != settle.ShopSettled {
		left := position{key: state.key}
		if err := t.fillPosition(&left); err != nil {
			return settle.Settlement{}, err
		}
		s.Left = append([]settle.Line{}, left.lines...)
	}
	s.AtRisk = atRisk(&s)
	return s, nil
}

// atRisk is what of an offline settlement is still at risk: nothing once the centre has booked it or the money is back.
func atRisk(s *settle.Settlement) settle.Fen {
	if s.Report == settle.ReportAccepted || s.Report == settle.ReportAdjusted {
		return 0
	}
	now := s.Standing()
	taken := now.Own + now.Shared - s.Refunded.Own - s.Refunded.Shared
	return min(s.AtRisk, taken)
}

// Settlement is a settlement by its id; NOT_FOUND.
func (l *Ledger) Settlement(ctx context.Context, id string) (s settle.Settlement, err error) {
	err = l.read(ctx, func(t *tx) (err error) {
		s, err = t.settlementBy(settlementQuery+"s.ref = ?", id)
		return err
	})
	return s, err
}

// SettlementBySale answers "what became of sale X?": the sale of this till, else the latest of any till of the venue
// under that id; NOT_FOUND.
func (l *Ledger) SettlementBySale(ctx context.Context, pos, saleID string) (s settle.Settlement, err error) {
	err = l.lookUp(ctx, func(t *tx) error { // a till that sells asks before every sale, and nearly all are new
		var one int
		return notFound(t.get("SELECT 1 FROM settlement WHERE sale_id = ? LIMIT 1", []any{saleID}, &one))
	})
	if err != nil {
		return s, err
	}
	err = l.read(ctx, func(t *tx) (err error) {
		s, err = t.settlementBy(settlementQuery+"s.sale_id = ? ORDER BY s.pos = ? DESC, s.id DESC LIMIT 1", saleID, pos)
		return err
	})
	return s, err
}

// ReturnByID finds a reversal or refund by the till's id, as SettlementBySale finds a sale; NOT_FOUND.
func (l *Ledger) ReturnByID(ctx context.Context, pos, id string) (back settle.Return, err error) {
	err = l.read(ctx, func(t *tx) (err error) {
		back, err = t.returnBy("f.return_id = ? ORDER BY f.pos = ? DESC, f.id DESC LIMIT 1", id, pos)
		if err != nil || !back.Whole {
			return err
		}
		back.Goods, err = t.goodsOf(back.Settlement)
		return err
	})
	return back, err
}

// Returns are the reversals and refunds of a settlement, oldest first; empty where there are none.
func (l *Ledger) Returns(ctx context.Context, settlement string) (list []settle.Return, err error) {
	err = l.read(ctx, func(t *tx) error {
		records, err := t.records(`SELECT f.record FROM refund f JOIN settlement s ON s.id = f.settlement
			WHERE s.ref = ? ORDER BY f.id`, settlement)
		if err != nil {
			return err
		}
		for _, seq := range records {
			back, err := t.returnBy("f.record = ?", seq)
			if err != nil {
				return err
			}
			list = append(list, back)
		}
		return nil
	})
	return list, err
}

func (t *tx) records(query string, args ...any) (list []int64, err error) {
	err = t.each(query, args, func(scan func(dest ...any) error) error {
		var seq int64
		err := scan(&seq)
		list = append(list, seq)
		return err
	})
	return list, err
}

func (t *tx) returnBy(condition string, args ...any) (settle.Return, error) {
	var seq int64
	var report settle.ReportState
	err := t.get("SELECT f.record, r.state FROM refund f JOIN report r ON r.record = f.record WHERE "+condition, args, &seq, &report)
	if err != nil {
		return settle.Return{}, notFound(err)
	}
	var record returnRecord
	if err := t.record(seq, &record); err != nil {
		return settle.Return{}, err
	}
	record.Return.Report = report
	return record.Return, nil
}

// goodsOf are the lines that the reversal of a settlement took back: those of the sale, or what the refund before it kept.
// After a reversal nothing follows, so the refund before it is the latest refund.
func (t *tx) goodsOf(settlement string) ([]settle.Line, error) {
	var sold, refunded int64
	err := t.get(`SELECT s.record, (SELECT COALESCE(MAX(f.record), 0) FROM refund f WHERE f.settlement = s.id AND f.whole = 0)
		FROM settlement s WHERE s.ref = ?`, []any{settlement}, &sold, &refunded)
	if err != nil {
		return nil, notFound(err)
	}
	if refunded > 0 {
		var record returnRecord
		err := t.record(refunded, &record)
		return record.Kept, err
	}
	var record settlementRecord
	err = t.record(sold, &record)
	return record.Settlement.Sale.Lines, err
}

// Recent lists the settlements of a day, latest first, at most limit and RecentLimit.
func (l *Ledger) Recent(ctx context.Context, day settle.Date, limit int) (list []settle.Settlement, err error) {
	err = l.read(ctx, func(t *tx) error {
		var states []settlementState
		err := t.each(settlementQuery+"s.day = ? ORDER BY s.id DESC LIMIT ?", []any{day, max(0, min(limit, RecentLimit))},
			func(scan func(dest ...any) error) error {
				var state settlementState
				err := scan(state.dest()...)
				states = append(states, state)
				return err
			})
		if err != nil {
			return err
		}
		for i := range states {
			s, err := t.settlementOf(&states[i])
			if err != nil {
				return err
			}
			list = append(list, s)
		}
		return nil
	})
	return list, err
}
