package localapi

import (
	"context"
	"encoding/json"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"gongji/daemon/records"
	"gongji/settle"
)

// StatementRowAnswer is one row of a statement.
type StatementRowAnswer struct {
	At         time.Time `json:"at"`
	ReceiptNo  string    `json:"receipt_no"`
	Kind       string    `json:"kind" enum:"own,giver,premium,return,adjust"`
	KindText   string    `json:"kind_text" doc:"Chinese"`
	Other      string    `json:"other,omitempty" doc:"The relative, masked; what the relative bought is not shown"`
	Items      string    `json:"items,omitempty" doc:"Of the holder's own bills"`
	Total      Yuan      `json:"total" doc:"Of the holder's own bill; given back is negative"`
	FundPaid   Yuan      `json:"fund_paid"`
	SharedPaid Yuan      `json:"shared_paid"`
	CashPaid   Yuan      `json:"cash_paid"`
	Paid       Yuan      `json:"paid" doc:"By the holder's own account; given back is negative"`
	After      *Yuan     `json:"balance_after,omitempty" doc:"As this machine knew it then"`
}

// StatementAnswer is all of the card holder's use in this venue over a period, oldest first.
type StatementAnswer struct {
	Holder   string               `json:"holder" doc:"Masked name"`
	Number   string               `json:"number" doc:"Masked"`
	From     string               `json:"from,omitempty"`
	To       string               `json:"to,omitempty"`
	Venue    string               `json:"venue"`
	Entries  []StatementRowAnswer `json:"entries"`
	OwnPaid  Yuan                 `json:"own_paid" doc:"By the holder's account for the holder"`
	Given    Yuan                 `json:"given" doc:"By the holder's account for relatives, contributions included"`
	Received Yuan                 `json:"received" doc:"By relatives for the holder"`
}

type statementInput struct {
	From     string `query:"from" maxLength:"10" doc:"First day, YYYY-MM-DD"`
	To       string `query:"to" maxLength:"10" doc:"Last day, included"`
	Format   string `query:"format" default:"json" enum:"json,xlsx,pdf,csv"`
	Terminal string `query:"terminal" maxLength:"32" doc:"Picks the reader where there are several"`
}

// Resolve names every day that cannot be read.
func (in *statementInput) Resolve(huma.Context) []error {
	var faults []settle.FieldFault
	period(in.From, in.To, &faults)
	return fieldErrors(faults)
}

func (s *Server) addStatement(op huma.Operation) {
	op.Description = "The statement of the person whose card is in the reader now, and of nobody else, as JSON or as a file. Each look is remembered."
	fileResponses(&op, records.CSV.ContentType(), records.XLSX.ContentType(), records.PDF.ContentType())
	op.Responses["200"].Content["application/json"] = &huma.MediaType{Schema: schemaFor[StatementAnswer](s)}
	register(s, op, func(ctx context.Context, in *statementInput) (*huma.StreamResponse, error) {
		if in.Format != "json" && callOf(ctx).token.Role == Kiosk { // a file would stay on a machine that everybody uses
			return nil, settle.NewError(settle.Forbidden, nil).With("needs", string(Cashier))
		}
		store, err := s.store()
		if err != nil {
			return nil, err
		}
		var faults []settle.FieldFault
		from, to := period(in.From, in.To, &faults)
		statement, err := s.o.Session.Statement(ctx, store, callOf(ctx).token.Name, in.Terminal, from, to)
		if err != nil {
			return nil, err
		}
		if in.Format == "json" {
			return jsonStream(s.statementAnswer(&statement)), nil
		}
		job := &fileJob{format: records.Format(in.Format), name: "statement"}
		s.fillStatement(job, &statement)
		return s.sendFile(job, func() {}), nil
	})
}

// jsonStream is a JSON answer of an operation that may answer with a file too.
func jsonStream(body any) *huma.StreamResponse {
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		_, w := humago.Unwrap(ctx)
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(body) // a client that left needs no answer
	}}
}

func (s *Server) statementAnswer(x *settle.Statement) StatementAnswer {
	answer := StatementAnswer{
		Holder: x.Person.Masked, Number: x.Number, From: x.From.String(), To: x.To.String(), Venue: s.o.Session.Venue().Name,
		Entries: make([]StatementRowAnswer, len(x.Entries)), OwnPaid: yuan(x.Own), Given: yuan(x.Given), Received: yuan(x.Received),
	}
	for i := range x.Entries {
		e := &x.Entries[i]
		answer.Entries[i] = StatementRowAnswer{
			At: e.At.In(settle.Beijing), ReceiptNo: e.Receipt, Kind: string(e.Kind), KindText: records.StatementName(e.Kind), Other: e.Other,
			Items: e.Items, Total: yuan(e.Figures.Total), FundPaid: yuan(e.Figures.Fund), SharedPaid: yuan(e.Figures.Shared),
			CashPaid: yuan(e.Figures.Cash), Paid: yuan(e.Paid),
		}
		if e.After != nil {
			answer.Entries[i].After = yuanOf(*e.After)
		}
	}
	return answer
}
