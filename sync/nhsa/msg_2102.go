package nhsa

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/shopspring/decimal"

	"gongji/settle"
	"gongji/settle/canon"
)

// InfnoSettle is 2102 药店结算.
const InfnoSettle = "2102"

// DrugInfo is the node druginfo of 2102. Lengths are those of the outpatient messages with the same members.
type DrugInfo struct {
	PsnNo        string `json:"psn_no" wire:"C30,M"`
	CertType     string `json:"mdtrt_cert_type" wire:"C3,M,d"`
	CertNo       string `json:"mdtrt_cert_no" wire:"C50,M"`
	Begin        Stamp  `json:"begntime" wire:"DT,M"`
	Total        Amount `json:"medfee_sumamt" wire:"N16.2,M"`
	Invoice      string `json:"invono" wire:"C20"`
	Insurance    string `json:"insutype" wire:"C6,M,d"`
	DiseaseCode  string `json:"dise_codg" wire:"C30"`
	DiseaseName  string `json:"dise_name" wire:"C500"`
	UseAccounts  string `json:"acct_used_flag" wire:"C3,M,d"`
	MedType      string `json:"med_type" wire:"C6,M,d"`
	ExtraContent string `json:"exp_content,omitempty" wire:"C4000"`
}

// DrugDetail is one row of drugdetail. Dose texts are left empty: a till does not know them.
type DrugDetail struct {
	Line           string `json:"feedetl_sn" wire:"C30,M"`
	Prescription   string `json:"rxno" wire:"C30"`
	External       string `json:"rx_circ_flag" wire:"C3,M,d"`
	Time           Stamp  `json:"fee_ocur_time" wire:"DT,M"`
	Code           string `json:"med_list_codg" wire:"C50,M"`
	ShopCode       string `json:"medins_list_codg" wire:"C150,M"`
	Total          Amount `json:"det_item_fee_sumamt" wire:"N16.2,M"`
	Quantity       Number `json:"cnt" wire:"N16.4,M"`
	Price          Number `json:"pric" wire:"N16.6,M"`
	Dose           string `json:"sin_dos_dscr" wire:"C200"`
	Frequency      string `json:"used_frqu_dscr" wire:"C200"`
	Days           Number `json:"prd_days" wire:"N4.2"`
	Route          string `json:"medc_way_dscr" wire:"C200"`
	PrescriberCode string `json:"bilg_dr_codg" wire:"C30"`
	PrescriberName string `json:"bilg_dr_name" wire:"C50"`
	HerbUse        string `json:"tcmdrug_used_way" wire:"C6,d"`

	Traces []DrugTrace `json:"-"` // where the centre wants the trace codes inside the line
}

// DrugTrace is one trace code (药品追溯码) of a line, a node of its own in later editions. The unit's code table is
// the centre's own, so the unit goes as the till gave it.
type DrugTrace struct {
	Line  string `json:"feedetl_sn" wire:"C30,M"`
	Code  string `json:"drug_trac_codg" wire:"C30,M"`
	Split string `json:"trdn_flag" wire:"C3,M,d"`
	Unit  string `json:"min_prcunt_type" wire:"C10"`
}

// SettleInput is the input of 2102.
type SettleInput struct {
	Info    DrugInfo     `json:"druginfo"`
	Details []DrugDetail `json:"drugdetail"`
	Traces  []DrugTrace  `json:"drug_trac_info,omitempty"`

	traceName string // where the centre has another name for the trace codes' node
}

// MarshalJSON puts the trace codes where the centre wants them, under the name that it wants.
func (s SettleInput) MarshalJSON() ([]byte, error) { return s.write() }

func (s SettleInput) write() ([]byte, error) {
	type plain SettleInput // without this method
	place, name := s.Traces, orElse(s.traceName, "drug_trac_info")
	s.Traces = nil
	data, err := encode(plain(s))
	if err != nil {
		return nil, err
	}
	for i := range s.Details {
		if len(s.Details[i].Traces) > 0 {
			if data, err = s.withLineTraces(name); err != nil {
				return nil, err
			}
			break
		}
	}
	if len(place) == 0 {
		return data, nil
	}
	return appendMember(data, name, place)
}

// withLineTraces writes the input with each line's trace codes inside the line.
func (s SettleInput) withLineTraces(name string) ([]byte, error) {
	var out struct {
		Info    DrugInfo          `json:"druginfo"`
		Details []json.RawMessage `json:"drugdetail"`
	}
	out.Info = s.Info
	for i := range s.Details {
		line, err := encode(s.Details[i])
		if err == nil && len(s.Details[i].Traces) > 0 {
			line, err = appendMember(line, name, s.Details[i].Traces)
		}
		if err != nil {
			return nil, err
		}
		out.Details = append(out.Details, line)
	}
	return encode(out)
}

// appendMember adds a member to the end of a JSON object that is not empty.
func appendMember(object []byte, name string, value any) ([]byte, error) {
	encoded, err := encode(value)
	if err != nil {
		return nil, err
	}
	key, err := encode(name)
	if err != nil {
		return nil, err
	}
	out := append(bytes.TrimSuffix(object, []byte("}")), ',')
	return append(append(append(append(out, key...), ':'), encoded...), '}'), nil
}

// Extensions are members beyond the national tables, sent only where the centre is known to take them.
type Extensions struct {
	ExpectedSplit bool // our split in exp_content
	Trace         bool // the node drug_trac_info
}

// ExpectedSplit is our extension inside exp_content: {"gongji": {"expected_split": {…}}}. It is what the till has
// settled already; the centre remains free to book otherwise.
type ExpectedSplit struct {
	Fund   settle.Fen `json:"fund"`
	Own    settle.Fen `json:"own"`
	Shared settle.Fen `json:"shared"`
	Cash   settle.Fen `json:"cash"`
	// Accounts are what each account has paid, in paying order; they sum to own and shared. A centre that follows them keeps
	// its word on allowances for each account. Absent: the centre chooses.
	Accounts []ExpectedAccount `json:"accounts,omitempty"`
	// Leave is what other sales of this venue, not acknowledged yet, may take of its allowances before this one: of an allowance it
	// may take what is left then, and what of its own amounts is covered. So each is booked as far as it is covered, in whatever
	// order they come. Absent: nothing.
	Leave []ExpectedAccount `json:"leave,omitempty"`
}

// ExpectedAccount is one account's part, in fen.
type ExpectedAccount struct {
	PsnNo   string     `json:"psn_no"`
	Amount  settle.Fen `json:"amount"`
	Covered settle.Fen `json:"covered,omitempty"` // of it an allowance guarantees
}

func expectedAccounts(pays []settle.PersonPay) (list []ExpectedAccount) {
	for _, p := range pays {
		list = append(list, ExpectedAccount(p))
	}
	return list
}

// Adds reports whether the parts are amounts that sum to the total, and the accounts' to theirs, and whether nobody is named
// twice.
func (s *ExpectedSplit) Adds(total settle.Fen) bool {
	all, once := sumOnce(s.Accounts)
	_, left := sumOnce(s.Leave)
	return s.Fund+s.Own+s.Shared+s.Cash == total && once && left && (len(s.Accounts) == 0 || all == s.Own+s.Shared && all <= total)
}

// sumOnce adds amounts up; once is false where one is not above 0 or somebody is named twice.
func sumOnce(accounts []ExpectedAccount) (all settle.Fen, once bool) {
	seen := make(map[string]bool, len(accounts))
	for _, a := range accounts {
		if a.PsnNo == "" || a.Amount <= 0 || a.Amount > mostFen || a.Covered < 0 || a.Covered > a.Amount || seen[a.PsnNo] {
			return 0, false
		}
		seen[a.PsnNo] = true
		all += a.Amount
	}
	return all, true
}

// mostFen is more than any account holds; so much for each name still sums without overflow.
const mostFen settle.Fen = 1 << 50

type extraContent struct {
	Gongji struct {
		Split *ExpectedSplit `json:"expected_split,omitempty"`
	} `json:"gongji"`
}

// expected is exp_content with our split; empty where it is not sent.
func (e Extensions) expected(d *settle.Dossier) string {
	if !e.ExpectedSplit {
		return ""
	}
	var extra extraContent
	f := d.Figures
	extra.Gongji.Split = &ExpectedSplit{Fund: f.Fund, Own: f.Own, Shared: f.Shared, Cash: f.Cash, Accounts: expectedAccounts(d.Pays), Leave: expectedAccounts(d.Leave)}
	text, err := encode(extra)
	if err != nil { // numbers and texts always encode
		panic("nhsa: the expected split does not encode: " + err.Error())
	}
	return string(text)
}

// Expected reads the expected split out of exp_content; nil where there is none.
func (i DrugInfo) Expected() (*ExpectedSplit, error) {
	if i.ExtraContent == "" {
		return nil, nil
	}
	var extra extraContent
	if err := canon.Read([]byte(i.ExtraContent), &extra); err != nil {
		return nil, errors.New("exp_content is not JSON")
	}
	return extra.Gongji.Split, nil
}

// PharmacySettle is 2102 for the sale of a dossier.
type PharmacySettle struct {
	Dossier    settle.Dossier
	Extensions Extensions
}

// Infno is 2102.
func (PharmacySettle) Infno() string { return InfnoSettle }

// Input builds druginfo, drugdetail and the trace codes from the dossier in the national form.
func (m PharmacySettle) Input() (any, bool, error) {
	d := DefaultDialect()
	return m.InputIn(&d)
}

// InputIn builds them as the centre wants them.
func (m PharmacySettle) InputIn(dialect *Dialect) (any, bool, error) {
	input, err := m.build()
	if err != nil {
		return nil, true, err
	}
	if m.Extensions.Trace {
		input.addTraces(&m.Dossier, dialect)
	}
	return input, true, checkMessage(input, input.identities)
}

func (m PharmacySettle) build() (SettleInput, error) {
	d := m.Dossier
	certType, certNo := wireCredential(&d)
	info := DrugInfo{
		PsnNo: d.Identity.PsnNo, CertType: certType, CertNo: certNo, Begin: Stamp(d.At), Total: Amount(d.Figures.Total),
		Insurance: d.Identity.Insurance, DiseaseCode: d.Sale.Disease.Code, DiseaseName: d.Sale.Disease.Name,
		UseAccounts: wireFlag(d.Sale.UseAccounts), MedType: d.Sale.MedType,
	}
	if len(d.ReceiptNo) <= 20 { // the receipt's number is ours; where it does not fit, the optional member stays empty
		info.Invoice = d.ReceiptNo
	}
	info.ExtraContent = m.Extensions.expected(&d)
	input := SettleInput{Info: info}
	for i := range d.Sale.Lines {
		input.Details = append(input.Details, drugDetail(&d, &d.Sale.Lines[i]))
	}
	return input, nil
}

func (s *SettleInput) addTraces(d *settle.Dossier, dialect *Dialect) {
	s.traceName = dialect.TraceName
	for i := range d.Sale.Lines {
		line := &d.Sale.Lines[i]
		for _, code := range line.TraceCodes {
			trace := DrugTrace{line.ID, code, wireFlag(line.SplitPack), line.Unit}
			if dialect.TracePlace == TraceLine {
				s.Details[i].Traces = append(s.Details[i].Traces, trace)
			} else {
				s.Traces = append(s.Traces, trace)
			}
		}
	}
}

// drugDetail is one line. medins_list_codg is mandatory; a shop without codes of its own uses the national one.
func drugDetail(d *settle.Dossier, line *settle.Line) DrugDetail {
	return DrugDetail{
		Line: line.ID, Prescription: d.Sale.Prescription.Number, External: wireFlag(d.Sale.Prescription.Number != ""),
		Time: Stamp(d.At), Code: line.Code, ShopCode: orElse(line.ShopCode, line.Code), Total: Amount(line.Total),
		Quantity: Number(line.Quantity), Price: Number(line.UnitPrice),
		PrescriberCode: line.DoctorCode, PrescriberName: d.Sale.Prescription.Doctor,
	}
}

// wireCredential is what the patient showed. An e-voucher's code is good for one minute and is not kept: only a message in
// line carries it, and a report that goes later names the person's identity number instead.
func wireCredential(d *settle.Dossier) (certType, certNo string) {
	if d.Credential == settle.CredentialEvoucher && d.Evoucher != "" {
		return settle.CredentialEvoucher.WireCode(), d.Evoucher
	}
	if d.Credential == settle.CredentialCard && d.Card.Number != "" {
		return settle.CredentialCard.WireCode(), d.Card.Number
	}
	return settle.CredentialID.WireCode(), orElse(d.Card.IDNumber, d.Identity.IDNumber)
}

func wireFlag(yes bool) string {
	if yes {
		return "1"
	}
	return "0"
}

// wirePrice reads a unit price as it stands on the wire. A JSON number has no trailing zeros, so 168.00 yuan arrive as
// 168, which settle.ParsePrice rightly refuses from a till.
func wirePrice(n Number) (decimal.Decimal, error) {
	if !isNumber(string(n)) {
		return decimal.Zero, errAmount
	}
	price, err := decimal.NewFromString(string(n))
	if err == nil && (price.IsNegative() || price.Exponent() < -6) {
		err = errAmount
	}
	return price, err
}

// roundingFen is how far a line's total may be from quantity × price: one fen that a till may be off, and one that the
// return of a part of the line may add.
const roundingFen = 2

// lineTotal checks that a line's total is quantity × price.
func (f *faults) lineTotal(place string, cnt, pric Number, total Amount) {
	quantity, errQuantity := settle.ParseQuantity(string(cnt))
	price, errPrice := wirePrice(pric)
	if errQuantity != nil || errPrice != nil {
		f.add(place, "cnt and pric must be a quantity above 0 and a price with 1 to 6 decimals")
		return
	}
	if off := settle.Fen(total) - settle.LineTotal(quantity, price); off > roundingFen || off < -roundingFen || total < 0 {
		f.add(place+".det_item_fee_sumamt", "is not cnt × pric")
	}
}

// identities holds the amounts against each other: the lines sum to the total, each line is quantity × price, the
// expected split sums to the total.
func (s SettleInput) identities(f *faults) {
	var sum Amount
	for i := range s.Details {
		line := &s.Details[i]
		sum += line.Total
		place := fmt.Sprintf("drugdetail[%d]", i)
		f.lineTotal(place, line.Quantity, line.Price, line.Total)
	}
	if len(s.Details) == 0 {
		f.add("drugdetail", "has no row")
	}
	if sum != s.Info.Total {
		f.add("druginfo.medfee_sumamt", "is not the sum of the lines")
	}
	if split, err := s.Info.Expected(); err != nil {
		f.add("druginfo.exp_content", err.Error())
	} else if split != nil && !split.Adds(settle.Fen(s.Info.Total)) {
		f.add("druginfo.exp_content", "the expected split does not sum to the total")
	}
}

// Check holds a received 2102 against the same table and identities, for the reference centre.
func (s SettleInput) Check() error { return checkMessage(s, s.identities) }

// DecodeBooking reads setlinfo of 2102 as the client's centre writes it.
func (c *Client) DecodeBooking(a *Answer, msgid string, sent *settle.Dossier) (settle.Booking, error) {
	booking, err := DecodeBooking(a, msgid, sent)
	if err == nil {
		err = checkFunds(a, booking.Figures, c.options.Dialect)
	}
	return booking, err
}

// DecodeBooking reads setlinfo of 2102. The error means that the sale may be booked and that we cannot say how: a
// member is missing or unreadable, or the amounts contradict each other or what was sent.
func DecodeBooking(a *Answer, msgid string, sent *settle.Dossier) (settle.Booking, error) {
	node, err := a.node("setlinfo")
	if err != nil {
		return settle.Booking{}, err
	}
	f, err := readFields(node)
	if err != nil {
		return settle.Booking{}, err
	}
	booking := settle.Booking{
		SetlID: f.text("setl_id"), MdtrtID: f.text("mdtrt_id"), ClrOptins: f.text("clr_optins"),
		MsgID: msgid, CentreTime: a.CentreTime, SettledAt: f.settledAt(),
	}
	if booking.SetlID == "" || booking.MdtrtID == "" {
		f.fail("setlinfo", errors.New("setl_id and mdtrt_id are needed"))
	}
	if person := f.text("psn_no"); person != "" && person != sent.Identity.PsnNo {
		f.fail("psn_no", errors.New("is another person's"))
	}
	booking.Figures = f.figures()
	if f.fault == nil && booking.Figures.Total != sent.Figures.Total {
		f.fail("medfee_sumamt", errors.New("is not the total that was sent"))
	}
	return booking, f.fault
}

// figures reads the amounts of setlinfo and holds them against identities 1, 2 and 6 of the interface page.
//
// The fund's part is total − own − shared − cash and never fund_pay_sumamt: in the Guangdong manner that member has the
// personal account inside it. What a hospital bears itself is in it too; a pharmacy bears nothing.
func (f *fields) figures() settle.Figures {
	account := f.need("acct_pay")
	shared := f.amount("acct_mulaid_pay")
	figures := settle.Figures{
		Total:  f.need("medfee_sumamt", "med_fee_sumamt"),
		Own:    account - shared,
		Shared: shared,
		Cash:   f.need("psn_cash_pay", "cash_payamt", "pdn_cash_pay", "psnCash_pay"),
	}
	figures.Fund = figures.Total - figures.Self()
	personal := []string{"psn_part_amt", "psn_part_am", "psn_pay"}
	if f.has(personal...) && f.amount(personal...) != account+figures.Cash {
		f.fail("psn_part_amt", errors.New("is not acct_pay + psn_cash_pay"))
	}
	if shared < 0 || shared > account || figures.Cash < 0 || figures.Fund < 0 {
		f.fail("setlinfo", errors.New("acct_mulaid_pay, acct_pay, psn_cash_pay and medfee_sumamt contradict each other"))
	}
	parts := []string{"fulamt_ownpay_amt", "overlmt_selfpay", "preselfpay_amt", "inscp_scp_amt"}
	var sum settle.Fen
	for _, part := range parts {
		sum += f.amount(part)
	}
	if sum != 0 && sum != figures.Total { // a centre that leaves all four empty says nothing
		f.fail("medfee_sumamt", errors.New("is not the sum of the four policy amounts"))
	}
	return figures
}

// need is an amount whose absence would be a guess. A member that is there and empty is 0, as centres write it.
func (f *fields) need(names ...string) settle.Fen {
	for _, name := range names {
		if _, there := f.value(strings.ToLower(name)); there {
			return f.amount(names...)
		}
	}
	f.fail(names[0], errors.New("is missing"))
	return 0
}
