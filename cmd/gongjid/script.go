package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"gongji/daemon/localapi"
	"gongji/daemon/localapi/client"
	"gongji/daemon/session"
	"gongji/settle"
)

// scriptWithin bounds the whole script; it takes about a second.
const scriptWithin = 60 * time.Second

// script is demo --once: a cashier's purchase through the HTTP API, with a daemon, a reader and a centre that do not
// know that it is a script.
func (s *sandbox) script(ctx context.Context, out io.Writer) error {
	ctx, stop := context.WithTimeout(ctx, scriptWithin)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- s.run(ctx) }()
	till := &scriptedTill{sandbox: s, client: client.New(s.daemon.URL(), s.token), out: out}
	err := till.day(ctx)
	till.client.Close()
	if ctx.Err() != nil && err != nil {
		err = fmt.Errorf("the script did not end within %s: %w", scriptWithin, err)
	}
	stop()
	return errors.Join(err, <-ended)
}

// scriptedTill is a till whose cashier is the script.
type scriptedTill struct {
	sandbox *sandbox
	client  *client.Client
	out     io.Writer
	events  <-chan client.Event
}

func (t *scriptedTill) day(ctx context.Context) error {
	events, err := t.client.Events(ctx)
	if err != nil {
		return err
	}
	t.events = events
	for _, act := range []func(context.Context) error{t.waitForReader, t.purchase, t.stranger, t.voucher} {
		if err := act(ctx); err != nil {
			return err
		}
	}
	fmt.Fprintln(t.out, "\n完成 done")
	return nil
}

// bill is the script's basket: two insured drugs, a device, and a health food that no account may pay.
func (t *scriptedTill) bill(saleID string) session.SaleRequest {
	patient := t.sandbox.family.Patient
	return session.SaleRequest{
		SaleID: saleID, Terminal: "counter-1", Operator: session.OperatorRequest{ID: "1001", Name: "李敏"}, MedType: "41",
		Patient: session.PatientRequest{IDNumber: patient.IDNumber, Name: patient.Name}, PersonCheck: "card_read",
		Lines: []session.LineRequest{
			{
				ID: "1", Code: "XC09CAX173A001010104982", ShopCode: "6901", Name: "缬沙坦胶囊", Class: "drug_a", Quantity: "3", UnitPrice: "32.80",
				Total: "98.40", Split: &session.SplitRequest{Fund: "49.20", Coinsurance: "49.20"},
				TraceCodes: []string{"81234560000000000011", "81234560000000000012", "81234560000000000013"},
			},
			{
				ID: "2", Code: "XA10BDD155A010010102334", ShopCode: "6902", Name: "二甲双胍维格列汀片", Class: "drug_b", Quantity: "2", UnitPrice: "59.50",
				Total: "119.00", Split: &session.SplitRequest{Fund: "23.80", FirstSelfPay: "11.90", Coinsurance: "83.30"},
				TraceCodes: []string{"81234560000000000021", "81234560000000000022"},
			},
			{
				ID: "3", Code: "C14040200100", ShopCode: "7001", Name: "电子血压计", Class: "device_reg", Quantity: "1", UnitPrice: "168.00",
				Total: "168.00", Split: &session.SplitRequest{OwnExpense: "168.00"},
			},
			{
				ID: "4", Code: "JK0001", ShopCode: "8001", Name: "蛋白粉", Class: "health_food", Quantity: "1", UnitPrice: "45.00",
				Total: "45.00", Split: &session.SplitRequest{OwnExpense: "45.00"},
			},
		},
	}
}

func (t *scriptedTill) waitForReader(ctx context.Context) error {
	return t.until(ctx, "the reader", func(client.Event) (bool, error) {
		answer, err := t.client.Reader(ctx)
		up := err == nil && len(answer.Readers) == 3
		for _, r := range answer.Readers {
			up = up && r.State != "down"
		}
		return up, err
	})
}

func (t *scriptedTill) purchase(ctx context.Context) error {
	if err := t.sandbox.Insert("1"); err != nil {
		return err
	}
	var inserted time.Time
	if err := t.until(ctx, "card_inserted", func(e client.Event) (bool, error) {
		inserted = time.Now()
		return e.Name == "card_inserted", nil
	}); err != nil {
		return err
	}
	sale := t.bill(fmt.Sprintf("DEMO-%d", time.Now().UnixNano()))
	quote, err := t.client.Quote(ctx, sale)
	if err != nil {
		return fmt.Errorf("quote: %w", err)
	}
	settled, _, err := t.client.Settle(ctx, session.SettleRequest{SaleRequest: sale, QuoteDigest: quote.Digest})
	if err != nil {
		return fmt.Errorf("settle: %w", err)
	}
	took := time.Since(inserted)
	t.printSplit(&settled)
	fmt.Fprintf(t.out, "从插卡到结算 from card_inserted to the settled answer: %s\n", took.Round(100*time.Microsecond))
	if settled.OwnPaid == "0.00" || len(settled.Postings) != 3 || settled.SelfPaid == settled.SharedPaid {
		return fmt.Errorf("the split is not the own account and two relatives: %+v", settled.SplitAnswer)
	}
	if err := t.accepted(ctx, settled.SettlementID, "accepted"); err != nil {
		return err
	}
	fmt.Fprintf(t.out, "已上报，医保中心已接受 accepted by the centre; its book now has %d row(s)\n", len(t.sandbox.centre.book.Standing()))
	return t.returnLine(ctx, &settled)
}

// returnLine gives the blood pressure meter back.
func (t *scriptedTill) returnLine(ctx context.Context, settled *localapi.SettlementAnswer) error {
	back, _, err := t.client.Refund(ctx, settled.SettlementID, session.RefundRequest{
		RefundID: "R-" + settled.SaleID, Terminal: "counter-1", Operator: session.OperatorRequest{ID: "1001", Name: "李敏"},
		Lines: []session.RefundLineRequest{{ID: "3", Quantity: "1"}}, Reason: "未拆封退货",
	})
	if err != nil {
		return fmt.Errorf("refund: %w", err)
	}
	fmt.Fprintf(t.out, "\n退货 refund of line 3, %s 元：现金退 cash back %s，退回账户 back to the accounts:\n", back.Total, back.CashBack)
	var rows table
	for _, p := range back.Postings {
		rows.row(sourceTitle(p), p.Holder, string(p.Amount))
	}
	rows.print(t.out)
	if err := t.accepted(ctx, settled.SettlementID, "partly_refunded"); err != nil {
		return err
	}
	fmt.Fprintln(t.out, "退货已上报，医保中心已接受 the centre has accepted the refund")
	return nil
}

// stranger shows another person's card for the same patient.
func (t *scriptedTill) stranger(ctx context.Context) error {
	if err := t.sandbox.Insert("5"); err != nil {
		return err
	}
	if err := t.until(ctx, "the stranger's card", func(e client.Event) (bool, error) { return e.Name == "card_inserted", nil }); err != nil {
		return err
	}
	sale := t.bill(fmt.Sprintf("DEMO-X-%d", time.Now().UnixNano()))
	_, _, err := t.client.Settle(ctx, session.SettleRequest{SaleRequest: sale})
	var problem *client.Problem
	if !errors.As(err, &problem) || problem.Code != settle.PersonCardMismatch {
		return fmt.Errorf("a stranger's card was not refused: %w", errors.Join(err, errors.New("want PERSON_CARD_MISMATCH")))
	}
	fmt.Fprintf(t.out, "\n陌生人的卡 a stranger's card: %s\n  %s\n  %s\n", problem.Code, problem.Message, problem.Hint)
	return nil
}

// voucher buys a mask with the patient's 医保码 alone: no card is in the reader.
func (t *scriptedTill) voucher(ctx context.Context) error {
	if err := t.sandbox.Remove(); err != nil {
		return err
	}
	if err := t.until(ctx, "the card to leave", func(client.Event) (bool, error) {
		answer, err := t.client.Reader(ctx)
		return err == nil && answer.Readers[0].State == "absent", err
	}); err != nil {
		return err
	}
	if err := t.sandbox.Insert(demoVoucher); err != nil {
		return err
	}
	sale := t.bill(fmt.Sprintf("DEMO-E-%d", time.Now().UnixNano()))
	sale.WaitSeconds = 10
	sale.Lines = []session.LineRequest{{
		ID: "1", Code: "C14010200002", ShopCode: "7002", Name: "医用口罩", Class: "consumable", Quantity: "1", UnitPrice: "9.90", Total: "9.90",
	}}
	settled, _, err := t.client.Settle(ctx, session.SettleRequest{SaleRequest: sale})
	if err != nil {
		return fmt.Errorf("settle by 医保码: %w", err)
	}
	if err := t.accepted(ctx, settled.SettlementID, "accepted"); err != nil {
		return err
	}
	fmt.Fprintf(t.out, "\n医保码 e-voucher, no card in the reader: %s 元, 已结算并上报 settled and accepted, 现金 cash %s\n", settled.Total, settled.CashDue)
	return nil
}

// accepted waits until the centre has accepted everything of the settlement, its state being the given one.
func (t *scriptedTill) accepted(ctx context.Context, id, state string) error {
	return t.until(ctx, "the centre's acceptance", func(client.Event) (bool, error) {
		answer, err := t.client.Settlement(ctx, id)
		if err != nil {
			return false, err
		}
		if answer.Report == string(settle.ReportRefused) || answer.Report == string(settle.ReportAdjusted) {
			return false, fmt.Errorf("the centre answered %s", answer.Report)
		}
		return answer.State == state && answer.Report == string(settle.ReportAccepted), nil
	})
}

// until looks once, and again at every event, until what is waited for is there.
func (t *scriptedTill) until(ctx context.Context, what string, there func(client.Event) (bool, error)) error {
	event := client.Event{}
	for {
		if ok, err := there(event); ok || err != nil {
			return err
		}
		select {
		case next, open := <-t.events:
			if !open {
				return fmt.Errorf("waiting for %s: the event stream ended", what)
			}
			event = next
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w", what, ctx.Err())
		}
	}
}

func sourceTitle(p localapi.PostingAnswer) string {
	if p.Source == "own" {
		return "本人账户 own"
	}
	return "共济 shared · " + settle.Relation(p.Relation).GiverTitle()
}

func (t *scriptedTill) printSplit(s *localapi.SettlementAnswer) {
	fmt.Fprintf(t.out, "结算 settlement %s  %s\n患者 patient %s  合计 total %s 元  策略 policy %s %s\n\n",
		s.ReceiptNo, s.At.Format("2006-01-02 15:04:05"), s.Holder, s.Total, s.Policy.ID, s.Policy.Version)
	var rows table
	rows.row("统筹基金 fund", "", string(s.FundPaid))
	for _, p := range s.Postings {
		rows.row(sourceTitle(p), p.Holder, string(p.Amount))
	}
	rows.row("现金 cash", "", string(s.CashDue))
	rows.print(t.out)
	for _, skip := range s.Skipped {
		fmt.Fprintf(t.out, "  未支付 not used: %s %s (%s)\n", skip.Holder, skip.Message, skip.Reason)
	}
}
