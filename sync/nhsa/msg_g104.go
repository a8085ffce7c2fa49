package nhsa

import (
	"errors"

	"gongji/settle"
)

// InfnoPremium is G104: a relative's yearly contribution was paid from an account, or that payment is taken back. It is
// our extension, like G101. The premium id makes it safe to repeat: the centre debits and credits once for each id.
const InfnoPremium = "G104"

// The actions of G104.
const (
	PremiumPay    = "pay"
	PremiumCancel = "cancel"
)

// PremiumData is the input node data of G104.
type PremiumData struct {
	Action      string     `json:"action" wire:"C10,M,d"`
	PremiumID   string     `json:"premium_id" wire:"C64,M"`
	Payer       string     `json:"payer" wire:"C30,M"`
	Beneficiary string     `json:"beneficiary" wire:"C30,M"`
	Kind        string     `json:"kind,omitempty" wire:"C20"` // resident, ltc, …
	Year        int        `json:"year"`
	Amount      settle.Fen `json:"amount"`
	PaidAt      Stamp      `json:"paid_at" wire:"DT,M"`
	// Leave is what earlier offline sales count on of the venue's allowances, as in ExpectedSplit.
	Leave []ExpectedAccount `json:"leave,omitempty"`
}

// PremiumInput is the input of G104.
type PremiumInput struct {
	Data PremiumData `json:"data"`
}

// PremiumReport is G104 for a payment. Payer and Beneficiary are the two people in clear.
type PremiumReport struct {
	Premium            settle.Premium
	Payer, Beneficiary settle.Identity
	Cancel             bool
	Leave              []settle.PersonPay
}

// Infno is G104.
func (PremiumReport) Infno() string { return InfnoPremium }

// Input builds the node.
func (m PremiumReport) Input() (any, bool, error) {
	p := m.Premium
	input := PremiumInput{Data: PremiumData{
		Action: PremiumPay, PremiumID: p.ID, Payer: m.Payer.PsnNo, Beneficiary: m.Beneficiary.PsnNo, Kind: p.Kind,
		Year: p.Year, Amount: p.Amount, PaidAt: Stamp(p.At),
	}}
	if input.Data.Leave = expectedAccounts(m.Leave); m.Cancel {
		input.Data.Action, input.Data.Leave = PremiumCancel, nil
	}
	return input, true, input.Check()
}

// Check holds a G104 against its table and rules, on either side.
func (i PremiumInput) Check() error {
	return checkMessage(i, func(f *faults) {
		if i.Data.Action != PremiumPay && i.Data.Action != PremiumCancel {
			f.add("data.action", "must be pay or cancel")
		}
		if i.Data.Payer == i.Data.Beneficiary && i.Data.Payer != "" {
			f.add("data.beneficiary", "must not be the payer")
		}
		if _, once := sumOnce(i.Data.Leave); !once {
			f.add("data.leave", "must name each account once, with an amount above 0")
		}
		if i.Data.Amount <= 0 {
			f.add("data.amount", "must be above 0")
		}
		if i.Data.Year < 2000 || i.Data.Year > 2999 {
			f.add("data.year", "must be a year of four digits")
		}
	})
}

// PremiumAnswer is the output of G104.
type PremiumAnswer struct {
	PremiumID string              `json:"premium_id"`
	State     settle.RequestState `json:"state"`
	Reason    string              `json:"reason"`
}

// DecodePremiumAnswer reads the output of G104, which must be about the premium that was asked about.
func DecodePremiumAnswer(a *Answer, premium string) (PremiumAnswer, error) {
	f, err := readFields(a.Output)
	if err != nil {
		return PremiumAnswer{}, errors.New("the answer has no output")
	}
	out := PremiumAnswer{PremiumID: f.text("premium_id"), State: settle.RequestState(f.text("state")), Reason: f.text("reason")}
	if out.PremiumID != premium {
		f.fail("premium_id", errors.New("is another one's"))
	}
	return out, errors.Join(f.fault, knownRequestState(out.State))
}
