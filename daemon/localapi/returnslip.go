package localapi

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"gongji/daemon/records"
	"gongji/settle"
)

// ReturnReceiptAnswer is the slip of a reversal or a refund.
type ReturnReceiptAnswer struct {
	Venue        string         `json:"venue"`
	VenueCode    string         `json:"venue_code"`
	SaleReceipt  string         `json:"sale_receipt_no" doc:"Of the settlement that money came back of"`
	Holder       string         `json:"holder" doc:"Masked name of the patient"`
	Items        []ReceiptLine  `json:"items" doc:"What came back; without prices where a quantity came back"`
	Givers       []ReceiptGiver `json:"givers" doc:"Relatives who got money back"`
	BalanceAfter *Yuan          `json:"own_balance_after,omitempty" doc:"Of the patient's own account, of the pot that got money back last"`
	CashHanded   Yuan           `json:"cash_handed" doc:"To be handed out: the cash given back less what was never paid"`
	Policy       PolicyAnswer   `json:"policy"`
	Contact      string         `json:"contact"`
	Printed      int            `json:"printed" doc:"How many times the slip was printed; JSON does not count"`
	ReturnAnswer
}

type refundReceiptInput struct {
	ID string `path:"refund_id" maxLength:"64"`
	ReceiptForm
}

type reversalReceiptInput struct {
	ID string `path:"reversal_id" maxLength:"64"`
	ReceiptForm
}

func (s *Server) addRefundReceipt(op huma.Operation) {
	slipResponses(&op, schemaFor[ReturnReceiptAnswer](s))
	register(s, op, func(ctx context.Context, in *refundReceiptInput) (*receiptOutput, error) {
		return s.returnReceipt(ctx, in.ID, in.ReceiptForm, false)
	})
}

func (s *Server) addReversalReceipt(op huma.Operation) {
	slipResponses(&op, schemaFor[ReturnReceiptAnswer](s))
	register(s, op, func(ctx context.Context, in *reversalReceiptInput) (*receiptOutput, error) {
		return s.returnReceipt(ctx, in.ID, in.ReceiptForm, true)
	})
}

func (s *Server) returnReceipt(ctx context.Context, id string, form ReceiptForm, whole bool) (*receiptOutput, error) {
	back, err := s.o.Session.Return(ctx, callOf(ctx).token.Name, id)
	if err != nil {
		return nil, err
	}
	if back.Whole != whole {
		return nil, settle.NewError(settle.NotFound, nil)
	}
	sold, err := s.o.Session.Settlement(ctx, back.Settlement)
	if err != nil {
		return nil, err
	}
	if err := ownSlip(ctx, sold.Sale.POS); err != nil {
		return nil, err
	}
	receipt := s.returnReceiptOf(&back, &sold)
	return s.slip(ctx, form, back.ReceiptNo, func(printed int) any {
		receipt.Printed = printed
		return receipt
	}, receipt.slip)
}

func (s *Server) returnReceiptOf(back *settle.Return, sold *settle.Settlement) ReturnReceiptAnswer {
	venue := s.o.Session.Venue()
	r := ReturnReceiptAnswer{
		Venue: venue.Name, VenueCode: venue.Code, SaleReceipt: sold.ReceiptNo, Holder: sold.Presence.MaskedHolder,
		Items: returnedItems(back, sold), Givers: []ReceiptGiver{}, CashHanded: yuan(back.Figures.Cash - back.CashOffset),
		Policy: PolicyAnswer(sold.Policy), Contact: strings.Join(s.guidance().Contacts, "，"), ReturnAnswer: returnAnswer(back),
	}
	for i := range back.Postings {
		p := &back.Postings[i]
		switch {
		case shared(&p.Party):
			r.Givers = append(r.Givers, ReceiptGiver{p.Masked, p.Relation.GiverTitle(), yuan(-p.Amount)})
		case p.Pot != settle.PotAgency:
			r.BalanceAfter = yuanOf(p.After)
		}
	}
	return r
}

// returnedItems are the goods that came back, by the names they were sold under.
func returnedItems(back *settle.Return, sold *settle.Settlement) []ReceiptLine {
	items := []ReceiptLine{}
	for i := range back.Goods {
		line := &back.Goods[i]
		items = append(items, ReceiptLine{line.Name, line.Spec, line.Batch, line.Quantity, line.UnitPrice, yuan(line.Total), append([]string{}, line.TraceCodes...)})
	}
	for i := range sold.Sale.Lines {
		line := &sold.Sale.Lines[i]
		for _, part := range back.Lines {
			if part.ID == line.ID {
				items = append(items, ReceiptLine{Name: line.Name, Spec: line.Spec, Batch: line.Batch, Quantity: part.Quantity,
					UnitPrice: line.UnitPrice, Total: lineValue(line, part.Quantity), TraceCodes: append([]string{}, part.TraceCodes...)})
			}
		}
	}
	return items
}

// lineValue is what part of a line was worth when it was sold.
func lineValue(line *settle.Line, quantity string) Yuan {
	units, err := settle.QuantityUnits(quantity)
	of, ofErr := settle.QuantityUnits(line.Quantity)
	if err != nil || ofErr != nil || of <= 0 || units >= of {
		return yuan(line.Total)
	}
	part := settle.SplitLine(*line, units, of)
	return yuan(part.Total)
}

// slip lays out what is printed.
func (r *ReturnReceiptAnswer) slip() *records.Slip {
	p := &records.Slip{}
	p.Strong(r.Venue)
	if r.ReversalID != "" {
		p.Centre("医保结算撤销单")
	} else {
		p.Centre("医保退货单")
	}
	p.Rule()
	p.Pair("机构", r.VenueCode)
	p.Pair("单号", r.ReceiptNo)
	p.Pair("原单号", r.SaleReceipt)
	p.Pair("时间", r.At.Format(time.DateTime))
	p.Pair("患者", r.Holder)
	p.Pair("操作员", r.Operator)
	p.Rule()
	for i := range r.Items {
		slipLine(p, &r.Items[i])
	}
	p.Rule()
	p.Pair("退款合计", string(r.Total))
	p.Pair("退回统筹基金", string(r.FundBack))
	p.Pair("退回个人账户", string(r.OwnBack))
	p.Pair("退回共济账户", string(r.SharedBack))
	for i, giver := range r.Givers {
		p.Pair("  共济人"+strconv.Itoa(i+1)+"（"+giver.Relation+"）"+giver.Holder, string(giver.Amount))
	}
	p.Pair("应退现金", string(r.CashHanded))
	if r.CashHanded != r.CashBack {
		p.Text("现金部分此前未收，不再退还。")
	}
	if r.BalanceAfter != nil {
		p.Pair("本人账户余额", string(*r.BalanceAfter))
	}
	for i := range r.Postings {
		if r.Postings[i].Why != "" {
			p.Text(r.Postings[i].Why)
		}
	}
	p.Rule()
	if r.Reason != "" {
		p.Pair("原因", r.Reason)
	}
	slipFoot(p, r.Policy, r.Contact, nil)
	p.Text("签名：")
	return p
}
