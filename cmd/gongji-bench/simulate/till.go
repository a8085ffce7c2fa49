package simulate

import (
	"context"
	"fmt"
	"slices"
	"time"

	"gongji/daemon/session"
	"gongji/settle"
	"gongji/sync/centre"
)

// purchase is a sale that a till remembers.
type purchase struct {
	tag     string
	who     *member
	request session.SettleRequest
	id      string // settlement
	units   []int  // still sold, by line
	closed  bool   // reversed
	code    bool   // the patient shows a 医保码 and no card
}

// work is a till's day: sales, returns and repeats, with pauses.
func (t *till) work(steps int) {
	for range steps {
		time.Sleep(t.dice.between(t.venue.world.pause()))
		switch what := t.dice.IntN(20); {
		case what < 13 || len(t.mine) == 0:
			t.sell()
		case what < 16:
			t.reverse()
		case what < 19:
			t.refund()
		default:
			t.again()
		}
	}
}

// borrow takes a card that is at no other till.
func (t *till) borrow(who *member) *member {
	w := t.venue.world
	w.mu.Lock()
	defer w.mu.Unlock()
	if who == nil {
		who = one(t.dice, w.people)
	}
	if w.cards[who.psn] {
		return nil
	}
	w.cards[who.psn] = true
	return who
}

func (t *till) giveBack(who *member) {
	w := t.venue.world
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.cards, who.psn)
}

// present puts a card into the reader, does the work, and takes the card out. Who shows a code has it scanned when it is asked
// for: see settle.
func (t *till) present(who *member, code bool, work func()) {
	if who = t.borrow(who); who == nil {
		return
	}
	defer t.giveBack(who)
	if !code {
		t.reader.Insert(who.chip())
		defer t.reader.Remove()
	}
	time.Sleep(t.dice.between(100*time.Millisecond, 9*time.Second))
	work()
}

// ask asks the daemon until there is an answer. A till that heard nothing asks again with the same id, after a while; a
// daemon that is down does not answer. The answer of a daemon that was killed is no answer.
func (t *till) ask(what string, call func(context.Context, *session.Session) error) (d *daemon, err error) {
	t.venue.doubt(1)
	defer t.venue.doubt(-1)
	for attempt := 0; ; attempt++ {
		d = t.venue.daemon()
		if d == nil {
			time.Sleep(t.dice.between(10*time.Second, time.Minute))
			continue
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		err = call(ctx, d.session)
		cancel()
		heard := !d.gone() && (attempt > 3 || !t.dice.hit(5) || t.venue.world.mended.Load())
		answer := outcome(err)
		if d.gone() { // what a killed daemon would have said depends on how far it came
			answer = "killed"
		}
		t.venue.note("%s %s: %s heard %t", t.name, what, answer, heard)
		if heard {
			return d, err
		}
		t.venue.world.fault(faultTill)
		time.Sleep(t.dice.between(time.Second, 2*time.Minute))
		if card := t.reader.Status().Credential; card != nil && t.dice.hit(50) { // it is taken out and comes back
			t.reader.Remove()
			time.Sleep(t.dice.between(time.Second, 10*time.Second))
			t.reader.Insert(*card)
		}
	}
}

// doubt counts the requests of which the till does not know what became.
func (v *venue) doubt(by int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.open += by
}

func outcome(err error) string {
	if err == nil {
		return "done"
	}
	return string(settle.CodeOf(err))
}

// sell settles a new sale.
func (t *till) sell() {
	who := one(t.dice, t.venue.world.people)
	code := t.venue.world.has(KindCodes) && t.dice.hit(20)
	t.present(who, code, func() {
		t.serial++
		p := &purchase{who: who, code: code, tag: fmt.Sprintf("%s-%s-%d", t.venue.code[9:], t.name, t.serial)}
		p.request = session.SettleRequest{SaleRequest: session.SaleRequest{
			POS: t.name, SaleID: p.tag, Terminal: t.name, Operator: session.OperatorRequest{ID: "1001", Name: "李敏"}, MedType: "41",
			Patient: session.PatientRequest{IDNumber: who.idNumber, Name: who.name},
		}}
		for i := range 1 + t.dice.IntN(2) {
			units := 1 + t.dice.IntN(3)
			p.units = append(p.units, units)
			p.request.Lines = append(p.request.Lines, t.line(p.tag, i, units))
		}
		if t.settle(p) {
			t.mine = append(t.mine, p)
		}
	})
}

// line makes a line of a bill; some have a fund part.
func (t *till) line(tag string, i, units int) session.LineRequest {
	price := settle.Fen(1 + t.dice.IntN(6000))
	total := price * settle.Fen(units)
	line := session.LineRequest{
		ID: fmt.Sprint(i + 1), Code: "001102000010000", ShopCode: tag, Name: "测试项目", Class: "service_in",
		Quantity: fmt.Sprint(units), UnitPrice: price.String(), Total: total.String(),
	}
	if t.dice.hit(30) {
		fund := settle.Fen(t.dice.Int64N(int64(total) + 1))
		line.Split = &session.SplitRequest{Fund: fund.String(), Coinsurance: (total - fund).String()}
	}
	return line
}

// settle asks for a settlement and tells the model what came of it.
func (t *till) settle(p *purchase) bool {
	var s settle.Settlement
	var replayed bool
	known := t.venue.bars()
	d, err := t.ask("settles "+p.tag, func(ctx context.Context, c *session.Session) (err error) {
		if p.code && p.id == "" { // each time a fresh one: it is used once
			t.scanner.Scan(centre.Evoucher(p.who.psn, time.Now()), t.venue.now)
			defer t.scanner.Remove()
		}
		s, replayed, err = c.Settle(ctx, p.request)
		return err
	})
	if err != nil {
		t.refused(p, err)
		return false
	}
	p.id = s.ID
	t.venue.world.settled(t.venue, p, known, d, &s, replayed)
	return true
}

// refusals are what a till may be told instead of a settlement.
var refusals = []settle.Code{settle.OfflineLimit, settle.LedgerStale, settle.RuleRefused, settle.PersonUnknown}

// codeGone are what one is told of a 医保码 that is used up, or that nobody can be asked about.
var codeGone = []settle.Code{settle.UpstreamSilent, settle.CardAbsent}

func (t *till) refused(p *purchase, err error) {
	w := t.venue.world
	w.mu.Lock()
	defer w.mu.Unlock()
	code := settle.CodeOf(err)
	w.total.Refused[string(code)]++
	lost := code == settle.CardReportedLost && w.model.blocked[p.who.psn]
	gone := p.code && slices.Contains(codeGone, code)
	w.model.must(lost || gone || slices.Contains(refusals, code), ruleAnswered, "%s: %v", p.tag, err)
	w.refused = append(w.refused, p.tag)
}

// pick is one of the till's own sales of which something is left.
func (t *till) pick() *purchase {
	p := one(t.dice, t.mine)
	if p.closed {
		return nil
	}
	return p
}

// reverse takes a whole sale back.
func (t *till) reverse() {
	p := t.pick()
	if p == nil {
		return
	}
	t.present(p.who, false, func() {
		t.serial++
		id, tag := fmt.Sprintf("%s-%s-%d", t.venue.code[9:], t.name, t.serial), p.tag
		var back settle.Return
		d, err := t.ask("reverses "+tag, func(ctx context.Context, c *session.Session) (err error) {
			back, _, err = c.Reverse(ctx, session.ReverseRequest{
				POS: t.name, Settlement: p.id, ReversalID: id, Terminal: t.name, Operator: session.OperatorRequest{ID: "1001", Name: "李敏"}, Reason: "退货",
			})
			return err
		})
		if t.took(p, err) {
			p.closed = true
			t.venue.world.returned(p.tag, d, &back)
		}
	})
}

// refund takes some units of a line back.
func (t *till) refund() {
	p := t.pick()
	if p == nil {
		return
	}
	i := t.dice.IntN(len(p.units))
	if p.units[i] == 0 {
		return
	}
	n := 1 + t.dice.IntN(p.units[i])
	t.present(p.who, false, func() {
		t.serial++
		id, tag := fmt.Sprintf("%s-%s-%d", t.venue.code[9:], t.name, t.serial), p.tag
		var back settle.Return
		d, err := t.ask(fmt.Sprintf("refunds %d of %s", n, tag), func(ctx context.Context, c *session.Session) (err error) {
			back, _, err = c.Refund(ctx, session.RefundRequest{
				POS: t.name, Settlement: p.id, RefundID: id, Terminal: t.name, Operator: session.OperatorRequest{ID: "1001", Name: "李敏"}, Reason: "退货",
				Lines: []session.RefundLineRequest{{ID: p.request.Lines[i].ID, Quantity: fmt.Sprint(n)}},
			})
			return err
		})
		if t.took(p, err) {
			p.units[i] -= n
			p.closed = !slices.ContainsFunc(p.units, func(n int) bool { return n > 0 })
			t.venue.world.returned(p.tag, d, &back)
		}
	})
}

// took notes the answer to a return. A return may be refused where the venue does not know the card yet, or knows it as lost.
func (t *till) took(p *purchase, err error) bool {
	if err != nil {
		w := t.venue.world
		w.mu.Lock()
		defer w.mu.Unlock()
		code := settle.CodeOf(err)
		lost := code == settle.CardReportedLost && w.model.blocked[p.who.psn]
		w.model.must(lost || code == settle.PersonUnknown, ruleAnswered, "a return of %s: %v", p.tag, err)
	}
	return err == nil
}

// again repeats a finished sale: the till's own record was lost, its ids were not. It needs no card.
func (t *till) again() {
	t.settle(one(t.dice, t.mine))
}
