package policy

import "gongji/settle"

// Result is the answer to one case, in the form that `gongjid policy test --json` prints. Money is fen.
type Result struct {
	ID         string         `json:"id"`
	Result     string         `json:"result"` // ok | refused
	Reason     *settle.Reason `json:"reason"`
	Pays       []scenarioPay  `json:"pays"`
	Cash       int64          `json:"cash"`
	Fund       int64          `json:"fund"`
	Skipped    []settle.Skip  `json:"skipped"`
	Refund     []scenarioPay  `json:"refund"`
	CashRefund int64          `json:"cash_refund"`
	NewPays    []scenarioPay  `json:"new_pays"`

	After      map[settle.PersonID]int64 `json:"after"`
	AfterPots  map[settle.PersonID]Pots  `json:"after_pots"`
	QuotaAfter map[settle.PersonID]Quota `json:"quota_after"`
	LineCash   map[string]int64          `json:"line_cash"`

	ProxyRecorded bool   `json:"proxy_recorded,omitempty"`
	Hint          string `json:"hint,omitempty"`
	Replayed      bool   `json:"replayed,omitempty"`
	State         string `json:"state,omitempty"`
}

// Pots are the balances of a two-pot account, and of its mutual account where it has one.
type Pots struct {
	Current int64 `json:"current"`
	Prior   int64 `json:"prior"`
	Mutual  int64 `json:"mutual,omitempty"`
}

// Quota is a wallet's quota.
type Quota struct {
	Total int64 `json:"quota_total"`
	Used  int64 `json:"quota_used"`
}

// newResult is an accepted case that has moved no money yet.
func newResult(c *scenarioCase) Result {
	r := Result{
		ID: c.ID, Result: "ok", Pays: []scenarioPay{}, Skipped: []settle.Skip{}, Refund: []scenarioPay{}, NewPays: []scenarioPay{},
		After: map[settle.PersonID]int64{}, AfterPots: map[settle.PersonID]Pots{}, QuotaAfter: map[settle.PersonID]Quota{},
		LineCash: map[string]int64{},
	}
	for i := range c.Accounts {
		a := &c.Accounts[i]
		if !a.twoPots() {
			r.After[a.ID] = a.Balance
			continue
		}
		account := a.account()
		r.AfterPots[a.ID] = Pots{Current: int64(account.Current), Prior: int64(account.Prior), Mutual: int64(account.Mutual)}
	}
	for _, b := range c.Bindings {
		if b.Beneficiary == c.Patient.ID && b.Mode == settle.Wallet {
			r.QuotaAfter[b.Giver] = Quota{Total: b.QuotaTotal, Used: b.QuotaUsed}
		}
	}
	return r
}

func (r *Result) refuse(reason settle.Reason) {
	r.Result, r.Reason = "refused", &reason
}

func (r *Result) debit(pays []settle.Pay) {
	for _, p := range pays {
		r.move(p, -int64(p.Amount))
	}
}

func (r *Result) credit(pays []settle.Pay) {
	for _, p := range pays {
		r.move(p, int64(p.Amount))
	}
}

// move adds an amount to a pot; a quota's use moves the other way. A payer of an original settlement that the case does
// not list has no balance to show.
func (r *Result) move(p settle.Pay, amount int64) {
	switch p.Pot {
	case settle.PotQuota:
		if quota, listed := r.QuotaAfter[p.Account]; listed {
			quota.Used -= amount
			r.QuotaAfter[p.Account] = quota
		}
	case settle.PotBalance:
		if _, listed := r.After[p.Account]; listed {
			r.After[p.Account] += amount
		}
	default:
		pots, listed := r.AfterPots[p.Account]
		if !listed {
			return
		}
		switch p.Pot {
		case settle.PotCurrent:
			pots.Current += amount
		case settle.PotMutual:
			pots.Mutual += amount
		default:
			pots.Prior += amount
		}
		r.AfterPots[p.Account] = pots
	}
}
