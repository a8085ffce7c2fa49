package localapi

import (
	"context"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"gongji/daemon/records"
	"gongji/settle"
)

// CancellationReceiptAnswer is the slip of a contribution that was taken back.
type CancellationReceiptAnswer struct {
	Venue       string       `json:"venue"`
	VenueCode   string       `json:"venue_code"`
	At          time.Time    `json:"at"`
	Of          string       `json:"of" doc:"Number of the contribution's own slip"`
	Year        int          `json:"year"`
	Payer       string       `json:"payer" doc:"Masked name"`
	Beneficiary string       `json:"beneficiary" doc:"Masked name"`
	Policy      PolicyAnswer `json:"policy"`
	Contact     string       `json:"contact"`
	Printed     int          `json:"printed" doc:"How many times the slip was printed; JSON does not count"`
	CancellationAnswer
}

func (s *Server) addCancellationReceipt(op huma.Operation) {
	slipResponses(&op, schemaFor[CancellationReceiptAnswer](s))
	register(s, op, func(ctx context.Context, in *premiumReceiptInput) (*receiptOutput, error) {
		paid, err := s.o.Session.Premium(ctx, in.ID)
		if err != nil {
			return nil, err
		}
		if !paid.Cancelled {
			return nil, settle.NewError(settle.NotFound, nil)
		}
		cancel, err := s.o.Session.PremiumCancellation(ctx, paid.CancelID)
		if err != nil {
			return nil, err
		}
		if err := ownSlip(ctx, cancel.POS); err != nil {
			return nil, err
		}
		venue := s.o.Session.Venue()
		receipt := CancellationReceiptAnswer{
			Venue: venue.Name, VenueCode: venue.Code, At: cancel.At.In(settle.Beijing), Of: paid.ReceiptNo, Year: paid.Year, Payer: paid.PayerMasked,
			Beneficiary: paid.BeneficiaryMasked, Policy: PolicyAnswer(paid.Policy), Contact: strings.Join(s.guidance().Contacts, "，"),
			CancellationAnswer: cancellationAnswer(&cancel),
		}
		return s.slip(ctx, in.ReceiptForm, receipt.ReceiptNo, func(printed int) any {
			receipt.Printed = printed
			return receipt
		}, receipt.slip)
	})
}

// slip lays out what is printed.
func (r *CancellationReceiptAnswer) slip() *records.Slip {
	p := &records.Slip{}
	p.Strong(r.Venue)
	p.Centre("代缴医保费撤销凭据")
	p.Rule()
	p.Pair("机构", r.VenueCode)
	p.Pair("单号", r.ReceiptNo)
	p.Pair("原单号", r.Of)
	p.Pair("时间", r.At.Format(time.DateTime))
	p.Pair("缴费人", r.Payer)
	p.Pair("参保人", r.Beneficiary)
	p.Pair("操作员", r.Operator)
	if r.Reason != "" {
		p.Pair("原因", r.Reason)
	}
	p.Rule()
	p.Pair("退回合计", string(r.Amount))
	for i := range r.Postings {
		posting := &r.Postings[i]
		label := "退回共济人账户 " + posting.Holder
		if posting.Source == "own" {
			label = "退回缴费人账户"
		}
		p.Pair("  "+label, string(posting.Amount))
		if posting.Why != "" {
			p.Text("  " + posting.Why)
		}
	}
	p.Rule()
	p.Text("原代缴凭据作废。参保状态以医保部门为准。")
	slipFoot(p, r.Policy, r.Contact, nil)
	p.Text("签名：")
	return p
}
