package localapi

import (
	"context"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"gongji/daemon/records"
	"gongji/daemon/session"
	"gongji/settle"
)

// Records is the ledger's side of records, reports, exports and slips. *ledger.Ledger is one.
type Records interface {
	records.Source
	session.Statements
	session.Histories
	// Report sums a period. BAD_REQUEST, STORE_BROKEN.
	Report(ctx context.Context, from, to settle.Date, by settle.Grouping) (settle.Totals, error)
	// Repeats are patterns of a period: the same goods for one person in at least so many bills of a day. STORE_BROKEN.
	Repeats(ctx context.Context, from, to settle.Date, least int) ([]settle.RepeatedPurchase, error)
	// CountSlip notes that a slip is printed and returns how many times it has been. STORE_FULL, STORE_BROKEN.
	CountSlip(ctx context.Context, receipt, pos, form string) (int, error)
	// SlipCount is how many times a slip was printed.
	SlipCount(ctx context.Context, receipt string) (int, error)
	// RecordIncident writes who looked at what into the audit record; detail holds no identity.
	RecordIncident(ctx context.Context, kind string, detail map[string]string) error
	// Incidents are the lines of the audit record since a time, oldest first, at most limit.
	Incidents(ctx context.Context, since time.Time, limit int) ([]settle.Incident, error)
}

// The kinds under which looks at records are remembered.
const (
	incidentExport = "EXPORT"
	incidentReveal = "RECORDS_REVEALED"
)

// store is the records' side; NOT_CONFIGURED where the daemon was built without.
func (s *Server) store() (Records, error) {
	if s.o.Records == nil {
		return nil, settle.NewError(settle.NotConfigured, nil)
	}
	return s.o.Records, nil
}

// RecordLineAnswer is one line of a bill as it was sold.
type RecordLineAnswer struct {
	ID         string   `json:"id" doc:"For a refund by line"`
	TraceCodes []string `json:"trace_codes" doc:"Of the packs that are still sold"`
	Left       string   `json:"left" doc:"Quantity that is still sold; 0 where all of it came back"`
	Code       string   `json:"code"`
	Name       string   `json:"name"`
	Spec       string   `json:"spec,omitempty"`
	Class      string   `json:"class"`
	Quantity   string   `json:"quantity"`
	UnitPrice  string   `json:"unit_price"`
	Total      Yuan     `json:"total"`
	Fund       Yuan     `json:"fund"`
	Self       Yuan     `json:"self" doc:"The personal share"`
}

// ReviewAnswer is the centre's side of a settlement (审核状态).
type ReviewAnswer struct {
	State  string `json:"state" enum:"pending,accepted,unknown,refused,adjusted"`
	Text   string `json:"text" doc:"Chinese"`
	Word   string `json:"word,omitempty" doc:"What the centre said where it refused, or both sides' figures where it adjusted"`
	SetlID string `json:"setl_id,omitempty" doc:"The centre's number of the booking that stands"`
}

// RecordAnswer is one settlement as a search shows it. The sums are those that stand, adjustments of the centre included, before
// what was given back.
type RecordAnswer struct {
	SettlementID string             `json:"settlement_id"`
	ReceiptNo    string             `json:"receipt_no"`
	SaleID       string             `json:"sale_id"`
	At           time.Time          `json:"at"`
	Venue        string             `json:"venue"`
	Holder       string             `json:"holder" doc:"Masked name of the patient; the whole name with reveal"`
	Number       string             `json:"number" doc:"Masked identity number; the whole number with reveal"`
	Doctor       string             `json:"doctor,omitempty"`
	MedType      string             `json:"med_type"`
	Area         string             `json:"area" doc:"Insured area of the patient"`
	Disease      string             `json:"disease,omitempty" doc:"Code and name"`
	POS          string             `json:"pos"`
	Terminal     string             `json:"terminal"`
	Operator     string             `json:"operator"`
	Lines        []RecordLineAnswer `json:"lines"`
	Total        Yuan               `json:"total"`
	FundPaid     Yuan               `json:"fund_paid"`
	OwnPaid      Yuan               `json:"own_paid"`
	SharedPaid   Yuan               `json:"shared_paid"`
	CashPaid     Yuan               `json:"cash_paid"`
	Givers       []ReceiptGiver     `json:"givers" doc:"Relatives who paid when it was settled"`
	Returned     ReturnedAnswer     `json:"returned"`
	State        string             `json:"state"`
	StateText    string             `json:"state_text" doc:"Chinese"`
	Review       ReviewAnswer       `json:"review"`
	Offline      bool               `json:"offline"`
}

// RecordsAnswer is a page of records, latest first.
type RecordsAnswer struct {
	Records []RecordAnswer `json:"records"`
	Cursor  string         `json:"cursor,omitempty" doc:"Send it for the next page. A page may be short, or empty, and still have one: a search looks at a bounded number of settlements at a time"`
	Note    string         `json:"note,omitempty" doc:"Chinese: how the search understood the question"`
}

// RecordFilters are the query parameters that choose settlements, for records and exports alike.
type RecordFilters struct {
	From       string `query:"from" maxLength:"10" doc:"First day, YYYY-MM-DD"`
	To         string `query:"to" maxLength:"10" doc:"Last day, included"`
	Person     string `query:"person" maxLength:"18" doc:"Identity number of the patient, whole"`
	Name       string `query:"name" maxLength:"50" doc:"Name of the patient, whole: names are kept as keyed hashes only"`
	Settlement string `query:"settlement" maxLength:"64" doc:"Settlement id, receipt number or sale id"`
	State      string `query:"state" maxLength:"20" doc:"settled, accepted, unknown, refused, adjusted, partly_refunded, refunded or reversed"`
	MedType    string `query:"med_type" maxLength:"6"`
	Doctor     string `query:"doctor" maxLength:"50" doc:"Part of a doctor's name"`
	Words      string `query:"words" maxLength:"100" doc:"Words of items, diseases, doctors and operators; all must be found"`
	Terminal   string `query:"terminal" maxLength:"32"`
	Operator   string `query:"operator" maxLength:"30"`
	Area       string `query:"area" maxLength:"6" doc:"Insured area of the patient"`
	Disease    string `query:"disease" maxLength:"200" doc:"Part of a disease's code or name"`
}

// recordStates are the values of state.
var recordStates = []string{"settled", "accepted", "unknown", "refused", "adjusted", "partly_refunded", "refunded", "reversed"}

// Resolve names every filter that cannot be read.
func (f *RecordFilters) Resolve(huma.Context) []error {
	_, faults := f.query()
	return fieldErrors(faults)
}

// query is the filters as the ledger takes them.
func (f *RecordFilters) query() (q settle.RecordQuery, faults []settle.FieldFault) {
	q = settle.RecordQuery{
		Name: f.Name, Settlement: f.Settlement, State: f.State, MedType: f.MedType, Area: f.Area, Terminal: f.Terminal, Operator: f.Operator,
		Doctor: f.Doctor, Disease: f.Disease, Words: f.Words,
	}
	q.From, q.To = period(f.From, f.To, &faults)
	if f.Person != "" {
		var err error
		if q.Number, err = settle.ParseIDNumber(f.Person); err != nil {
			faults = append(faults, settle.FieldFault{Field: "query.person", Message: "身份证号格式不正确。", Detail: "is not an identity number"})
		}
	}
	if f.State != "" && !contains(recordStates, f.State) {
		faults = append(faults, settle.FieldFault{Field: "query.state", Message: "没有这个状态。", Detail: "is not a state of a settlement"})
	}
	return q, faults
}

func contains(list []string, text string) bool {
	for _, item := range list {
		if item == text {
			return true
		}
	}
	return false
}

// period reads two days; either may be left out.
func period(from, to string, faults *[]settle.FieldFault) (first, last settle.Date) {
	read := func(field, text string) settle.Date {
		day, err := settle.ParseDate(text)
		if err != nil {
			*faults = append(*faults, settle.FieldFault{Field: field, Message: "日期须写作 2006-01-02。", Detail: err.Error()})
		}
		return day
	}
	first, last = read("query.from", from), read("query.to", to)
	if last != 0 && last < first {
		*faults = append(*faults, settle.FieldFault{Field: "query.to", Message: "结束日期早于开始日期。", Detail: "is before from"})
	}
	return first, last
}

// ReportDays are the query parameters of a period that has to be said whole, for reports and whatever else is counted by days.
type ReportDays struct {
	From string `query:"from" maxLength:"10" required:"true" doc:"First day, YYYY-MM-DD"`
	To   string `query:"to" maxLength:"10" required:"true" doc:"Last day, included"`
}

// Resolve names every day that cannot be read.
func (in *ReportDays) Resolve(huma.Context) []error {
	var faults []settle.FieldFault
	period(in.From, in.To, &faults)
	return fieldErrors(faults)
}

// days is the period, which Resolve has found readable.
func (in *ReportDays) days() (from, to settle.Date) {
	var faults []settle.FieldFault
	return period(in.From, in.To, &faults)
}

type recordsInput struct {
	RecordFilters
	Cursor string `query:"cursor" maxLength:"40" doc:"Of the page before"`
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
	Reveal bool   `query:"reveal" doc:"Names and numbers whole; manager only, and remembered"`
}

type recordsOutput struct{ Body RecordsAnswer }

func (s *Server) addRecords(op huma.Operation) {
	op.Description = "A manager finds every settlement of the venue; a cashier those of their own till of today."
	register(s, op, func(ctx context.Context, in *recordsInput) (*recordsOutput, error) {
		store, err := s.store()
		if err != nil {
			return nil, err
		}
		q, _ := in.query()
		q.Cursor, q.Limit, q.Reveal = in.Cursor, in.Limit, in.Reveal
		answer := RecordsAnswer{Records: []RecordAnswer{}}
		if err := s.confine(ctx, &q); err != nil {
			return nil, err
		}
		if q.Reveal {
			if err := s.remember(ctx, store, incidentReveal, map[string]string{"from": in.From, "to": in.To}); err != nil {
				return nil, err
			}
		}
		page, err := store.Records(ctx, q)
		if err != nil {
			return nil, err
		}
		for i := range page.Records {
			answer.Records = append(answer.Records, s.recordAnswer(&page.Records[i], q.Reveal))
		}
		answer.Cursor = page.Next
		if in.Name != "" {
			answer.Note = "姓名须填写全名：姓名只以加密摘要保存，不能按部分查找。"
		}
		return &recordsOutput{Body: answer}, nil
	})
}

// confine keeps a cashier to their own till's settlements of today, masked.
func (s *Server) confine(ctx context.Context, q *settle.RecordQuery) error {
	c := callOf(ctx)
	if c.manager() {
		return nil
	}
	today := settle.DateOf(s.o.Clock())
	if q.Reveal || q.From != 0 && q.From < today || q.To != 0 && q.To < today {
		return settle.NewError(settle.Forbidden, nil).With("needs", string(Manager))
	}
	q.POS, q.From, q.To = c.token.Name, today, today
	return nil
}

// remember writes who looked at what into the audit record: the token and the shape of the question, never an identity.
func (s *Server) remember(ctx context.Context, store Records, kind string, detail map[string]string) error {
	c := callOf(ctx)
	detail["pos"], detail["role"], detail["request_id"] = c.token.Name, string(c.token.Role), c.id
	return store.RecordIncident(ctx, kind, detail)
}

func (s *Server) recordAnswer(r *settle.Record, reveal bool) RecordAnswer {
	f := r.Standing()
	answer := RecordAnswer{
		SettlementID: r.ID, ReceiptNo: r.ReceiptNo, SaleID: r.Sale.ID, At: r.At.In(settle.Beijing), Venue: s.o.Session.Venue().Name,
		Holder: r.Masked, Number: r.MaskedNumber, Doctor: r.Doctor, MedType: r.Sale.MedType, Area: r.Area,
		Disease: records.DiseaseName(&r.Sale), POS: r.Sale.POS, Terminal: r.Sale.Terminal, Operator: r.Sale.Operator.ID,
		Lines: linesOf(&r.Settlement), Total: yuan(f.Total), FundPaid: yuan(f.Fund), OwnPaid: yuan(f.Own),
		SharedPaid: yuan(f.Shared), CashPaid: yuan(f.Cash), Givers: giversOf(r.Postings), Returned: returnedAnswer(&r.Refunded),
		State: r.State(), StateText: records.StateName(r.State()), Offline: r.Offline,
		Review: ReviewAnswer{State: string(reportOf(r.Report)), Text: records.ReviewName(r.Report), Word: r.CentreWord, SetlID: r.SetlID},
	}
	if reveal {
		answer.Holder, answer.Number = r.Name, r.Number
	}
	return answer
}

// linesOf are the lines of a sale with what of each is still sold.
func linesOf(x *settle.Settlement) []RecordLineAnswer {
	lines := make([]RecordLineAnswer, len(x.Sale.Lines))
	for i := range x.Sale.Lines {
		l := &x.Sale.Lines[i]
		left := l
		if x.Left != nil {
			left = &settle.Line{Quantity: "0"}
			if at := slices.IndexFunc(x.Left, func(kept settle.Line) bool { return kept.ID == l.ID }); at >= 0 {
				left = &x.Left[at]
			}
		}
		lines[i] = RecordLineAnswer{
			ID: l.ID, TraceCodes: append([]string{}, left.TraceCodes...), Left: left.Quantity, Code: l.Code, Name: l.Name, Spec: l.Spec, Class: l.Class, Quantity: l.Quantity, UnitPrice: l.UnitPrice,
			Total: yuan(l.Total), Fund: yuan(l.Fund), Self: yuan(l.PersonalSum()),
		}
	}
	return lines
}

// giversOf are the relatives among those who paid.
func giversOf(postings []settle.Posting) []ReceiptGiver {
	givers := []ReceiptGiver{}
	for i := range postings {
		if p := &postings[i]; shared(&p.Party) {
			givers = append(givers, ReceiptGiver{p.Masked, p.Relation.GiverTitle(), yuan(p.Amount)})
		}
	}
	return givers
}
