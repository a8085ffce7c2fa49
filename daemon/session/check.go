package session

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"gongji/settle"
)

// Limits of a request. They bound what one request can cost and what a stored record can hold.
const (
	MaxLines       = 200
	MaxTraceCodes  = 500 // of one line
	MaxSelected    = 20
	MaxWaitSeconds = 120
)

// Limits that come from the national interface: what the till may write here must fit there, or goods would leave with
// a settlement that nobody can report (feedetl_sn, opter, rxno, drug_trac_codg C30; min_prcunt_type C10).
const (
	MaxLineID       = 30
	MaxOperatorID   = 30
	MaxPrescription = 30
	MaxUnit         = 10
)

// spelling is a form of texts: which characters, how many, and what the first may be. Every sale is asked, so it is read by hand
// and no regular expression; pattern is the same for people.
type spelling struct {
	pattern string
	most    int
	marks   string // besides letters and digits
	first   string // which of the marks may come first
	upper   bool   // capital letters too
}

var (
	// idText is the form of an id that a till makes: safe in a path, in a file name and on paper.
	idText      = spelling{pattern: `^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$`, most: 64, marks: "._:-", upper: true}
	medTypeText = spelling{pattern: `^[0-9A-Za-z]{1,6}$`, most: 6, upper: true}
	checkText   = spelling{pattern: `^[a-z0-9_]{1,32}$`, most: 32, marks: "_", first: "_"}
	traceText   = spelling{pattern: `^[0-9A-Za-z]{1,30}$`, most: 30, upper: true}
)

// String is the pattern.
func (s *spelling) String() string { return s.pattern }

// MatchString reports whether a text is of the form.
func (s *spelling) MatchString(text string) bool {
	if text == "" || len(text) > s.most {
		return false
	}
	marks := s.first
	for i := range len(text) {
		c := text[i]
		plain := '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || s.upper && 'A' <= c && c <= 'Z'
		if !plain && strings.IndexByte(marks, c) < 0 {
			return false
		}
		marks = s.marks
	}
	return true
}

// faults collects every bad field of a request.
type faults []settle.FieldFault

func (f *faults) add(field, message, detail string) {
	*f = append(*f, settle.FieldFault{Field: field, Message: message, Detail: detail})
}

// under puts what the faults from the n-th on were found in before their fields.
func (f faults) under(n int, format string, args ...any) {
	for i := n; i < len(f); i++ {
		f[i].Field = fmt.Sprintf(format, args...) + f[i].Field
	}
}

// err is BAD_REQUEST with every fault, or nil.
func (f faults) err() error {
	if len(f) == 0 {
		return nil
	}
	e := settle.NewError(settle.BadRequest, nil)
	e.Fields = f
	return e
}

// text checks length and characters of a free text.
func (f *faults) text(field, value string, most int, required bool) {
	switch {
	case required && strings.TrimSpace(value) == "":
		f.add(field, "必填。", "is required")
	case !utf8.ValidString(value):
		f.add(field, "含有无法识别的字符。", "is not valid UTF-8")
	case utf8.RuneCountInString(value) > most:
		f.add(field, fmt.Sprintf("太长，最多 %d 个字。", most), fmt.Sprintf("is longer than %d characters", most))
	case strings.ContainsFunc(value, unicode.IsControl):
		f.add(field, "不能含控制字符。", "must not contain control characters")
	}
}

func (f *faults) id(field, value string) {
	switch {
	case value == "":
		f.add(field, "必填。", "is required")
	case !idText.MatchString(value):
		f.add(field, "只能用字母、数字和 . _ : -，以字母或数字开头，最多 64 个字符。", "must match "+idText.String())
	}
}

// money reads yuan; an empty optional text is 0.
func (f *faults) money(field, value string, required bool) (settle.Fen, bool) {
	if value == "" && !required {
		return 0, true
	}
	amount, err := settle.ParseFen(value)
	if err != nil {
		f.add(field, "金额须为两位小数的元，例如 \"12.50\"。", err.Error())
		return 0, false
	}
	return amount, true
}

func (f *faults) date(field, value string) settle.Date {
	date, err := settle.ParseDate(value)
	if err != nil {
		f.add(field, "日期须写成 2006-01-02。", err.Error())
	}
	return date
}

func (f *faults) moment(field, value string) {
	if value == "" {
		return
	}
	if _, err := time.Parse(time.RFC3339, value); err != nil {
		f.add(field, "时间须为 RFC 3339 格式。", "must be an RFC 3339 time")
	}
}

// idNumber reads a citizen number that somebody typed or scanned: a wrong check character is an error here.
func (f *faults) idNumber(field, value string, required bool) settle.IDNumber {
	if value == "" {
		if required {
			f.add(field, "必填。", "is required")
		}
		return settle.IDNumber{}
	}
	number, err := settle.ParseIDNumber(value)
	if err != nil {
		f.add(field, "身份证号码不正确，请核对。", err.Error())
		return settle.IDNumber{}
	}
	return number
}

func (f *faults) operator(o OperatorRequest) {
	f.text("operator.id", o.ID, MaxOperatorID, true)
	f.text("operator.name", o.Name, 50, false)
}

func (f *faults) wait(seconds int) {
	if seconds < 0 || seconds > MaxWaitSeconds {
		f.add("wait_for_card_s", fmt.Sprintf("等卡时间须在 0 到 %d 秒之间。", MaxWaitSeconds), fmt.Sprintf("must be between 0 and %d", MaxWaitSeconds))
	}
}

// pharmacyType reports whether a med_type is a purchase at a pharmacy (41 and its local sub-types, and the pharmacy form of
// the chronic purchase), for which a visit is not needed.
func pharmacyType(medType string) bool { return settle.IsPharmacyType(medType) }

// parsedSale is a checked sale: everything that does not depend on card or ledger is in sale; the identities wait apart.
type parsedSale struct {
	sale         settle.Sale
	claimed      settle.Claimed
	prescribedTo settle.IDNumber
	agent        settle.IDNumber
	proxy        *ProxyRequest
	selected     []string
	wait         time.Duration
	digest       string // of the quote; of a settlement only
}

// CheckedSale is a sale whose every field is in order, ready to be quoted or settled. Check makes one; the zero value is none.
type CheckedSale struct{ sale *parsedSale }

// checkedSale is what a check came to.
func checkedSale(p parsedSale, f faults) (CheckedSale, []settle.FieldFault) {
	if len(f) > 0 {
		return CheckedSale{}, f
	}
	return CheckedSale{&p}, nil
}

// Check reads the sale and lists every bad field, in the order of its members. It is pure.
func (r *SaleRequest) Check() (CheckedSale, []settle.FieldFault) {
	var f faults
	return checkedSale(r.parse(&f), f)
}

// Check reads the sale and lists every bad field. It is pure.
func (r *SettleRequest) Check() (CheckedSale, []settle.FieldFault) {
	var f faults
	return checkedSale(r.parse(&f), f)
}

// parse reads the request and collects its faults.
func (r *SettleRequest) parse(f *faults) parsedSale {
	p := r.SaleRequest.parse(f)
	p.digest = r.QuoteDigest
	f.text("quote_digest", r.QuoteDigest, 64, false)
	return p
}

// parse reads the request and collects its faults.
func (r *SaleRequest) parse(f *faults) parsedSale {
	f.id("sale_id", r.SaleID)
	f.text("terminal", r.Terminal, 32, true)
	f.operator(r.Operator)
	f.text("pharmacist", r.Pharmacist, 50, false)
	f.text("venue_kind", r.VenueKind, 20, false)
	if !medTypeText.MatchString(r.MedType) {
		f.add("med_type", "医疗类别代码不正确。", "must match "+medTypeText.String())
	}
	p := parsedSale{
		claimed:  settle.Claimed{Number: f.idNumber("patient.id_number", r.Patient.IDNumber, false), Name: r.Patient.Name},
		selected: r.Selected,
		wait:     time.Duration(r.WaitSeconds) * time.Second,
	}
	f.text("patient.name", r.Patient.Name, 50, false)
	lines := f.lines(r.Lines)
	f.text("disease.code", r.Disease.Code, 30, false)
	f.text("disease.name", r.Disease.Name, 200, false)
	p.prescribedTo = f.prescription(&r.Prescription)
	p.proxy, p.agent = r.Proxy, f.proxy(r.Proxy, r.Presenter)
	visit := f.visit(r.Visit, r.MedType)
	f.selected(r.Selected)
	check := r.PersonCheck
	if check == "" {
		check = "card_read"
	}
	if !slices.Contains(settle.PersonChecks, check) {
		f.add("person_check", "没有这种核验方式。", "must be one of "+strings.Join(settle.PersonChecks, ", "))
	}
	f.wait(r.WaitSeconds)
	p.sale = settle.Sale{
		POS: r.POS, ID: r.SaleID, Terminal: r.Terminal, Operator: settle.Operator(r.Operator), Pharmacist: r.Pharmacist,
		VenueKind: r.VenueKind, MedType: r.MedType, Presenter: presenterOf(r), Lines: lines, Disease: settle.Disease(r.Disease),
		Prescription: settle.Prescription{Number: r.Prescription.Number, Doctor: r.Prescription.Doctor, Institution: r.Prescription.Institution,
			Electronic: r.Prescription.Electronic},
		UseAccounts: r.UseAccounts == nil || *r.UseAccounts, AskShared: r.AskShared, ThirdParty: r.ThirdParty,
		PersonCheck: check, Visit: visit,
	}
	return p
}

func presenterOf(r *SaleRequest) settle.Presenter {
	presenter := settle.Presenter{SamePerson: r.Proxy == nil}
	if r.Presenter != nil {
		presenter = settle.Presenter{
			SamePerson: r.Presenter.SamePerson, PatientPresent: r.Presenter.PatientPresent, Guardian: r.Presenter.Guardian,
		}
	}
	if r.Proxy != nil {
		presenter.Documents = r.Proxy.Documents
	}
	return presenter
}

func (f *faults) prescription(p *PrescriptionRequest) settle.IDNumber {
	f.text("prescription.number", p.Number, MaxPrescription, false)
	f.text("prescription.doctor", p.Doctor, 50, false)
	f.text("prescription.institution", p.Institution, 200, false)
	return f.idNumber("prescription.patient_id_number", p.PatientIDNumber, false)
}

// proxy checks who buys for an absent patient; whether the documents suffice is the policy's business.
func (f *faults) proxy(p *ProxyRequest, presenter *PresenterRequest) settle.IDNumber {
	if p == nil {
		if presenter != nil && !presenter.SamePerson && !presenter.PatientPresent {
			f.add("proxy", "患者不在场时须登记代购人。", "is required where neither the patient stands at the counter nor is present")
		}
		return settle.IDNumber{}
	}
	if presenter != nil && presenter.SamePerson {
		f.add("presenter.same_person", "有代购人时，到场的不能是患者本人。", "must be false where a proxy is given")
	}
	f.text("proxy.agent.name", p.Agent.Name, 50, true)
	f.text("proxy.agent.phone", p.Agent.Phone, 20, false)
	f.text("proxy.agent.relation", p.Agent.Relation, 32, false)
	f.text("proxy.reason", p.Reason, 200, false)
	f.text("proxy.signature", p.Signature, 100, false)
	if len(p.Documents) > 10 {
		f.add("proxy.documents", "证件种类太多。", "has more than 10 items")
	}
	for i, document := range p.Documents {
		if i < 10 && !checkText.MatchString(document) {
			f.add(fmt.Sprintf("proxy.documents[%d]", i), "证件代码不正确。", "must match "+checkText.String())
		}
	}
	return f.idNumber("proxy.agent.id_number", p.Agent.IDNumber, true)
}

func (f *faults) selected(refs []string) {
	if len(refs) > MaxSelected {
		f.add("selected_givers", fmt.Sprintf("最多选择 %d 位共济人。", MaxSelected), fmt.Sprintf("has more than %d items", MaxSelected))
		return
	}
	for i, ref := range refs {
		field := fmt.Sprintf("selected_givers[%d]", i)
		f.text(field, ref, 64, true)
		if slices.Contains(refs[:i], ref) {
			f.add(field, "重复选择。", "is listed twice")
		}
	}
}

// Check lists every bad field of the reversal. It is pure.
func (r *ReverseRequest) Check() []settle.FieldFault {
	var f faults
	f.id("reversal_id", r.ReversalID)
	f.returnCommon(r.Terminal, r.Operator, r.Reason, r.WithoutCard, r.WaitSeconds)
	return f
}

// Check lists every bad field of the refund. It is pure.
func (r *RefundRequest) Check() []settle.FieldFault {
	var f faults
	f.id("refund_id", r.RefundID)
	f.returnCommon(r.Terminal, r.Operator, r.Reason, r.WithoutCard, r.WaitSeconds)
	if len(r.Lines) == 0 || len(r.Lines) > MaxLines {
		f.add("lines", fmt.Sprintf("须有 1 到 %d 行。", MaxLines), fmt.Sprintf("must have 1 to %d items", MaxLines))
		return f
	}
	seen := map[string]bool{}
	for i := range r.Lines {
		line, at := &r.Lines[i], fmt.Sprintf("lines[%d].", i)
		f.text(at+"id", line.ID, 32, true)
		if seen[line.ID] {
			f.add(at+"id", "行号重复。", "is used twice")
		}
		seen[line.ID] = true
		if _, err := settle.ParseQuantity(line.Quantity); err != nil {
			f.add(at+"quantity", "数量须大于 0，最多 4 位小数。", err.Error())
		}
		f.traceCodes(at+"trace_codes", line.TraceCodes)
	}
	return f
}

func (f *faults) returnCommon(terminal string, operator OperatorRequest, reason string, withoutCard bool, wait int) {
	f.text("terminal", terminal, 32, false)
	f.operator(operator)
	f.text("reason", reason, 200, withoutCard)
	f.wait(wait)
}
