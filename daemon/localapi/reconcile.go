package localapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"gongji/settle"
)

// Reconciler holds days against the centre's book. The daemon has one.
type Reconciler interface {
	// Days lists the days from begin to end, both included, oldest first, and the closed months that they reach into.
	Days(ctx context.Context, begin, end settle.Date) ([]settle.DayView, []settle.ClosedMonth, error)
	// Reconcile holds a day against the centre's book, now; it may be repeated, and the last outcome stands. A day of a
	// closed month is returned as it is. NOT_CONFIGURED, BAD_REQUEST, UPSTREAM_SILENT, UPSTREAM_REFUSED.
	Reconcile(ctx context.Context, day settle.Date) (settle.DayView, error)
	// CloseMonth closes a month (yyyymm); one that is closed is returned as it is. MONTH_OPEN with member days, BAD_REQUEST.
	CloseMonth(ctx context.Context, month int, by settle.Operator) (settle.ClosedMonth, error)
	// Bundle is the finance desk's zip of a month, and the name of the file.
	Bundle(ctx context.Context, month int) (data []byte, name string, err error)
}

const (
	// reconcileSpan is the most days that one answer lists.
	reconcileSpan = 92
	// reconcileItems is the most rows that one day of an answer lists.
	reconcileItems = 500
)

var errNoReconciler = settle.NewError(settle.NotConfigured, errors.New("this server has no reconciliation"))

// parseDay reads yyyy-mm-dd; the day must exist.
func parseDay(field, text string) (settle.Date, error) {
	at, err := time.ParseInLocation(time.DateOnly, text, settle.Beijing)
	if err != nil {
		return 0, oneFault(field, "须为日期，例如 2026-11-22。", "must be a day such as 2026-11-22")
	}
	return settle.DateOf(at), nil
}

// parseMonth reads yyyy-mm as yyyymm.
func parseMonth(text string) (int, error) {
	at, err := time.ParseInLocation("2006-01", text, settle.Beijing)
	if err != nil {
		return 0, oneFault("month", "须为月份，例如 2026-11。", "must be a month such as 2026-11")
	}
	return settle.DateOf(at).Month(), nil
}

func oneFault(field, message, detail string) error {
	return &settle.Error{Code: settle.BadRequest, Fields: []settle.FieldFault{{Field: field, Message: message, Detail: detail}}}
}

type reconciliationsInput struct {
	From  string `query:"from" required:"true" example:"2026-11-01"`
	To    string `query:"to" required:"true" example:"2026-11-30"`
	State string `query:"state" enum:"open,agreed,differing,closed" doc:"Only days in this state"`
}

type reconciliationsOutput struct{ Body ReconciliationsAnswer }

func (s *Server) addReconciliations(op huma.Operation) {
	op.Description = "Days by the centre's setl_time, at most 92, oldest first, not after today and not before the first settlement."
	register(s, op, func(ctx context.Context, in *reconciliationsInput) (*reconciliationsOutput, error) {
		if err := s.mayReconcile(ctx); err != nil {
			return nil, err
		}
		from, err := parseDay("from", in.From)
		if err != nil {
			return nil, err
		}
		to, err := parseDay("to", in.To)
		if err != nil {
			return nil, err
		}
		if to < from || from.AddDays(reconcileSpan) <= to {
			return nil, oneFault("to", "须在 from 之后，且不超过 92 天。", "must not be before from, nor more than 92 days after")
		}
		days, months, err := s.o.Reconciler.Days(ctx, from, to)
		if err != nil {
			return nil, err
		}
		answer := ReconciliationsAnswer{Days: []ReconciliationAnswer{}, Months: []ClosedMonthAnswer{}}
		for i := range days {
			if in.State == "" || in.State == string(days[i].State) {
				answer.Days = append(answer.Days, reconciliationAnswer(&days[i]))
			}
		}
		for i := range months {
			answer.Months = append(answer.Months, closedMonthAnswer(&months[i]))
		}
		return &reconciliationsOutput{answer}, nil
	})
}

func (s *Server) mayReconcile(ctx context.Context) error {
	if err := needManager(ctx); err != nil {
		return err
	}
	if s.o.Reconciler == nil {
		return errNoReconciler
	}
	return nil
}

type reconciliationOutput struct{ Body ReconciliationAnswer }

func (s *Server) addReconcile(op huma.Operation) {
	op.Description = "Asks the centre about the day, compares, and keeps the outcome. It may be repeated: the last outcome stands, and a row that was on the work list keeps its item. A day of a closed month is answered as it was closed."
	register(s, op, func(ctx context.Context, in *struct{ Body ReconcileRequest }) (*reconciliationOutput, error) {
		if err := s.mayReconcile(ctx); err != nil {
			return nil, err
		}
		day, err := parseDay("day", in.Body.Day)
		if err != nil {
			return nil, err
		}
		view, err := s.o.Reconciler.Reconcile(ctx, day)
		if err != nil {
			return nil, err
		}
		return &reconciliationOutput{reconciliationAnswer(&view)}, nil
	})
}

type closedMonthOutput struct{ Body ClosedMonthAnswer }

func (s *Server) addCloseMonth(op huma.Operation) {
	op.Description = "Closes a month that is over. MONTH_OPEN with member days, while days are open or rows that differ wait for a decision. One that is closed is answered as it is."
	register(s, op, func(ctx context.Context, in *struct{ Body CloseMonthRequest }) (*closedMonthOutput, error) {
		if err := s.mayReconcile(ctx); err != nil {
			return nil, err
		}
		month, err := parseMonth(in.Body.Month)
		if err != nil {
			return nil, err
		}
		closed, err := s.o.Reconciler.CloseMonth(ctx, month, settle.Operator(in.Body.Operator))
		if err != nil {
			return nil, err
		}
		return &closedMonthOutput{closedMonthAnswer(&closed)}, nil
	})
}

type bundleInput struct {
	Month string `path:"month" pattern:"^\\d{4}-\\d{2}$" example:"2026-11"`
}

type bundleOutput struct {
	ContentType string `header:"Content-Type"`
	Disposition string `header:"Content-Disposition"`
	Body        []byte
}

func (s *Server) addBundle(op huma.Operation) {
	op.Description = "A zip of totals, items and differences (CSV with a byte order mark, for spreadsheets) and a manifest that the ledger has signed. Names are masked. It may be had before the month is closed; the manifest says so."
	op.Responses = map[string]*huma.Response{strconv.Itoa(http.StatusOK): {
		Description: "The zip", Content: map[string]*huma.MediaType{"application/zip": {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}},
	}}
	register(s, op, func(ctx context.Context, in *bundleInput) (*bundleOutput, error) {
		if err := s.mayReconcile(ctx); err != nil {
			return nil, err
		}
		month, err := parseMonth(in.Month)
		if err != nil {
			return nil, err
		}
		data, name, err := s.o.Reconciler.Bundle(ctx, month)
		if err != nil {
			return nil, err
		}
		return &bundleOutput{"application/zip", fmt.Sprintf("attachment; filename=%q", name), data}, nil
	})
}

func closedMonthAnswer(m *settle.ClosedMonth) ClosedMonthAnswer {
	return ClosedMonthAnswer{
		Month: fmt.Sprintf("%04d-%02d", m.Month/100, m.Month%100), ClosedAt: m.At.In(settle.Beijing), ClosedBy: m.By.ID, Record: m.Record,
	}
}

func reconciliationAnswer(v *settle.DayView) ReconciliationAnswer {
	o := &v.Outcome
	answer := ReconciliationAnswer{
		Day: o.Day.String(), State: string(v.State), Message: reconcileMessages[v.State], Unknown: o.Unknown,
		Groups: make([]ReconciledGroupAnswer, len(o.Groups)), Items: []ReconciledItemAnswer{},
	}
	if v.Known {
		at := o.At.In(settle.Beijing)
		answer.At = &at
	}
	for i := range o.Groups {
		answer.Groups[i] = reconciledGroup(&o.Groups[i])
	}
	for i := range min(len(o.Differences), reconcileItems) {
		answer.Items = append(answer.Items, itemAnswer(&o.Differences[i], &v.Resolutions[i]))
	}
	return answer
}

func reconciledGroup(g *settle.ReconciledGroup) ReconciledGroupAnswer {
	answer := ReconciledGroupAnswer{
		Insurance: g.Insurance, ClrType: g.ClrType, Office: g.Office, Agreed: strings.Trim(g.Result, "0") == "", Result: g.Result, Text: g.Text,
		Ours: SideTotalsAnswer{Count: g.Count, Total: yuan(g.Total), Fund: yuan(g.Fund), Account: yuan(g.Account), Cash: yuanOf(g.Cash)},
	}
	if c := g.Centre; c != nil {
		answer.Centre = &SideTotalsAnswer{Count: c.Count, Total: yuan(c.Total), Fund: yuan(c.Fund), Account: yuan(c.Account)}
	}
	return answer
}

func itemAnswer(d *settle.ReconcileDifference, r *settle.Resolution) ReconciledItemAnswer {
	answer := ReconciledItemAnswer{
		Class: string(d.Kind), SetlID: d.SetlID, MsgID: d.MsgID, SettlementID: d.Settlement, Automatic: d.Sure, Action: suggested(d),
		Advice: d.Advice, AttentionID: r.Attention,
	}
	if d.Kind != settle.CentreOnly {
		answer.Ours = amountsAnswer(&d.Ours)
	}
	if d.Kind != settle.VenueOnly && d.Centre != (settle.SideAmounts{}) {
		answer.Centre = amountsAnswer(&d.Centre)
	}
	if !r.At.IsZero() {
		answer.Resolution = &ResolutionAnswer{By: r.By, At: r.At.In(settle.Beijing), Decision: string(r.Decision), Note: r.Note}
	}
	return answer
}

// suggested is what usually ends a difference.
func suggested(d *settle.ReconcileDifference) string {
	switch {
	case d.Sure:
		return "none"
	case d.Kind == settle.CentreOnly:
		return "undo"
	case d.Kind == settle.VenueOnly:
		return "re_report"
	}
	return "adjust"
}

func amountsAnswer(a *settle.SideAmounts) *AmountsAnswer {
	return &AmountsAnswer{Total: yuan(a.Total), Fund: yuan(a.Fund), Account: yuan(a.Account)}
}
