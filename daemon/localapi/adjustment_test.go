package localapi_test

import (
	"context"
	"strings"
	"testing"

	"gongji/daemon/localapi/client"
	"gongji/daemon/session"
	. "gongji/daemon/session/sessiontest"
	"gongji/settle"
)

// answerSale lets the centre answer the due report of a sale.
func (r *rig) answerSale(result settle.DispatchResult) {
	r.t.Helper()
	ctx := context.Background()
	due, err := r.ledger.DueReports(ctx, r.clock.Now(), 1)
	if err != nil || len(due) != 1 {
		r.t.Fatalf("due %+v, %v", due, err)
	}
	serial, err := r.ledger.NextMessageSerial(ctx)
	if err != nil {
		r.t.Fatal(err)
	}
	msgid := "M" + string(rune('0'+serial%10))
	err = r.ledger.BeginDispatch(ctx, settle.Dispatch{MsgID: msgid, Report: due[0].ID, Infno: "2102", Body: []byte("{}"), SentAt: r.clock.Now()})
	if err != nil {
		r.t.Fatal(err)
	}
	result.MsgID, result.Report, result.Done, result.At = msgid, due[0].ID, true, r.clock.Now()
	if result.Booking != nil {
		result.Booking.MsgID = msgid
	}
	if err := r.ledger.FinishDispatch(ctx, result); err != nil {
		r.t.Fatal(err)
	}
}

// TestAdjustedSaleOverHTTP: the till sees the centre's figures, what to collect and why; the manager records that it was
// collected.
func TestAdjustedSaleOverHTTP(t *testing.T) {
	r := newRig(t, nil)
	r.reader.Insert(Patient.Card())
	ctx := t.Context()
	sold, _, err := r.till.Settle(ctx, sale("A1", "12.00"))
	if err != nil {
		t.Fatal(err)
	}
	r.answerSale(settle.DispatchResult{
		State: settle.DispatchAccepted, ReportState: settle.ReportAccepted,
		Booking: &settle.Booking{SetlID: "S1", MdtrtID: "V1", CentreTime: r.clock.Now(), Figures: settle.Figures{Total: 1200, Own: 300, Cash: 900}},
	})
	now, err := r.till.Settlement(ctx, sold.SettlementID)
	if err != nil || now.State != "adjusted" || now.OwnPaid != "3.00" || now.CashDue != "9.00" || now.CashDifference == nil || *now.CashDifference != "9.00" {
		t.Fatalf("%+v, %v", now, err)
	}
	if len(now.Adjustments) != 1 || now.Adjustments[0].Cause != "centre" || !strings.Contains(now.Adjustments[0].Message, "现金 0.00→9.00") || now.Adjustments[0].Before.CashDue != "0.00" {
		t.Errorf("adjustments %+v", now.Adjustments)
	}
	why, err := r.till.Explanation(ctx, sold.SettlementID)
	if err != nil || len(why.Adjustments) != 1 || why.CashDue != "9.00" {
		t.Errorf("explanation %+v, %v", why, err)
	}
	office := client.New(r.server.URL(), r.manager)
	defer office.Close()
	list, err := office.Attention(ctx)
	if err != nil || len(list.Items) != 1 || list.Items[0].Amount == nil || *list.Items[0].Amount != "9.00" || len(list.Items[0].Decisions) != 2 {
		t.Fatalf("attention %+v, %v", list, err)
	}
	closing := session.CloseAttentionRequest{Operator: operator, Note: "已补收", Decision: "collect"}
	_, err = office.CloseAttention(ctx, list.Items[0].ID, closing)
	wantCode(t, err, settle.BadRequest)
	closing.Decision = "cash_settled"
	if _, err := office.CloseAttention(ctx, list.Items[0].ID, closing); err != nil {
		t.Fatal(err)
	}
	now, err = r.till.Settlement(ctx, sold.SettlementID)
	if err != nil || now.CashDifference != nil || len(now.Adjustments) != 2 || *now.Adjustments[1].Cash != "9.00" || now.Adjustments[1].Note != "已补收" {
		t.Errorf("%+v, %v", now, err)
	}
}

// TestRefusedSaleOverHTTP: a refusal after the goods are gone has an amount, a name and a decision; what the shop bears is
// not handed out when the goods come back.
func TestRefusedSaleOverHTTP(t *testing.T) {
	r := newRig(t, nil)
	r.reader.Insert(Patient.Card())
	ctx := t.Context()
	sold, _, err := r.till.Settle(ctx, sale("A1", "12.00"))
	if err != nil {
		t.Fatal(err)
	}
	r.answerSale(settle.DispatchResult{State: settle.DispatchRefused, ReportState: settle.ReportRefused, Fault: "待遇暂停"})
	office := client.New(r.server.URL(), r.manager)
	defer office.Close()
	list, err := office.Attention(ctx)
	if err != nil || len(list.Items) != 1 {
		t.Fatalf("attention %+v, %v", list, err)
	}
	item := list.Items[0]
	if item.Amount == nil || *item.Amount != "12.00" || item.Holder != settle.MaskName(Patient.Name) || len(item.Decisions) != 3 || item.Decisions[0].Decision != "re_report" {
		t.Errorf("item %+v", item)
	}
	if _, err := office.CloseAttention(ctx, item.ID, session.CloseAttentionRequest{Operator: operator, Note: "核销", Decision: "write_off"}); err != nil {
		t.Fatal(err)
	}
	now, err := r.till.Settlement(ctx, sold.SettlementID)
	if err != nil || now.CashDue != "12.00" || now.CashLost == nil || *now.CashLost != "12.00" || now.OwnPaid != "0.00" {
		t.Errorf("%+v, %v", now, err)
	}
	back, _, err := office.Reverse(ctx, sold.SettlementID, session.ReverseRequest{
		ReversalID: "V-1", Terminal: "counter-1", Operator: operator, Reason: "退货",
	})
	if err != nil || back.CashBack != "0.00" || back.CashOffset == nil || *back.CashOffset != "12.00" || back.Total != "12.00" {
		t.Errorf("%+v, %v", back, err)
	}
}
