package feed

import (
	"context"
	"time"

	"gongji/settle"
	"gongji/sync/nhsa"
)

// AllowanceStore keeps allowances and what the centre has to be told of them. *ledger.Ledger is one.
type AllowanceStore interface {
	// ReturnAllowances gives up allowances that end at an instant or before it, durably and before anybody is told, and
	// lists returns that the centre has not heard of, a message full at most. A zero instant gives up nothing more.
	ReturnAllowances(ctx context.Context, endingBy time.Time) ([]settle.AllowanceReturn, error)
	// AllowancesReturned forgets returns that the centre has heard of.
	AllowancesReturned(ctx context.Context, heard []settle.AllowanceReturn) error
}

const (
	// allowanceNotice is how long before its end an allowance is given up. A centre that wants the venue to have one renews it
	// long before.
	allowanceNotice = 10 * time.Minute
	// farAway is later than the end of any allowance.
	farAway = 100 * 365 * 24 * time.Hour
)

// ReturnAllowances gives up the allowances that end soon, or all of them where a manager says so (a venue that closes for
// long), and tells the centre by G105. A daemon that ends gives nothing back: the shop may open tomorrow without a line. A return that was lost on the way is told again: its row names the allowance by its end, so it counts once. It
// does nothing where the extension is off, or where the centre does not know G105; allowances then end by themselves.
// Errors: UPSTREAM_SILENT, and the store's.
func (f *Feed) ReturnAllowances(ctx context.Context, all bool) error {
	store, keeps := f.options.Store.(AllowanceStore)
	if !keeps || !f.Extended() || f.noReturns.Load() {
		return nil
	}
	by := f.options.Clock().Add(allowanceNotice)
	if all {
		by = f.options.Clock().Add(farAway)
	}
	for {
		list, err := store.ReturnAllowances(ctx, by)
		if err != nil || len(list) == 0 {
			return err
		}
		outcome, err := f.ask(ctx, nhsa.AllowanceReturns{Returns: list})
		if err != nil {
			return err
		}
		if f.options.Client.TransactionUnknown(outcome) {
			f.noReturns.Store(true)
			f.options.Logger.Info("the centre takes no allowances back (G105); they end by themselves")
			return nil
		}
		if err := outcomeError(outcome); err != nil {
			return err
		}
		if err := store.AllowancesReturned(ctx, list); err != nil {
			return err
		}
		f.options.Logger.Info("allowances were returned", "count", len(list))
	}
}
