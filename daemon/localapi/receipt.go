package localapi

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"gongji/daemon/records"
	"gongji/settle"
)

// ReceiptLine is one line of a slip.
type ReceiptLine struct {
	Name       string   `json:"name"`
	Spec       string   `json:"spec,omitempty"`
	Batch      string   `json:"batch,omitempty"`
	Quantity   string   `json:"quantity"`
	UnitPrice  string   `json:"unit_price"`
	Total      Yuan     `json:"total"`
	TraceCodes []string `json:"trace_codes"`
}

// ReceiptGiver is what a relative paid; no balance, since only a giver may see their own.
type ReceiptGiver struct {
	Holder   string `json:"holder" doc:"Masked name"`
	Relation string `json:"relation" doc:"What the giver is to the patient, Chinese"`
	Amount   Yuan   `json:"amount"`
}

// ReceiptAnswer is the slip's contents: what the rules on medical receipts and on trace codes ask to be shown.
type ReceiptAnswer struct {
	Venue           string         `json:"venue"`
	VenueCode       string         `json:"venue_code"`
	ReceiptNo       string         `json:"receipt_no"`
	SettlementID    string         `json:"settlement_id"`
	SaleID          string         `json:"sale_id"`
	At              time.Time      `json:"at"`
	Holder          string         `json:"holder" doc:"Masked name of the patient"`
	MedType         string         `json:"med_type"`
	Operator        string         `json:"operator"`
	Terminal        string         `json:"terminal"`
	Lines           []ReceiptLine  `json:"lines"`
	Total           Yuan           `json:"total"`
	FundPaid        Yuan           `json:"fund_paid"`
	OwnPaid         Yuan           `json:"own_paid"`
	SharedPaid      Yuan           `json:"shared_paid"`
	CashPaid        Yuan           `json:"cash_paid"`
	SelfPay         Yuan           `json:"self_pay" doc:"个人自付: within the scheme's scope"`
	OwnExpense      Yuan           `json:"own_expense" doc:"个人自费: outside of it"`
	Givers          []ReceiptGiver `json:"givers"`
	OwnBalanceAfter *Yuan          `json:"own_balance_after,omitempty" doc:"Of the pot that paid last, as this machine knew it then"`
	CashOpen        *Yuan          `json:"cash_open,omitempty" doc:"After the centre adjusted: cash still to be collected, or, negative, to be paid back"`
	Adjusted        bool           `json:"adjusted" doc:"The sums are the centre's, which differ from those at the counter"`
	Proxy           string         `json:"proxy,omitempty" doc:"Masked name of the person who bought for the patient"`
	State           string         `json:"state"`
	Returned        ReturnedAnswer `json:"returned" doc:"Given back since; the sums above are those of the sale"`
	Offline         bool           `json:"offline"`
	AtRisk          Yuan           `json:"at_risk" doc:"Account money settled without the centre and not yet booked there"`
	Policy          PolicyAnswer   `json:"policy"`
	Contact         string         `json:"contact" doc:"Whom to ask in this region"`
	Channels        []string       `json:"channels" doc:"Where family bindings are made in this region"`
	Printed         int            `json:"printed" doc:"How many times the slip was printed; JSON does not count"`
}

// ReceiptForm is how a slip is asked for.
type ReceiptForm struct {
	Format  string `query:"format" enum:"json,text,escpos,pdf" default:"json" doc:"escpos: the bytes of a slip printer"`
	Large   bool   `query:"large" doc:"Twice as large, for those who see badly: half the columns fit"`
	Columns int    `query:"columns" minimum:"32" maximum:"48" multipleOf:"16" default:"32" doc:"Width of the paper, 32 or 48; a Chinese character takes two"`
}

type receiptInput struct {
	ID string `path:"id" maxLength:"64"`
	ReceiptForm
}

// receiptOutput is a slip as JSON or as bytes.
type receiptOutput struct {
	ContentType string `header:"Content-Type"`
	Printed     int    `header:"Slip-Number" doc:"How many times it was printed, this one included; above 1 it is marked as a copy"`
	Body        any
}

// slipResponses documents the forms of a slip.
func slipResponses(op *huma.Operation, body *huma.Schema) {
	op.Description = "json; text in GB18030 for a slip printer's driver; escpos, the bytes for the printer itself; or pdf. Each but json counts as printed, " +
		"and from the second on says that it is a copy. A cashier gets the slips of their own till."
	bytes := &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}
	op.Responses["200"] = &huma.Response{Description: "The slip", Content: map[string]*huma.MediaType{
		"application/json": {Schema: body}, slipTypes["text"]: {Schema: &huma.Schema{Type: huma.TypeString}},
		slipTypes["escpos"]: bytes, slipTypes["pdf"]: bytes,
	}}
}

// slipTypes are the media types of printed slips.
var slipTypes = map[string]string{"text": "text/plain; charset=GB18030", "escpos": "application/octet-stream", "pdf": "application/pdf"}

func (s *Server) addReceipt(op huma.Operation) {
	slipResponses(&op, schemaFor[ReceiptAnswer](s))
	register(s, op, func(ctx context.Context, in *receiptInput) (*receiptOutput, error) {
		found, err := s.o.Session.Settlement(ctx, in.ID)
		if err != nil {
			return nil, err
		}
		if err := ownSlip(ctx, found.Sale.POS); err != nil {
			return nil, err
		}
		receipt := receiptOf(&found, s.o.Session.Venue(), s.guidance())
		return s.slip(ctx, in.ReceiptForm, receipt.ReceiptNo, func(printed int) any {
			receipt.Printed = printed
			return receipt
		}, receipt.slip)
	})
}

// ownSlip is FORBIDDEN for a cashier of another till.
func ownSlip(ctx context.Context, pos string) error {
	if c := callOf(ctx); !c.manager() && pos != c.token.Name {
		return settle.NewError(settle.Forbidden, nil).With("needs", string(Manager))
	}
	return nil
}

// slip answers with a slip in the form that was asked for. What is printed is counted before it is answered: a copy that is not
// marked could be shown as a second purchase.
func (s *Server) slip(ctx context.Context, form ReceiptForm, number string, body func(printed int) any, build func() *records.Slip) (*receiptOutput, error) {
	store, err := s.store()
	if err != nil {
		return nil, err
	}
	if form.Format == "json" {
		printed, err := store.SlipCount(ctx, number)
		return &receiptOutput{ContentType: "application/json", Printed: printed, Body: body(printed)}, err
	}
	printed, err := store.CountSlip(ctx, number, callOf(ctx).token.Name, form.Format)
	if err != nil {
		return nil, err
	}
	slip := build()
	if form.Large {
		slip.Large()
	}
	if printed > 1 {
		slip.Copy(printed - 1)
	}
	out := &receiptOutput{ContentType: slipTypes[form.Format], Printed: printed}
	switch form.Format {
	case "escpos":
		out.Body = slip.ESCPOS(form.Columns)
	case "pdf":
		data, err := slip.PDF(form.Columns)
		if err != nil {
			return nil, settle.NewError(settle.StoreBroken, err)
		}
		out.Body = data
	default:
		out.Body = slip.PlainText(form.Columns)
	}
	return out, nil
}

func receiptOf(x *settle.Settlement, venue settle.Venue, ask Guidance) ReceiptAnswer {
	f := x.Standing()
	r := ReceiptAnswer{
		Venue: venue.Name, VenueCode: venue.Code, ReceiptNo: x.ReceiptNo, SettlementID: x.ID, SaleID: x.Sale.ID, At: x.At.In(settle.Beijing),
		Holder: x.Presence.MaskedHolder, MedType: x.Sale.MedType, Operator: x.Sale.Operator.ID, Terminal: x.Sale.Terminal,
		Lines: make([]ReceiptLine, len(x.Sale.Lines)), Total: yuan(f.Total), FundPaid: yuan(f.Fund), OwnPaid: yuan(f.Own),
		SharedPaid: yuan(f.Shared), CashPaid: yuan(f.Cash), Givers: []ReceiptGiver{}, State: x.State(), Offline: x.Offline, AtRisk: yuan(x.AtRisk),
		Policy: PolicyAnswer(x.Policy), Contact: strings.Join(ask.Contacts, "，"), Channels: append([]string{}, ask.Channels...),
		Adjusted: f != x.Figures,
	}
	r.Returned = returnedAnswer(&x.Refunded)
	var own settle.Fen
	for i := range x.Sale.Lines {
		line := &x.Sale.Lines[i]
		own += line.Personal[settle.OwnExpense]
		r.Lines[i] = ReceiptLine{line.Name, line.Spec, line.Batch, line.Quantity, line.UnitPrice, yuan(line.Total), append([]string{}, line.TraceCodes...)}
	}
	r.OwnExpense, r.SelfPay = yuan(own), yuan(f.Self()-own)
	r.payers(x)
	if x.CashState.Open != 0 {
		r.CashOpen = yuanOf(x.CashState.Open)
	}
	if x.Sale.Proxy != nil {
		r.Proxy = x.Sale.Proxy.AgentMasked
	}
	return r
}

// payers are the relatives with what each of them pays now, the centre's adjustments included, and the own balance.
func (r *ReceiptAnswer) payers(x *settle.Settlement) {
	sums := map[settle.PersonID]settle.Fen{}
	var order []settle.Party
	take := func(postings []settle.Posting) {
		for i := range postings {
			p := &postings[i]
			if !shared(&p.Party) {
				if p.Pot != settle.PotAgency {
					r.OwnBalanceAfter = yuanOf(p.After) // of the pot that paid last
				}
				continue
			}
			if _, known := sums[p.Person]; !known {
				order = append(order, p.Party)
			}
			sums[p.Person] += p.Amount
		}
	}
	take(x.Postings)
	for i := range x.Adjustments {
		if !x.Adjustments[i].Transit {
			take(x.Adjustments[i].Postings)
		}
	}
	for _, party := range order {
		if sum := sums[party.Person]; sum != 0 {
			r.Givers = append(r.Givers, ReceiptGiver{party.Masked, party.Relation.GiverTitle(), yuan(sum)})
		}
	}
}

// returnNotices head the slip of a sale that does not stand any more as it was, so that nobody shows it as a valid one.
var returnNotices = map[string]string{
	string(settle.ShopReversed): "【已撤销，作废】", string(settle.ShopRefunded): "【已全部退货】", string(settle.ShopPartlyRefunded): "【部分退货】",
	string(settle.ReportRefused): "【医保中心未通过】",
}

// cardNotice is on every slip: money may be shared, the card may not (S-019).
const cardNotice = "个人账户资金可家庭共济，医保卡仅限本人使用。"

// slip lays out what is printed.
func (r *ReceiptAnswer) slip() *records.Slip {
	p := &records.Slip{}
	p.Strong(r.Venue)
	p.Centre("医保结算单")
	if notice := returnNotices[r.State]; notice != "" {
		p.Strong(notice)
	}
	p.Rule()
	p.Pair("机构", r.VenueCode)
	p.Pair("单号", r.ReceiptNo)
	p.Pair("结算编号", r.SettlementID)
	p.Pair("时间", r.At.Format(time.DateTime))
	p.Pair("患者", r.Holder)
	p.Pair("收银", r.Terminal+" "+r.Operator)
	p.Rule()
	for i := range r.Lines {
		slipLine(p, &r.Lines[i])
	}
	p.Rule()
	p.Pair("合计", string(r.Total))
	p.Pair("医保统筹基金支付", string(r.FundPaid))
	p.Pair("个人自付", string(r.SelfPay))
	p.Pair("个人自费", string(r.OwnExpense))
	p.Pair("个人账户支付", string(r.OwnPaid))
	p.Pair("家庭共济支付", string(r.SharedPaid))
	for i, giver := range r.Givers {
		p.Pair(fmt.Sprintf("  共济人%d（%s）%s", i+1, giver.Relation, giver.Holder), string(giver.Amount))
	}
	p.Pair("个人现金支付", string(r.CashPaid))
	if r.OwnBalanceAfter != nil {
		p.Pair("本人账户余额", string(*r.OwnBalanceAfter))
	}
	r.slipLater(p)
	p.Rule()
	if r.Proxy != "" {
		p.Pair("代购人", r.Proxy)
	}
	if r.Offline {
		p.Text("脱机结算，待上传医保中心。")
		if r.AtRisk != "0.00" {
			p.Text("其中 " + string(r.AtRisk) + " 元以医保中心入账为准。")
		}
	}
	slipFoot(p, r.Policy, r.Contact, r.Channels)
	p.Text("签名：")
	return p
}

// slipLater prints what happened after the sale.
func (r *ReceiptAnswer) slipLater(p *records.Slip) {
	if r.Adjusted || r.CashOpen != nil {
		p.Rule()
		p.Text("以上为医保中心调整后的金额。")
		if r.CashOpen != nil {
			open, back := strings.CutPrefix(string(*r.CashOpen), "-")
			label := "待补收现金"
			if back {
				label = "待退还现金"
			}
			p.Pair(label, open)
		}
	}
	if r.Returned.Total != "0.00" {
		p.Rule()
		p.Pair("已退合计", string(r.Returned.Total))
		p.Pair("  退回基金", string(r.Returned.Fund))
		p.Pair("  退回本人账户", string(r.Returned.Own))
		p.Pair("  退回共济账户", string(r.Returned.Shared))
		p.Pair("  退现金", string(r.Returned.Cash))
	}
}

func slipLine(p *records.Slip, l *ReceiptLine) {
	p.Text(strings.TrimSpace(l.Name + " " + l.Spec))
	if l.Batch != "" {
		p.Text("  批号 " + l.Batch)
	}
	p.Pair("  "+l.Quantity+" × "+l.UnitPrice, string(l.Total))
	for _, code := range l.TraceCodes {
		p.Text("  追溯码 " + code)
	}
}

// slipFoot prints which rules decided and whom to ask.
func slipFoot(p *records.Slip, policy PolicyAnswer, contact string, channels []string) {
	if policy.ID != "" {
		p.Pair("政策", policy.ID+" "+policy.Version)
	}
	p.Text(contact)
	if len(channels) > 0 {
		p.Text("共济办理：" + strings.Join(channels, "，"))
	}
	p.Text(cardNotice)
}
