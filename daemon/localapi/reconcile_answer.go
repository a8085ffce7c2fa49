package localapi

import (
	"time"

	"gongji/settle"
)

// ReconciliationAnswer is one day held against the centre's book.
type ReconciliationAnswer struct {
	Day     string                  `json:"day" doc:"By the centre's setl_time, Beijing"`
	State   string                  `json:"state" enum:"open,agreed,differing,closed" doc:"open: not held against the centre yet, or messages are open; closed: in a closed month"`
	Message string                  `json:"message" doc:"Chinese: what the state means and what is to be done"`
	At      *time.Time              `json:"at,omitempty" doc:"When it was held against the centre last"`
	Unknown int                     `json:"unknown" doc:"Messages of the day whose outcome is open"`
	Groups  []ReconciledGroupAnswer `json:"groups"`
	Items   []ReconciledItemAnswer  `json:"items" doc:"Rows that are not the same on both sides, at most 500; the bundle has all"`
}

// ReconciledGroupAnswer is the totals of one group on both sides.
type ReconciledGroupAnswer struct {
	Insurance string            `json:"insutype" doc:"310 employees, 390 residents"`
	ClrType   string            `json:"clr_type" doc:"41 pharmacy, 11 outpatient"`
	Office    string            `json:"office" doc:"Clearing office (setl_optins)"`
	Agreed    bool              `json:"agreed"`
	Result    string            `json:"result" doc:"The centre's stmt_rslt"`
	Text      string            `json:"text,omitempty" doc:"The centre's words"`
	Ours      SideTotalsAnswer  `json:"ours"`
	Centre    *SideTotalsAnswer `json:"centre,omitempty" doc:"Absent where the centre did not say; it tells sums only through its rows"`
}

// SideTotalsAnswer is one side of a group.
type SideTotalsAnswer struct {
	Count   int   `json:"count"`
	Total   Yuan  `json:"total"`
	Fund    Yuan  `json:"fund"`
	Account Yuan  `json:"account" doc:"Personal accounts, mutual aid included"`
	Cash    *Yuan `json:"cash,omitempty" doc:"Ours only: the centre's rows do not tell it"`
}

// ReconciledItemAnswer is one row that is not the same on both sides.
type ReconciledItemAnswer struct {
	Class        string            `json:"class" enum:"centre_only,venue_only,different"`
	SetlID       string            `json:"setl_id"`
	MsgID        string            `json:"msgid,omitempty"`
	SettlementID string            `json:"settlement_id,omitempty"`
	Ours         *AmountsAnswer    `json:"ours,omitempty"`
	Centre       *AmountsAnswer    `json:"centre,omitempty"`
	Automatic    bool              `json:"automatic" doc:"The rules decide it; no person has to"`
	Action       string            `json:"action" enum:"none,undo,re_report,adjust" doc:"Suggested"`
	Advice       string            `json:"advice" doc:"Chinese"`
	AttentionID  int64             `json:"attention_id,omitempty" doc:"Its item on the work list"`
	Resolution   *ResolutionAnswer `json:"resolution,omitempty" doc:"Absent while nobody has decided"`
}

// AmountsAnswer is a row's amounts on one side.
type AmountsAnswer struct {
	Total   Yuan `json:"total"`
	Fund    Yuan `json:"fund"`
	Account Yuan `json:"account"`
}

// ResolutionAnswer is what was decided about a row.
type ResolutionAnswer struct {
	By       string    `json:"by" doc:"The operator, or gongjid"`
	At       time.Time `json:"at"`
	Decision string    `json:"decision,omitempty"`
	Note     string    `json:"note,omitempty"`
}

// ReconciliationsAnswer lists days, oldest first.
type ReconciliationsAnswer struct {
	Days   []ReconciliationAnswer `json:"days"`
	Months []ClosedMonthAnswer    `json:"months" doc:"Closed months that the days reach into"`
}

// ClosedMonthAnswer is a month that was closed.
type ClosedMonthAnswer struct {
	Month    string    `json:"month"`
	ClosedAt time.Time `json:"closed_at"`
	ClosedBy string    `json:"closed_by"`
	Record   int64     `json:"record" doc:"Number of the record in the chain"`
}

// ReconcileRequest holds a day against the centre's book, now.
type ReconcileRequest struct {
	Day string `json:"day" pattern:"^\\d{4}-\\d{2}-\\d{2}$" example:"2026-11-22"`
}

// CloseMonthRequest closes a month.
type CloseMonthRequest struct {
	Month    string             `json:"month" pattern:"^\\d{4}-\\d{2}$" example:"2026-11"`
	Operator CloseMonthOperator `json:"operator"`
}

// CloseMonthOperator is who closes it.
type CloseMonthOperator struct {
	ID   string `json:"id" minLength:"1" maxLength:"20"`
	Name string `json:"name,omitempty" maxLength:"50"`
}

// reconcileMessages say what a day's state means.
var reconcileMessages = map[settle.DayState]string{
	settle.DayOpen:      "尚未与医保中心对平：还没有对账，或有上报结果未明。",
	settle.DayAgreed:    "已与医保中心对平。",
	settle.DayDiffering: "与医保中心不一致，请逐条处理后重新对账。",
	settle.DayClosed:    "所在月份已经月结。",
}
