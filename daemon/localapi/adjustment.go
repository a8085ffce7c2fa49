package localapi

import (
	"time"

	"gongji/settle"
)

// AdjustmentAnswer is one change of a settlement's split after it was made.
type AdjustmentAnswer struct {
	AdjustmentID string          `json:"adjustment_id"`
	Cause        string          `json:"cause" enum:"centre,collect,write_off,paid" doc:"The centre booked another split; a refused sale was paid in cash, or is borne by the shop; open cash changed hands"`
	At           time.Time       `json:"at"`
	Message      string          `json:"message" doc:"Chinese"`
	Before       FiguresAnswer   `json:"before"`
	After        FiguresAnswer   `json:"after"`
	Postings     []PostingAnswer `json:"postings" doc:"Account money; amounts are positive where more was taken, negative where it went back"`
	Unassigned   *Yuan           `json:"unassigned,omitempty" doc:"Account money that the centre took and that no account known here can have paid; it is on the work list"`
	Operator     string          `json:"operator,omitempty" doc:"Who decided"`
	Note         string          `json:"note,omitempty"`
	Cash         *Yuan           `json:"cash,omitempty" doc:"Cash that changed hands by the decision, negative to the patient"`
	WrittenOff   *Yuan           `json:"written_off,omitempty"`
}

// FiguresAnswer is a split in sums.
type FiguresAnswer struct {
	FundPaid   Yuan `json:"fund_paid"`
	OwnPaid    Yuan `json:"own_paid"`
	SharedPaid Yuan `json:"shared_paid"`
	CashDue    Yuan `json:"cash_due"`
}

func figuresAnswer(f *settle.Figures) FiguresAnswer {
	return FiguresAnswer{yuan(f.Fund), yuan(f.Own), yuan(f.Shared), yuan(f.Cash)}
}

// adjusted adds what came after the sale. What came and went with a return is not shown: the till never had to do with it.
func (answer *SettlementAnswer) adjusted(x *settle.Settlement) {
	for i := range x.Adjustments {
		a := &x.Adjustments[i]
		if a.Transit {
			continue
		}
		shown := AdjustmentAnswer{
			AdjustmentID: a.ID, Cause: string(a.Cause), At: a.At.In(settle.Beijing), Message: a.Chinese(), Before: figuresAnswer(&a.Before),
			After: figuresAnswer(&a.After), Postings: postingAnswers(a.Postings, nil), Operator: a.Operator.ID, Note: a.Note,
		}
		for j := range shown.Postings {
			shown.Postings[j].Amount, shown.Postings[j].Why = yuan(a.Postings[j].Amount), ""
		}
		for _, member := range []struct {
			to     **Yuan
			amount settle.Fen
		}{{&shown.Unassigned, a.RestOwn + a.RestShared}, {&shown.Cash, a.Settled}, {&shown.WrittenOff, a.Written}} {
			if member.amount != 0 {
				*member.to = yuanOf(member.amount)
			}
		}
		answer.Adjustments = append(answer.Adjustments, shown)
	}
	if x.CashState.Open != 0 {
		answer.CashDifference = yuanOf(x.CashState.Open)
	}
	if x.CashState.Lost != 0 {
		answer.CashLost = yuanOf(x.CashState.Lost)
	}
}
