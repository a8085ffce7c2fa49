package crash

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"gongji/cmd/gongji-bench/shop"
	"gongji/daemon/localapi"
	"gongji/daemon/localapi/client"
	"gongji/settle"
	"gongji/settle/ledger"
	"gongji/sync/centre"
)

// How many acknowledged sales are read back from each new daemon: the newest, which a kill could have taken, and some others.
const (
	newest = 6
	others = 2
)

// holdAnswers reads acknowledged sales back from the daemon that runs now.
func (r *run) holdAnswers(ctx context.Context) error {
	for _, t := range r.tills {
		deeds := t.deeds()
		chosen := deeds[max(0, len(deeds)-newest):]
		for range others {
			if len(deeds) > newest {
				chosen = append(chosen, deeds[r.dice.IntN(len(deeds)-newest)])
			}
		}
		for i := range chosen {
			if err := r.hold(ctx, t, &chosen[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *run) hold(ctx context.Context, t *till, d *deed) error {
	there, err := t.look(ctx, d.sale.SaleID)
	if err != nil {
		return fmt.Errorf("sale %s was acknowledged as %s and is not there after a kill: %w", d.sale.SaleID, d.answer.SettlementID, err)
	}
	if !same(&there, &d.answer) {
		return fmt.Errorf("sale %s was acknowledged as %s %s and is %s %s after a kill", d.sale.SaleID, d.answer.SettlementID, d.answer.Total,
			there.SettlementID, there.Total)
	}
	if d.back != nil && there.Returned.Total != d.back.Total {
		return fmt.Errorf("sale %s: a return of %s was acknowledged, and %s has come back after a kill", d.sale.SaleID, d.back.Total, there.Returned.Total)
	}
	r.o.Tally.add(&r.o.Tally.Held)
	return nil
}

// look reads a sale back. It asks faster than a till may, and waits when it is told to.
func (t *till) look(ctx context.Context, sale string) (there localapi.SettlementAnswer, err error) {
	for {
		if there, err = t.Sale(ctx, sale); client.CodeOf(err) != settle.RateLimited {
			return there, err
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return there, context.Cause(ctx)
		}
	}
}

// verify looks at the files themselves.
func (r *run) verify(ctx context.Context) error {
	report, err := ledger.VerifyDir(ctx, r.shop.Data(), nil)
	if err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	if !report.OK() {
		return fmt.Errorf("verify found %v", report.Findings)
	}
	r.o.Tally.add(&r.o.Tally.Verified)
	r.o.Tally.more(&r.o.Tally.Records, report.Records)
	return nil
}

// kept is what the centre must have of a sale.
type kept struct{ total, own, shared, cash settle.Fen }

func (k kept) String() string {
	return fmt.Sprintf("%s = … + %s own + %s shared + %s cash", k.total, k.own, k.shared, k.cash)
}

// holdCentre compares the centre's book with the tills: each patient's rows are exactly the sales that were acknowledged less
// what came back, and each account has lost exactly what the rows say.
func (r *run) holdCentre(ctx context.Context) error {
	have := map[string][]kept{}
	for _, row := range r.shop.Centre.Standing() {
		f := row.Figures
		have[row.PsnNo] = append(have[row.PsnNo], kept{f.Total, f.Own, f.Shared, f.Cash})
		r.o.Tally.add(&r.o.Tally.Rows)
	}
	var faults []error
	for i, t := range r.tills {
		want, err := t.kept(ctx)
		if err != nil {
			return err
		}
		psn := r.shop.People[i].PsnNo
		faults = append(faults, differ(shop.Till(i), want, have[psn]))
		delete(have, psn)
	}
	for psn := range have {
		faults = append(faults, fmt.Errorf("the centre has sales of %s, to whom nothing was sold", settle.MaskNumber(psn)))
	}
	return errors.Join(append(faults, r.holdMoney(r.shop.Centre.Standing()), r.holdBalances(ctx))...)
}

// kept reads every acknowledged sale as it stands now.
func (t *till) kept(ctx context.Context) (list []kept, err error) {
	for _, d := range t.deeds() {
		now, err := t.look(ctx, d.sale.SaleID)
		if err != nil {
			return nil, err
		}
		k := kept{
			fen(now.Total) - fen(now.Returned.Total), fen(now.OwnPaid) - fen(now.Returned.Own),
			fen(now.SharedPaid) - fen(now.Returned.Shared), fen(now.CashDue) - fen(now.Returned.Cash),
		}
		if now.State != "reversed" && now.State != "refunded" {
			list = append(list, k)
		}
	}
	return list, nil
}

func fen(y localapi.Yuan) settle.Fen {
	f, err := settle.ParseFen(string(y))
	if err != nil {
		panic("crash: the API answered money that is none: " + err.Error())
	}
	return f
}

func differ(who string, want, have []kept) error {
	order := func(a, b kept) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) }
	slices.SortFunc(want, order)
	slices.SortFunc(have, order)
	if slices.Equal(want, have) {
		return nil
	}
	missing, extra := minus(want, have), minus(have, want)
	return fmt.Errorf("%s: %d sales, %d rows at the centre; missing there %v; there without a sale %v", who, len(want), len(have), missing, extra)
}

// minus is what is in a and not in b, counting how often.
func minus(a, b []kept) (rest []kept) {
	counts := map[kept]int{}
	for _, k := range b {
		counts[k]++
	}
	for _, k := range a {
		if counts[k]--; counts[k] < 0 {
			rest = append(rest, k)
		}
	}
	return rest
}

// holdMoney re-adds the centre's accounts.
func (r *run) holdMoney(rows []centre.Row) error {
	left := map[string]settle.Fen{}
	for _, p := range r.shop.People {
		left[p.PsnNo] = p.Balance
	}
	for _, row := range rows {
		for _, pay := range row.Pays {
			left[pay.PsnNo] -= pay.Amount
		}
	}
	for psn, balance := range r.shop.Centre.Balances() {
		if left[psn] != balance {
			return fmt.Errorf("the centre's account of %s has %s; by its rows it is %s", settle.MaskNumber(psn), balance, left[psn])
		}
	}
	return nil
}

// holdBalances waits until the daemon's own accounts are the centre's: with nothing unsent, both know the same.
func (r *run) holdBalances(ctx context.Context) error {
	ctx, stop := context.WithTimeout(ctx, time.Minute)
	defer stop()
	for i, t := range r.tills {
		want := r.shop.Centre.Balances()[r.shop.People[i].PsnNo]
		for {
			answer, err := t.Accounts(ctx, shop.Till(i))
			if err == nil && len(answer.Accounts) > 0 && answer.Accounts[0].Available != nil && fen(*answer.Accounts[0].Available) == want {
				break
			}
			select {
			case <-time.After(50 * time.Millisecond): // the next snapshot of the feed
			case <-ctx.Done():
				return fmt.Errorf("%s: the patient's account is %+v here and %s at the centre (%w)", shop.Till(i), answer.Accounts, want, errors.Join(err, ctx.Err()))
			}
		}
	}
	return nil
}
