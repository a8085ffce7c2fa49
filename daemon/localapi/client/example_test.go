package client_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"gongji/daemon/localapi/client"
	"gongji/daemon/session"
	"gongji/settle"
)

// masks is a small bill without an insured part: the patient's own account pays it.
func masks(saleID, quantity, total string) session.SaleRequest {
	return session.SaleRequest{
		SaleID: saleID, Terminal: "counter-1", Operator: session.OperatorRequest{ID: "1001", Name: "李敏"}, MedType: "41", WaitSeconds: 30,
		Lines: []session.LineRequest{{
			ID: "1", Code: "C14010200002", Name: "医用口罩", Class: "consumable", Quantity: quantity, UnitPrice: "2.50", Total: total,
		}},
	}
}

// A sale: quoted, shown to the patient, settled as it was shown.
func Example() {
	ctx := context.Background()
	till := client.New(address, token)
	defer till.Close()

	sale := masks("GO-1", "2", "5.00") // the till has saved the id
	quote, err := till.Quote(ctx, sale)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("own", quote.OwnPaid, "shared", quote.SharedPaid, "cash", quote.CashDue)
	settled, _, err := till.Settle(ctx, session.SettleRequest{SaleRequest: sale, QuoteDigest: quote.Digest})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("paid", settled.OwnPaid, "by", settled.Postings[0].Source)
	// Output:
	// own 5.00 shared 0.00 cash 0.00
	// paid 5.00 by own
}

// The same sale sent again is the same sale: that is what to do after a lost reply.
func ExampleClient_Settle_again() {
	ctx := context.Background()
	till := client.New(address, token)
	defer till.Close()

	sale := session.SettleRequest{SaleRequest: masks("GO-2", "1", "2.50")}
	first, replayed, err := till.Settle(ctx, sale)
	fmt.Println(replayed, err)
	second, replayed, err := till.Settle(ctx, sale)
	fmt.Println(replayed, err, first.SettlementID == second.SettlementID)
	// Output:
	// false <nil>
	// true <nil> true
}

// A refusal is decided on by its code and shown by its message.
func ExampleCodeOf() {
	ctx := context.Background()
	till := client.New(address, token)
	defer till.Close()

	_, err := till.Sale(ctx, "NEVER-SENT")
	if client.CodeOf(err) == settle.NotFound {
		fmt.Println("it was not settled")
	}
	_, err = till.Quote(ctx, masks("GO-3", "1", "2.5"))
	var problem *client.Problem
	if errors.As(err, &problem) {
		fmt.Println(problem.Code, problem.Fields[0].Field, problem.Retryable)
	}
	// Output:
	// it was not settled
	// BAD_REQUEST lines[0].total false
}

// One of two masks comes back.
func ExampleClient_Refund() {
	ctx := context.Background()
	till := client.New(address, token)
	defer till.Close()

	sold, _, err := till.Settle(ctx, session.SettleRequest{SaleRequest: masks("GO-4", "2", "5.00")})
	if err != nil {
		fmt.Println(err)
		return
	}
	back, _, err := till.Refund(ctx, sold.SettlementID, session.RefundRequest{
		RefundID: "R-GO-4", Operator: session.OperatorRequest{ID: "1001"}, Reason: "未拆封",
		Lines: []session.RefundLineRequest{{ID: "1", Quantity: "1"}},
	})
	fmt.Println(back.OwnBack, back.CashBack, err)
	// Output: 2.50 0.00 <nil>
}

// The slip for a printer of 48 columns, as the bytes it takes.
func ExampleClient_PrintReceipt() {
	ctx := context.Background()
	till := client.New(address, token)
	defer till.Close()

	sold, _, err := till.Settle(ctx, session.SettleRequest{SaleRequest: masks("GO-5", "1", "2.50")})
	if err != nil {
		fmt.Println(err)
		return
	}
	var paper strings.Builder
	slip, err := till.PrintReceipt(ctx, sold.SettlementID, client.SlipForm{Format: "escpos", Columns: 48}, &paper)
	fmt.Println(slip.ContentType, slip.Printed, paper.Len() > 0, err)
	// Output: application/octet-stream 1 true <nil>
}

// Events instead of polling: the state comes first, then whatever happens.
func ExampleClient_Events() {
	ctx, stop := context.WithTimeout(context.Background(), 10*time.Second)
	defer stop()
	till := client.New(address, token)
	defer till.Close()

	events, err := till.Events(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println((<-events).Name)
	// Output: state
}
