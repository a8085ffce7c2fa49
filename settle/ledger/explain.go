package ledger

import (
	"context"
	"fmt"

	"gongji/settle"
)

// Explain tells of a settlement every account that was tried, what it had, what was taken, why it stopped and which rule
// with which source said so, from the facts that were stored with it (SEMANTICS section 5; S-024). It holds relatives'
// money; what a till may see of it is the caller's affair. NOT_FOUND; STORE_BROKEN where the region's policy of that day
// cannot be read any more.
func (l *Ledger) Explain(ctx context.Context, settlement string) (explained []settle.Explanation, err error) {
	var record settlementRecord
	var adjustments []settle.Adjustment
	err = l.read(ctx, func(t *tx) error {
		var key, seq int64
		if err := t.get("SELECT id, record FROM settlement WHERE ref = ?", []any{settlement}, &key, &seq); err != nil {
			return notFound(err)
		}
		var err error
		if adjustments, err = t.adjustmentsOf(key); err != nil {
			return err
		}
		return t.record(seq, &record)
	})
	if err != nil {
		return nil, err
	}
	bill := record.bill()
	if explained, err = l.explain(&bill, &record.Settlement.Plan); err != nil {
		return nil, err
	}
	for i := range adjustments {
		if !adjustments[i].Transit {
			explained = append(explained, adjustments[i].Explain())
		}
	}
	return explained, nil
}

// ExplainQuote is Explain for a quote that was just given.
func (l *Ledger) ExplainQuote(quote *settle.Quote) ([]settle.Explanation, error) {
	return l.explain(&quote.Bill, &quote.Plan)
}

func (l *Ledger) explain(bill *settle.Bill, plan *settle.Plan) ([]settle.Explanation, error) {
	rules, err := l.options.RulesFor(bill.Day)
	if err != nil {
		return nil, storeError(fmt.Errorf("rules of the day of the settlement: %w", err))
	}
	return settle.Explain(rules, bill, plan), nil
}

// storedBill is a bill as it is stored beside a settlement: without its lines, which the sale holds.
func storedBill(bill settle.Bill) *settle.Bill {
	bill.Lines = nil
	return &bill
}

// bill is the bill that was settled. A record of the first schema has no facts: then the plan's own trials speak, without
// the relations of the givers.
func (r *settlementRecord) bill() settle.Bill {
	var bill settle.Bill
	if r.Bill != nil {
		bill = *r.Bill
	}
	sale := &r.Settlement.Sale
	bill.Lines, bill.Day, bill.MedGroup, bill.Patient.ID = sale.Lines, r.Settlement.Day, r.MedGroup, sale.Patient
	bill.NoAccounts, bill.ThirdParty = !sale.UseAccounts, sale.ThirdParty
	return bill
}
