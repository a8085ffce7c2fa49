package localapi

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"golang.org/x/text/encoding/simplifiedchinese"

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
	OwnBalanceAfter *Yuan          `json:"own_balance_after,omitempty"`
	Proxy           string         `json:"proxy,omitempty" doc:"Masked name of the person who bought for the patient"`
	State           string         `json:"state"`
	Returned        ReturnedAnswer `json:"returned" doc:"Given back since; the sums above are those of the sale"`
	Offline         bool           `json:"offline"`
	Policy          PolicyAnswer   `json:"policy"`
	Contact         string         `json:"contact" doc:"Whom to ask in this region"`
	Channels        []string       `json:"channels" doc:"Where family bindings are made in this region"`
}

type receiptInput struct {
	ID      string `path:"id" maxLength:"64"`
	Format  string `query:"format" enum:"json,text" default:"json"`
	Columns int    `query:"columns" minimum:"32" maximum:"48" multipleOf:"16" default:"32" doc:"Width of the text form, 32 or 48; a Chinese character takes two"`
}

func (s *Server) addReceipt(op huma.Operation) {
	op.Description = "json, or text in GB18030 for a slip printer. A cashier gets the slips of their own till."
	op.Responses["200"] = &huma.Response{Description: "The slip", Content: map[string]*huma.MediaType{
		"application/json":            {Schema: schemaFor[ReceiptAnswer](s)},
		"text/plain; charset=GB18030": {Schema: &huma.Schema{Type: huma.TypeString}},
	}}
	type output struct {
		ContentType string `header:"Content-Type"`
		Body        any
	}
	register(s, op, func(ctx context.Context, in *receiptInput) (*output, error) {
		found, err := s.o.Session.Settlement(ctx, in.ID)
		if err != nil {
			return nil, err
		}
		if c := callOf(ctx); !c.manager() && found.Sale.POS != c.token.Name {
			return nil, settle.NewError(settle.Forbidden, nil).With("needs", string(Manager))
		}
		receipt := receiptOf(&found, s.o.Session.Venue(), s.guidance())
		if in.Format == "json" {
			return &output{ContentType: "application/json", Body: receipt}, nil
		}
		text, err := simplifiedchinese.GB18030.NewEncoder().Bytes([]byte(receipt.text(in.Columns)))
		if err != nil {
			return nil, settle.NewError(settle.StoreBroken, err)
		}
		return &output{ContentType: "text/plain; charset=GB18030", Body: text}, nil
	})
}

func receiptOf(x *settle.Settlement, venue settle.Venue, ask Guidance) ReceiptAnswer {
	r := ReceiptAnswer{
		Venue: venue.Name, VenueCode: venue.Code, ReceiptNo: x.ReceiptNo, SettlementID: x.ID, SaleID: x.Sale.ID, At: x.At.In(settle.Beijing),
		Holder: x.Presence.MaskedHolder, MedType: x.Sale.MedType, Operator: x.Sale.Operator.ID, Terminal: x.Sale.Terminal,
		Lines: make([]ReceiptLine, len(x.Sale.Lines)), Total: yuan(x.Figures.Total), FundPaid: yuan(x.Figures.Fund), OwnPaid: yuan(x.Figures.Own),
		SharedPaid: yuan(x.Figures.Shared), CashPaid: yuan(x.Figures.Cash), Givers: []ReceiptGiver{}, State: x.State(), Offline: x.Offline,
		Policy: PolicyAnswer(x.Policy), Contact: strings.Join(ask.Contacts, "，"), Channels: append([]string{}, ask.Channels...),
	}
	r.Returned = returnedAnswer(&x.Refunded)
	var own settle.Fen
	for i := range x.Sale.Lines {
		line := &x.Sale.Lines[i]
		own += line.Personal[settle.OwnExpense]
		r.Lines[i] = ReceiptLine{line.Name, line.Spec, line.Batch, line.Quantity, line.UnitPrice, yuan(line.Total), append([]string{}, line.TraceCodes...)}
	}
	r.OwnExpense, r.SelfPay = yuan(own), yuan(x.Figures.Self()-own)
	for i := range x.Postings {
		p := &x.Postings[i]
		if shared(&p.Party) {
			r.Givers = append(r.Givers, ReceiptGiver{p.Masked, p.Relation.GiverTitle(), yuan(p.Amount)})
		} else {
			r.OwnBalanceAfter = yuanOf(p.After) // of the pot that paid last
		}
	}
	if x.Sale.Proxy != nil {
		r.Proxy = x.Sale.Proxy.AgentMasked
	}
	return r
}

// returnNotices head the slip of a sale that does not stand any more as it was, so that nobody shows it as a valid one.
var returnNotices = map[settle.ShopState]string{
	settle.ShopReversed: "【已撤销，作废】", settle.ShopRefunded: "【已全部退货】", settle.ShopPartlyRefunded: "【部分退货】",
}

// text prints the slip in the given number of columns.
func (r *ReceiptAnswer) text(columns int) string {
	p := slip{columns: columns}
	p.centre(r.Venue)
	p.centre("医保结算单")
	if notice := returnNotices[settle.ShopState(r.State)]; notice != "" {
		p.centre(notice)
	}
	p.rule()
	p.pair("机构", r.VenueCode)
	p.pair("单号", r.ReceiptNo)
	p.pair("结算编号", r.SettlementID)
	p.pair("时间", r.At.Format(time.DateTime))
	p.pair("患者", r.Holder)
	p.pair("收银", r.Terminal+" "+r.Operator)
	p.rule()
	for i := range r.Lines {
		p.line(&r.Lines[i])
	}
	p.rule()
	p.pair("合计", string(r.Total))
	p.pair("医保统筹基金支付", string(r.FundPaid))
	p.pair("个人自付", string(r.SelfPay))
	p.pair("个人自费", string(r.OwnExpense))
	p.pair("个人账户支付", string(r.OwnPaid))
	p.pair("家庭共济支付", string(r.SharedPaid))
	for i, giver := range r.Givers {
		p.pair(fmt.Sprintf("  共济人%d（%s）%s", i+1, giver.Relation, giver.Holder), string(giver.Amount))
	}
	p.pair("个人现金支付", string(r.CashPaid))
	if r.OwnBalanceAfter != nil {
		p.pair("本人账户余额", string(*r.OwnBalanceAfter))
	}
	if r.Returned.Total != "0.00" {
		p.rule()
		p.pair("已退合计", string(r.Returned.Total))
		p.pair("  退回基金", string(r.Returned.Fund))
		p.pair("  退回本人账户", string(r.Returned.Own))
		p.pair("  退回共济账户", string(r.Returned.Shared))
		p.pair("  退现金", string(r.Returned.Cash))
	}
	p.rule()
	if r.Proxy != "" {
		p.pair("代购人", r.Proxy)
	}
	if r.Offline {
		p.wrap("脱机结算，待上传医保中心。")
	}
	p.pair("政策", r.Policy.ID+" "+r.Policy.Version)
	p.wrap(r.Contact)
	if len(r.Channels) > 0 {
		p.wrap("共济办理：" + strings.Join(r.Channels, "，"))
	}
	p.wrap("签名：")
	return p.out.String()
}

// slip lays text out in columns; a Chinese character takes two.
type slip struct {
	columns int
	out     strings.Builder
}

func (p *slip) line(l *ReceiptLine) {
	p.wrap(strings.TrimSpace(l.Name + " " + l.Spec))
	if l.Batch != "" {
		p.wrap("  批号 " + l.Batch)
	}
	p.pair("  "+l.Quantity+" × "+l.UnitPrice, string(l.Total))
	for _, code := range l.TraceCodes {
		p.wrap("  追溯码 " + code)
	}
}

func (p *slip) rule() { p.out.WriteString(strings.Repeat("-", p.columns) + "\n") }

func (p *slip) centre(text string) {
	p.out.WriteString(strings.Repeat(" ", max(0, (p.columns-width(text))/2)))
	p.wrap(text)
}

// pair prints a label on the left and a value on the right, on two lines where one is too short.
func (p *slip) pair(label, value string) {
	gap := p.columns - width(label) - width(value)
	if gap < 1 {
		p.wrap(label)
		label, gap = "", max(0, p.columns-width(value))
	}
	p.wrap(label + strings.Repeat(" ", gap) + value)
}

// wrap prints text, breaking it where the line is full.
func (p *slip) wrap(text string) {
	used := 0
	for _, r := range text {
		if w := runeWidth(r); used+w > p.columns {
			p.out.WriteByte('\n')
			used = w
		} else {
			used += w
		}
		p.out.WriteRune(r)
	}
	p.out.WriteByte('\n')
}

func width(text string) (columns int) {
	for _, r := range text {
		columns += runeWidth(r)
	}
	return columns
}

// runeWidth is the columns of a character on a slip printer: one byte of GB18030 is one column, everything else two.
func runeWidth(r rune) int {
	if r < 0x80 {
		return 1
	}
	return 2
}
