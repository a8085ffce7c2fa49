package localapi

import (
	"context"

	"github.com/danielgtaylor/huma/v2"

	"gongji/daemon/records"
	"gongji/settle"
)

// GroupAnswer is one row of a report. By class of goods own_paid, shared_paid and cash_paid are left out: an account pays for a
// bill, not for a line.
type GroupAnswer struct {
	Key        string `json:"key" doc:"Empty: none, such as no disease or no relative"`
	Name       string `json:"name" doc:"The key for people, Chinese"`
	Sales      int    `json:"sales" doc:"Settlements in which the group has a part; by source, relation and class one may count in several"`
	Returns    int    `json:"returns" doc:"Reversals and refunds, likewise"`
	Total      Yuan   `json:"total"`
	FundPaid   Yuan   `json:"fund_paid"`
	SelfPaid   Yuan   `json:"self_paid"`
	OwnPaid    *Yuan  `json:"own_paid,omitempty"`
	SharedPaid *Yuan  `json:"shared_paid,omitempty"`
	CashPaid   *Yuan  `json:"cash_paid,omitempty"`
}

// ContributionsAnswer are yearly contributions for relatives, which are no bills and are not in the totals.
type ContributionsAnswer struct {
	Paid      int  `json:"paid"`
	Cancelled int  `json:"cancelled"`
	Amount    Yuan `json:"amount" doc:"Paid less cancelled"`
}

// ReportAnswer is a report: sales net of returns, each on its own day. The groups sum to all, to the fen.
type ReportAnswer struct {
	From          string              `json:"from"`
	To            string              `json:"to"`
	GroupBy       string              `json:"group_by"`
	Groups        []GroupAnswer       `json:"groups"`
	All           GroupAnswer         `json:"all"`
	Contributions ContributionsAnswer `json:"contributions"`
	Counted       string              `json:"counted" doc:"Chinese: what the figures are"`
}

type reportInput struct {
	ReportDays
	GroupBy string `query:"group_by" default:"day" enum:"day,month,area,disease,med_type,source,relation,operator,terminal,class"`
}

type reportOutput struct{ Body ReportAnswer }

func (s *Server) addReport(op huma.Operation) {
	register(s, op, func(ctx context.Context, in *reportInput) (*reportOutput, error) {
		if err := needManager(ctx); err != nil {
			return nil, err
		}
		store, err := s.store()
		if err != nil {
			return nil, err
		}
		from, to := in.days()
		totals, err := store.Report(ctx, from, to, settle.Grouping(in.GroupBy))
		if err != nil {
			return nil, err
		}
		return &reportOutput{Body: reportAnswer(&totals)}, nil
	})
}

func reportAnswer(t *settle.Totals) ReportAnswer {
	answer := ReportAnswer{
		From: t.From.String(), To: t.To.String(), GroupBy: string(t.By), Groups: make([]GroupAnswer, len(t.Groups)),
		All: groupAnswer("", "合计", &t.All, t.By == settle.ByClass), Counted: records.CountedHow,
		Contributions: ContributionsAnswer{t.Contributions.Sales, t.Contributions.Returns, yuan(t.Contributions.Figures.Total)},
	}
	for i := range t.Groups {
		g := &t.Groups[i]
		answer.Groups[i] = groupAnswer(g.Key, records.GroupName(t.By, g.Key), g, t.By == settle.ByClass)
	}
	return answer
}

func groupAnswer(key, name string, g *settle.ReportGroup, class bool) GroupAnswer {
	f := &g.Figures
	answer := GroupAnswer{
		Key: key, Name: name, Sales: g.Sales, Returns: g.Returns, Total: yuan(f.Total), FundPaid: yuan(f.Fund), SelfPaid: yuan(f.Total - f.Fund),
	}
	if !class {
		answer.OwnPaid, answer.SharedPaid, answer.CashPaid = yuanOf(f.Own), yuanOf(f.Shared), yuanOf(f.Cash)
	}
	return answer
}
