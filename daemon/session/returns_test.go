package session_test

import (
	"context"
	"testing"

	"gongji/cardreader"
	"gongji/daemon/session"
	. "gongji/daemon/session/sessiontest"
	"gongji/settle"
)

func reversal(settlement, id string) session.ReverseRequest {
	return session.ReverseRequest{POS: "till", Settlement: settlement, ReversalID: id, Operator: session.OperatorRequest{ID: "1001"}, Reason: "退货"}
}

func TestReversalNeedsThePatientsCard(t *testing.T) {
	r := newRig(t, nil)
	r.reader.Insert(Patient.Card())
	sold := r.mustSettle(sale("S1", "300.00"))
	ctx := context.Background()

	r.reader.Remove()
	_, _, err := r.Reverse(ctx, reversal(sold.ID, "R1"))
	wantCode(t, err, settle.CardAbsent)
	for _, m := range []Member{Daughter, Stranger, Newcomer} {
		r.reader.Swap(m.Card())
		_, _, err = r.Reverse(ctx, reversal(sold.ID, "R1"))
		wantCode(t, err, settle.PersonCardMismatch)
	}
	r.reader.Swap(Patient.Card())
	back, replayed, err := r.Reverse(ctx, reversal(sold.ID, "R1"))
	if err != nil || replayed || !back.Whole || back.Figures != sold.Figures || back.State != settle.ShopReversed {
		t.Fatalf("reversal %+v %v %v", back, replayed, err)
	}
	r.reader.Remove() // a finished id needs no card
	again, replayed, err := r.Reverse(ctx, reversal(sold.ID, "R1"))
	if err != nil || !replayed || again.ReceiptNo != back.ReceiptNo {
		t.Fatalf("repeat %v %v", replayed, err)
	}
	other := reversal(sold.ID, "R1")
	other.Reason = "别的原因"
	_, _, err = r.Reverse(ctx, other)
	if e := wantCode(t, err, settle.IdempotencyConflict); e.Members["field"] != "reason" {
		t.Fatalf("field %v", e.Members["field"])
	}
	_, _, err = r.Reverse(ctx, reversal("nothing", "R2"))
	wantCode(t, err, settle.NotFound)
	r.reader.Insert(Patient.Card())
	_, _, err = r.Reverse(ctx, reversal(sold.ID, "R3"))
	wantCode(t, err, settle.AlreadyReversed)
}

// TestReturnWithACardThatNobodyKnowsYet: the patient's own new card is no stranger's. As long as the centre cannot be asked about
// it, that is what the cashier is told.
func TestReturnWithACardThatNobodyKnowsYet(t *testing.T) {
	r := newRig(t, nil)
	r.reader.Insert(Patient.Card())
	sold := r.mustSettle(sale("S1", "20.00"))
	renewed := Patient.Card()
	renewed.Number = "R" + renewed.Number[1:]
	r.reader.Swap(renewed)
	_, _, err := r.Reverse(context.Background(), reversal(sold.ID, "R1"))
	wantCode(t, err, settle.PersonUnknown)
	strange := Daughter.Card()
	strange.Number = renewed.Number
	r.reader.Swap(strange)
	_, _, err = r.Reverse(context.Background(), reversal(sold.ID, "R1"))
	wantCode(t, err, settle.PersonCardMismatch)
}

func TestReturnWithoutCardWantsAReason(t *testing.T) {
	r := newRig(t, nil)
	r.reader.Insert(Patient.Card())
	sold := r.mustSettle(sale("S1", "20.00"))
	r.reader.Unplug()
	request := reversal(sold.ID, "R1")
	request.WithoutCard, request.Reason = true, ""
	_, _, err := r.Reverse(context.Background(), request)
	if e := wantCode(t, err, settle.BadRequest); e.Fields[0].Field != "reason" {
		t.Fatalf("fields %v", e.Fields)
	}
	request.Reason = "患者已离开"
	if _, _, err := r.Reverse(context.Background(), request); err != nil {
		t.Fatal(err)
	}
}

func TestRefundOfALine(t *testing.T) {
	r := newRig(t, nil)
	r.reader.Insert(Patient.Card())
	request := sale("S1", "60.00")
	request.Lines = append(request.Lines, session.LineRequest{
		ID: "2", Code: "XB02", Name: "口罩", Class: "consumable", Quantity: "2", UnitPrice: "5.00", Total: "10.00",
	})
	sold := r.mustSettle(request)
	refund := session.RefundRequest{
		POS: "till", Settlement: sold.ID, RefundID: "F1", Operator: session.OperatorRequest{ID: "1001"},
		Lines: []session.RefundLineRequest{{ID: "2", Quantity: "1"}},
	}
	back, _, err := r.Refund(context.Background(), refund)
	if err != nil || back.Figures.Total != 500 || back.State != settle.ShopPartlyRefunded || back.Whole {
		t.Fatalf("refund %+v %v", back, err)
	}
	refund.RefundID, refund.Lines[0].Quantity = "F2", "1.5"
	_, _, err = r.Refund(context.Background(), refund)
	wantCode(t, err, settle.RefundOver)
	found, err := r.Return(context.Background(), "till", "F1")
	if err != nil || found.Figures != back.Figures {
		t.Fatalf("find %+v %v", found, err)
	}
}

// TestProxyPurchase: the agent is compared with the identity card on the ID reader, and leaves only a mask, a hash and a
// seal.
func TestProxyPurchase(t *testing.T) {
	ids := NewReader("id", "counter-1", cardreader.RoleID)
	r := newRig(t, func(_ *rig, o *session.Options) {
		o.Readers = append(o.Readers, session.NamedReader{Name: "id", Terminal: "counter-1", Role: cardreader.RoleID, Reader: ids})
	})
	r.reader.Insert(Patient.Card())
	request := sale("S1", "10.00")
	request.Proxy = &session.ProxyRequest{
		Agent:     session.AgentRequest{IDNumber: Daughter.IDNumber, Name: Daughter.Name, Phone: "13800000000", Relation: "child"},
		Documents: []string{"principal_id", "agent_id"}, Reason: "elderly",
	}
	ctx := context.Background()
	_, _, err := r.Settle(ctx, request)
	if e := wantCode(t, err, settle.BadRequest); e.Fields[0].Field != "proxy.id_reader_seq" {
		t.Fatalf("fields %v", e.Fields)
	}
	ids.Insert(Stranger.Card())
	request.Proxy.IDReaderSeq = ids.Seq()
	_, _, err = r.Settle(ctx, request)
	if e := wantCode(t, err, settle.RuleRefused); e.Reason != settle.EProxyDocs {
		t.Fatalf("reason %s", e.Reason)
	}
	ids.Swap(Daughter.Card())
	_, _, err = r.Settle(ctx, request) // the sequence number is the stranger's
	wantCode(t, err, settle.CardRemoved)
	request.Proxy.IDReaderSeq = ids.Seq()
	sold := r.mustSettle(request)
	p := sold.Sale.Proxy
	if p == nil || p.AgentMasked != "李**" || p.AgentHash == "" || len(p.AgentSealed) == 0 || sold.Sale.Presenter.SamePerson {
		t.Fatalf("proxy %+v presenter %+v", p, sold.Sale.Presenter)
	}
	ids.Remove()
	r.reader.Remove()
	if _, replayed, err := r.Settle(ctx, request); err != nil || !replayed {
		t.Fatalf("repeat: %v %v", replayed, err)
	}
	ids.Unplug() // a dead ID reader: typed documents do
	r.reader.Insert(Patient.Card())
	second := sale("S2", "10.00")
	second.Proxy = request.Proxy
	second.Proxy.IDReaderSeq = 0
	r.mustSettle(second)
	// Nobody buys for themselves in their own absence.
	third := sale("S3", "10.00")
	third.Proxy = &session.ProxyRequest{Agent: session.AgentRequest{IDNumber: Patient.IDNumber, Name: Patient.Name}, Documents: []string{"principal_id", "agent_id"}}
	_, _, err = r.Settle(ctx, third)
	if e := wantCode(t, err, settle.BadRequest); e.Fields[0].Field != "proxy.agent.id_number" {
		t.Fatalf("fields %v", e.Fields)
	}
}
