package settle

import "time"

// RecordQuery says which settlements are wanted; members that are empty do not narrow. Patients are found by the whole
// identity number or the whole name only: both are kept as keyed hashes. Doctor, Disease and Words find parts of a text.
type RecordQuery struct {
	From, To   Date     // days of the settlement, both included
	Number     IDNumber // of the patient
	Person     PersonID // the patient
	Name       string   // of the patient, whole
	Settlement string   // settlement id, receipt number or sale id
	State      string   // as Settlement.State
	MedType    string
	Area       string // insured area of the patient, 6 digits
	POS        string // name of the till's token
	Terminal   string
	Operator   string // id
	Doctor     string
	Disease    string // code or name
	Words      string // all of them, each in an item, a disease, a doctor's or an operator's name, or a number of the bill
	Reveal     bool   // names and numbers in clear too
	Cursor     string // RecordPage.Next of the page before
	Limit      int    // 0: DefaultRecords; at most MaxRecords
}

// Limits of a page of records.
const (
	DefaultRecords = 50
	MaxRecords     = 200
)

// Record is a settlement as a search shows it.
type Record struct {
	Settlement
	Masked       string // name of the patient, masked
	MaskedNumber string // identity number of the patient, masked
	Name         string // in clear, only with RecordQuery.Reveal
	Number       string // in clear, only with RecordQuery.Reveal
	Area         string
	Doctor       string
	SetlID       string // the centre's number of the booking that stands; empty while there is none
	CentreWord   string // what the centre said where it refused, or booked otherwise
}

// RecordPage is some records, latest first. A page may hold fewer than were asked for, or none, and still have a Next:
// a search looks at a bounded number of settlements at a time.
type RecordPage struct {
	Records []Record
	Next    string // empty: there are no more
}

// Grouping is by what a report sums.
type Grouping string

// The groupings.
const (
	ByDay      Grouping = "day"
	ByMonth    Grouping = "month"
	ByArea     Grouping = "area"
	ByDisease  Grouping = "disease"
	ByMedType  Grouping = "med_type"
	BySource   Grouping = "source"
	ByRelation Grouping = "relation"
	ByOperator Grouping = "operator"
	ByTerminal Grouping = "terminal"
	ByClass    Grouping = "class"
)

// Groupings lists them in a fixed order.
var Groupings = []Grouping{ByDay, ByMonth, ByArea, ByDisease, ByMedType, BySource, ByRelation, ByOperator, ByTerminal, ByClass}

// ReportGroup is one row of a report: what was settled less what was given back and as the centre adjusted it, each on the day
// it happened. By class of goods
// only Total and Fund are known exactly, since an account pays for a bill and not for a line; the rest is 0 there.
type ReportGroup struct {
	Key     string // empty: none (no disease, no relative)
	Sales   int    // settlements in which the group has a part: by source, relation and class one may count in several
	Returns int    // reversals and refunds, likewise
	Figures Figures
}

// Totals is a report over a period. Groups sum to All (and by class Total and Fund do), whatever the grouping.
type Totals struct {
	From, To      Date
	By            Grouping
	Groups        []ReportGroup
	All           ReportGroup
	Contributions ReportGroup // yearly contributions paid less cancelled; Total only; not part of All
}

// StatementKind is what a row of a statement tells.
type StatementKind string

// The kinds of rows of a person's statement.
const (
	StatementOwn      StatementKind = "own"     // a bill of the person
	StatementRelative StatementKind = "giver"   // the person's account paid for a relative
	StatementPremium  StatementKind = "premium" // a yearly contribution that the person paid or that was paid for the person
	StatementBack     StatementKind = "return"  // money given back
	StatementAdjusted StatementKind = "adjust"  // what the centre booked otherwise
)

// StatementEntry is one row of a person's statement.
type StatementEntry struct {
	Record  int64 // number in the chain: entries are in this order
	Receipt string
	Kind    StatementKind
	Day     Date
	At      time.Time
	Figures Figures // of the person's own bill; given back is negative; zero for a relative's bill
	Paid    Fen     // by the person's own account; given back is negative
	After   *Fen    // money of the pot that paid last, available here afterwards; nil where the account paid nothing
	Other   string  // the relative, masked: who was paid for
	Items   string  // of the person's own bill only: a giver does not learn what a relative bought
}

// Statement is all of one person's use in this venue over a period, oldest first.
type Statement struct {
	Person   Person
	Number   string // masked
	From, To Date
	Entries  []StatementEntry
	Own      Fen // paid by the person's account for the person, less what came back
	Given    Fen // paid by the person's account for relatives, contributions included, less what came back
	Received Fen // paid by relatives for the person, less what came back
}

// ReportEvent is what a report counts.
type ReportEvent int

// The events. An adjustment changes figures and is counted with no number of its own.
const (
	EventSale ReportEvent = iota
	EventReturn
	EventAdjustment
)

// Add adds n events of a kind with their figures.
func (g *ReportGroup) Add(event ReportEvent, n int, f Figures) {
	switch event {
	case EventSale:
		g.Sales += n
	case EventReturn:
		g.Returns += n
	}
	g.Figures.Total += f.Total
	g.Figures.Fund += f.Fund
	g.Figures.Own += f.Own
	g.Figures.Shared += f.Shared
	g.Figures.Cash += f.Cash
}
