package localapi

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"gongji/daemon/records"
)

// PremiumReceiptAnswer is the slip of a contribution, as it stands now.
type PremiumReceiptAnswer struct {
	Venue     string         `json:"venue"`
	VenueCode string         `json:"venue_code"`
	Givers    []ReceiptGiver `json:"givers" doc:"Relatives besides the payer who paid a part"`
	Contact   string         `json:"contact"`
	Printed   int            `json:"printed" doc:"How many times the slip was printed; JSON does not count"`
	PremiumAnswer
}

type premiumReceiptInput struct {
	ID string `path:"premium_id" maxLength:"64"`
	ReceiptForm
}

func (s *Server) addPremiumReceipt(op huma.Operation) {
	slipResponses(&op, schemaFor[PremiumReceiptAnswer](s))
	register(s, op, func(ctx context.Context, in *premiumReceiptInput) (*receiptOutput, error) {
		paid, err := s.o.Session.Premium(ctx, in.ID)
		if err != nil {
			return nil, err
		}
		if err := ownSlip(ctx, paid.POS); err != nil {
			return nil, err
		}
		venue := s.o.Session.Venue()
		receipt := PremiumReceiptAnswer{
			Venue: venue.Name, VenueCode: venue.Code, Givers: []ReceiptGiver{}, Contact: strings.Join(s.guidance().Contacts, "，"),
			PremiumAnswer: premiumAnswer(&paid),
		}
		for i := range paid.Postings {
			if p := &paid.Postings[i]; p.Person != paid.Payer {
				receipt.Givers = append(receipt.Givers, ReceiptGiver{p.Masked, p.Relation.GiverTitle(), yuan(p.Amount)})
			}
		}
		return s.slip(ctx, in.ReceiptForm, receipt.ReceiptNo, func(printed int) any {
			receipt.Printed = printed
			return receipt
		}, receipt.slip)
	})
}

// slip lays out what is printed. It says that the official receipt counts (S-185).
func (r *PremiumReceiptAnswer) slip() *records.Slip {
	p := &records.Slip{}
	p.Strong(r.Venue)
	p.Centre("代缴医保费凭据")
	if r.State == "cancelled" {
		p.Strong("【已撤销，作废】")
	}
	p.Rule()
	p.Pair("机构", r.VenueCode)
	p.Pair("单号", r.ReceiptNo)
	p.Pair("时间", r.At.Format(time.DateTime))
	p.Pair("缴费人", r.Payer)
	p.Pair("参保人", r.Beneficiary)
	p.Pair("年度", strconv.Itoa(r.Year))
	p.Pair("操作员", r.Operator)
	p.Rule()
	p.Pair("金额", string(r.Amount))
	for i := range r.Postings {
		if posting := &r.Postings[i]; posting.Source == "own" {
			p.Pair("缴费人账户支付", string(posting.Amount))
			if posting.OwnBalanceAfter != nil {
				p.Pair("缴费人账户余额", string(*posting.OwnBalanceAfter))
			}
		}
	}
	for i, giver := range r.Givers {
		p.Pair("  共济人"+strconv.Itoa(i+1)+"（"+giver.Relation+"）"+giver.Holder, string(giver.Amount))
	}
	p.Rule()
	p.Text(r.Message)
	if r.WaitDays > 0 {
		p.Text("已过集中缴费期，缴费 " + strconv.Itoa(r.WaitDays) + " 天后享受待遇。")
	}
	slipFoot(p, r.Policy, r.Contact, nil)
	p.Text("签名：")
	return p
}
