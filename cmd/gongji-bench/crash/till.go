package crash

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"time"

	"gongji/cmd/gongji-bench/shop"
	"gongji/daemon/localapi"
	"gongji/daemon/localapi/client"
	"gongji/daemon/session"
	"gongji/settle"
)

// till sells at one counter for as long as the shop lives, over any number of daemons. One goroutine works it; sold is for
// any.
type till struct {
	shop  *shop.Shop
	asks  bool // the centre settles, where it can be reached
	index int
	shopN int
	dice  *rand.Rand
	tally *Tally
	*client.Client

	mu   sync.Mutex
	done []*deed // acknowledged sales, oldest first
	next int
}

// deed is a sale that was acknowledged, and what came back of it.
type deed struct {
	sale     session.SaleRequest
	answer   localapi.SettlementAnswer
	refund   *session.RefundRequest
	reversal *session.ReverseRequest
	back     *localapi.ReturnAnswer // of either
}

func newTill(s *shop.Shop, shopN, index int, seed uint64, asks bool, tally *Tally) *till {
	return &till{
		shop: s, asks: asks, shopN: shopN, index: index, tally: tally, Client: s.Client(index),
		dice: rand.New(rand.NewPCG(seed, uint64(index))), //nolint:gosec // a test's dice
	}
}

var operator = session.OperatorRequest{ID: "1001", Name: "李敏"}

// work sells until ctx ends; what was begun is brought to its end first. An error is a broken promise.
func (t *till) work(ctx context.Context) error {
	for ctx.Err() == nil {
		var err error
		switch n := t.dice.IntN(100); {
		case n < 12:
			err = t.giveBack(t.refundOf)
		case n < 20:
			err = t.giveBack(t.reversalOf)
		case n < 28:
			err = t.repeat()
		default:
			err = t.sell()
		}
		if err != nil {
			return fmt.Errorf("%s: %w", shop.Till(t.index), err)
		}
		select {
		case <-time.After(time.Duration(t.dice.Int64N(int64(mostBreath)))):
		case <-ctx.Done():
		}
	}
	return nil
}

// mostBreath is how long a till stands idle at most between two requests. What a sale costs is measured elsewhere; here a
// machine should spend its time on dying.
const mostBreath = 40 * time.Millisecond

func (t *till) sell() error {
	t.next++
	sale := t.bill(fmt.Sprintf("C%d-%d-%06d", t.shopN, t.index+1, t.next))
	var answer localapi.SettlementAnswer
	var found string
	err := t.insist(func(ctx context.Context) (err error) {
		answer, _, err = t.Settle(ctx, session.SettleRequest{SaleRequest: sale})
		return err
	}, func(ctx context.Context) error {
		there, err := t.Sale(ctx, sale.SaleID)
		if err == nil {
			found = there.SettlementID
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("sale %s: %w", sale.SaleID, err)
	}
	if found != "" && found != answer.SettlementID {
		return fmt.Errorf("sale %s was %s when it was asked about, and %s when it was sent again", sale.SaleID, found, answer.SettlementID)
	}
	t.tally.add(&t.tally.Sales)
	if t.asks && !answer.Offline {
		t.tally.add(&t.tally.Inline)
	}
	t.mu.Lock()
	t.done = append(t.done, &deed{sale: sale, answer: answer})
	t.mu.Unlock()
	return nil
}

// bill is a small basket; part of it the fund pays, and part nobody but the patient.
func (t *till) bill(id string) session.SaleRequest {
	sale := session.SaleRequest{
		SaleID: id, Terminal: shop.Till(t.index), Operator: operator, MedType: "41", PersonCheck: "card_read", WaitSeconds: 20,
	}
	price := settle.Fen(100 + t.dice.IntN(900))
	sale.Lines = append(sale.Lines, session.LineRequest{
		ID: "1", Code: "C14010200002", ShopCode: "7002", Name: "医用口罩", Class: "consumable", Quantity: "2", UnitPrice: price.String(), Total: (2 * price).String(),
	})
	if t.dice.IntN(2) == 0 {
		trace := fmt.Sprintf("81%04d%02d%012d", t.shopN%10000, t.index, t.next)
		sale.Lines = append(sale.Lines, session.LineRequest{
			ID: "2", Code: "XC09CAX173A001010104982", ShopCode: "6901", Name: "缬沙坦胶囊", Class: "drug_a", Quantity: "1", UnitPrice: "6.40", Total: "6.40",
			Split: &session.SplitRequest{Fund: "3.20", Coinsurance: "3.20"}, TraceCodes: []string{trace},
		})
	}
	if t.dice.IntN(4) == 0 {
		sale.Lines = append(sale.Lines, session.LineRequest{
			ID: "3", Code: "JK0001", ShopCode: "8001", Name: "蛋白粉", Class: "health_food", Quantity: "1", UnitPrice: "5.00", Total: "5.00",
			Split: &session.SplitRequest{OwnExpense: "5.00"},
		})
	}
	return sale
}

// giveBack takes something of a sale that nothing came back of yet.
func (t *till) giveBack(how func(*deed) func(context.Context) (localapi.ReturnAnswer, error)) error {
	d := t.pick(func(d *deed) bool { return d.back == nil })
	if d == nil {
		return t.sell()
	}
	send := how(d)
	var answer localapi.ReturnAnswer
	err := t.insist(func(ctx context.Context) (err error) { answer, err = send(ctx); return err }, nil)
	if err != nil {
		return fmt.Errorf("return of sale %s: %w", d.sale.SaleID, err)
	}
	t.tally.add(&t.tally.Returns)
	t.mu.Lock()
	d.back = &answer
	t.mu.Unlock()
	return nil
}

func (t *till) refundOf(d *deed) func(context.Context) (localapi.ReturnAnswer, error) {
	r := session.RefundRequest{
		RefundID: "R-" + d.sale.SaleID, Terminal: d.sale.Terminal, Operator: operator, Reason: "未拆封退货", WaitSeconds: 20,
		Lines: []session.RefundLineRequest{{ID: "1", Quantity: "1"}},
	}
	t.mu.Lock()
	d.refund = &r
	t.mu.Unlock()
	return func(ctx context.Context) (localapi.ReturnAnswer, error) {
		answer, _, err := t.Refund(ctx, d.answer.SettlementID, r)
		return answer, err
	}
}

func (t *till) reversalOf(d *deed) func(context.Context) (localapi.ReturnAnswer, error) {
	r := session.ReverseRequest{ReversalID: "V-" + d.sale.SaleID, Terminal: d.sale.Terminal, Operator: operator, Reason: "录入有误", WaitSeconds: 20}
	t.mu.Lock()
	d.reversal = &r
	t.mu.Unlock()
	return func(ctx context.Context) (localapi.ReturnAnswer, error) {
		answer, _, err := t.Reverse(ctx, d.answer.SettlementID, r)
		return answer, err
	}
}

// repeat sends a sale or a return again that was acknowledged: the first answer comes back, marked as a repetition.
func (t *till) repeat() error {
	d := t.pick(func(*deed) bool { return true })
	if d == nil {
		return t.sell()
	}
	if d.back == nil {
		var answer localapi.SettlementAnswer
		var replayed bool
		err := t.insist(func(ctx context.Context) (err error) {
			answer, replayed, err = t.Settle(ctx, session.SettleRequest{SaleRequest: d.sale})
			return err
		}, nil)
		if err != nil || !replayed || !same(&answer, &d.answer) {
			return fmt.Errorf("sale %s again: replayed %t, %s %s instead of %s %s: %w", d.sale.SaleID, replayed,
				answer.SettlementID, answer.Total, d.answer.SettlementID, d.answer.Total, err)
		}
	} else {
		var answer localapi.ReturnAnswer
		var replayed bool
		err := t.insist(func(ctx context.Context) (err error) {
			if d.refund != nil {
				answer, replayed, err = t.Refund(ctx, d.answer.SettlementID, *d.refund)
			} else {
				answer, replayed, err = t.Reverse(ctx, d.answer.SettlementID, *d.reversal)
			}
			return err
		}, nil)
		if err != nil || !replayed || answer.Total != d.back.Total || answer.ReceiptNo != d.back.ReceiptNo || !answer.At.Equal(d.back.At) {
			return fmt.Errorf("return of %s again: replayed %t, total %s instead of %s: %w", d.sale.SaleID, replayed, answer.Total, d.back.Total, err)
		}
	}
	t.tally.add(&t.tally.Repeats)
	return nil
}

// same reports whether two answers are of the same settlement, as far as it cannot change.
func same(a, b *localapi.SettlementAnswer) bool {
	return a.SettlementID == b.SettlementID && a.Total == b.Total && a.FundPaid == b.FundPaid && a.ReceiptNo == b.ReceiptNo && a.At.Equal(b.At)
}

func (t *till) pick(want func(*deed) bool) *deed {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.done) == 0 {
		return nil
	}
	d := t.done[t.dice.IntN(len(t.done))]
	if !want(d) {
		return nil
	}
	return d
}

// deeds is what was acknowledged so far.
func (t *till) deeds() []deed {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := make([]deed, len(t.done))
	for i, d := range t.done {
		list[i] = *d
	}
	return list
}

// patience is how long a till tries to get an answer over all daemons.
const patience = 3 * time.Minute

// insist sends until it is answered. After an answer was lost on its way it asks first what became of the request, every
// other time, where ask is not nil. An answer that no repetition changes is the error.
func (t *till) insist(send, ask func(context.Context) error) error {
	ctx, stop := context.WithTimeoutCause(context.Background(), patience, errors.New("no answer over several daemons"))
	defer stop()
	curious := false
	for {
		if curious {
			asked := ask(ctx)
			if curious = asked != nil && client.CodeOf(asked) != settle.NotFound; !curious {
				t.tally.add(&t.tally.Asked)
			}
		}
		err := errUnasked
		if !curious {
			err = send(ctx)
		}
		var problem *client.Problem
		var network *net.OpError
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return fmt.Errorf("%w: %w", context.Cause(ctx), err)
		case errors.Is(err, errUnasked), errors.As(err, &network) && network.Op == "dial": // no daemon there
		case !errors.As(err, &problem):
			t.tally.add(&t.tally.Lost)
			curious = ask != nil && t.dice.IntN(2) == 0
		case passing(problem):
			t.tally.refused(string(problem.Code))
		default:
			return err
		}
		select {
		case <-time.After(3 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

// errUnasked says that the till still wants to know what became of its request before it sends it again.
var errUnasked = errors.New("not asked yet")

// passing reports whether a refusal says that nothing was done and that the same may work a little later: the daemon is
// starting or ending, its reader has not read the card yet, or the centre has not yet named the holder.
func passing(p *client.Problem) bool {
	switch p.Code {
	case settle.CardAbsent, settle.CardRemoved, settle.CardUnreadable, settle.ReaderDown, settle.StoreBroken, settle.PersonUnknown,
		settle.RateLimited, settle.UpstreamSilent:
		return true
	}
	return p.Status == http.StatusServiceUnavailable
}
