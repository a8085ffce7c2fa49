package centre

import (
	"time"

	"gongji/settle"
	"gongji/sync/nhsa"
)

// premium is a relative's contribution that was paid from an account here.
type premium struct {
	ID          string     `json:"premium_id"`
	Venue       string     `json:"venue"`
	MsgID       string     `json:"msgid"`
	Payer       string     `json:"payer"`
	Beneficiary string     `json:"beneficiary"`
	Kind        string     `json:"kind,omitempty"`
	Year        int        `json:"year"`
	Amount      settle.Fen `json:"amount"`
	Pays        []Pay      `json:"pays"`
	At          time.Time  `json:"at"`
	Cancelled   bool       `json:"cancelled,omitempty"`
	Leave       promised   `json:"leave,omitempty"`
}

// payPremium answers G104. One premium id is paid once and cancelled once, however often it is reported.
func (w *work) payPremium(r *nhsa.Request) (any, error) {
	in, err := change[nhsa.PremiumInput](w, r)
	if err != nil {
		return nil, err
	}
	d := &in.Data
	answer := nhsa.PremiumAnswer{PremiumID: d.PremiumID, State: settle.RequestConfirmed}
	before := w.premiums.at(r.Venue + "/" + d.PremiumID)
	if before != nil && (before.Payer != d.Payer || before.Beneficiary != d.Beneficiary || before.Kind != d.Kind || before.Year != d.Year || before.Amount != d.Amount) {
		return nil, refusal("[PREMIUM-CONFLICT] 代缴编号已用于另一笔代缴")
	}
	now := &premium{
		ID: d.PremiumID, Venue: r.Venue, MsgID: r.MsgID, Payer: d.Payer, Beneficiary: d.Beneficiary, Kind: d.Kind, Year: d.Year,
		Amount: d.Amount, At: w.tick(), Leave: w.promises(&nhsa.ExpectedSplit{Leave: d.Leave}),
	}
	switch {
	case d.Action == nhsa.PremiumCancel && before == nil:
		answer.State, answer.Reason = settle.RequestRefused, "没有这笔代缴"
		return answer, nil
	case d.Action == nhsa.PremiumCancel:
		if before.Cancelled {
			return answer, nil
		}
		now.Pays, now.Cancelled = before.Pays, true
	case before != nil && !before.Cancelled:
		return answer, nil
	case before != nil:
		answer.State, answer.Reason = settle.RequestRefused, "这笔代缴已经撤销"
		return answer, nil
	default:
		if answer.Reason = w.premiumFault(now); answer.Reason != "" {
			answer.State = settle.RequestRefused
			return answer, nil
		}
	}
	return answer, w.record(entry{Kind: entryPremium, Premium: now})
}

// premiumFault plans the pays, or says why there are none. The payer's account comes first, then the other givers of the
// beneficiary by rank; a contribution has no cash part.
func (w *work) premiumFault(now *premium) string {
	w.fetchFamily(now.Beneficiary)
	payer, beneficiary := w.people.at(now.Payer), w.people.at(now.Beneficiary)
	if payer == nil || beneficiary == nil {
		return "未查询到参保人员信息"
	}
	for _, other := range w.premiums.find("beneficiary", now.Beneficiary) {
		if !other.Cancelled && other.Kind == now.Kind && other.Year == now.Year {
			return "该年度保费已经缴过"
		}
	}
	givers := w.givers(now.Beneficiary, settle.DateOf(now.At))
	bound := false
	left := now.Amount
	for _, first := range []bool{true, false} {
		for _, b := range givers {
			if (b.Giver == now.Payer) != first {
				continue
			}
			bound = bound || first
			if from := w.accounts.at(b.Giver); from != nil && from.Status == settle.StatusNormal {
				taken := from.take(b.Giver, b.ID, min(left, w.left(b)), w.withheld(b.Giver, "", b, now.Leave), w.sharedPots(from))
				now.Pays = append(now.Pays, taken...)
				left -= sum(taken)
			}
		}
	}
	switch {
	case !bound:
		return "代缴人与被代缴人没有共济绑定"
	case left > 0:
		return "代缴人账户余额不足"
	}
	return ""
}

// takePremium takes a journalled payment or cancellation in.
func (w *work) takePremium(p *premium) error {
	for _, pay := range p.Pays {
		if !w.accounts.has(pay.PsnNo) {
			return errStrangePay
		}
	}
	sign := settle.Fen(1)
	if p.Cancelled {
		sign = -1
	}
	w.move(p.Venue, "", p.Pays, sign, p.Leave)
	w.premiums.put(p.Venue+"/"+p.ID, p)
	w.used.put(p.MsgID, true)
	if p.At.After(w.last) {
		w.last = p.At
	}
	return nil
}
