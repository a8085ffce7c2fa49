package ledger

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"gongji/settle"
)

// booking is money that the centre moved at a centre time.
type booking struct {
	who    settle.PersonID
	amount settle.Fen
	at     time.Time
}

// modelLeg is a posting as the rule of the feed page sees it: acknowledged at a time, or not (zero).
type modelLeg struct {
	who    settle.PersonID
	amount settle.Fen
	acked  time.Time
}

// modelReport is what a report will move at the centre, message by message.
type modelReport struct {
	cancel, rebook []int // indexes of legs
}

// lostMessage was sent and got no answer; booked is when the centre did book it, zero if it never arrived.
type lostMessage struct {
	msgid  string
	legs   []int
	cancel bool
	last   bool
	booked time.Time
}

// model is the ledger in a few lines: the centre's true book, our legs, and the last snapshot.
type model struct {
	*house
	rt       *rapid.T
	second   int
	start    map[settle.PersonID]settle.Fen
	book     []booking
	legs     []modelLeg
	reports  map[string]*modelReport // by settlement and return id
	lost     map[int64]*lostMessage
	partly   map[int64]bool                 // the cancellation is through, the new booking is not
	through  time.Time                      // of the last snapshot that counted
	newest   time.Time                      // of any
	balances map[settle.PersonID]settle.Fen // of the last snapshot
	open     []*modelSale
	returns  int
}

// modelSale is a settlement that can still be returned.
type modelSale struct {
	id    string
	units int
	paid  map[settle.PersonID]settle.Fen
}

func newModel(rt *rapid.T, h *house) *model {
	m := &model{
		house: h, rt: rt, reports: map[string]*modelReport{}, lost: map[int64]*lostMessage{}, partly: map[int64]bool{},
		start: map[settle.PersonID]settle.Fen{h.id(h.patient): 1000, h.id(h.daughter): 5000, h.id(h.spouse): 20000},
	}
	m.newest = noon.Add(-time.Minute)
	m.through, m.balances = noon.Add(-time.Minute), m.start
	return m
}

// now is the centre's time; it moves with every step.
func (m *model) now() time.Time { return noon.Add(time.Duration(m.second) * time.Second) }

// pick draws a number from 0 to most without the generator's love of small numbers, which would make everything
// happen at the beginning.
func (m *model) pick(what string, most int) int {
	return int(uint64(rapid.Uint32().Draw(m.rt, what)) * 2654435761 >> 16 % uint64(most+1))
}

// step moves the centre's clock and the PC's with it.
func (m *model) step() {
	m.second++
	m.clock.add(time.Second)
}

func (m *model) addLegs(postings map[settle.PersonID]settle.Fen, sign settle.Fen) (indexes []int) {
	for who, amount := range postings {
		if amount != 0 {
			indexes = append(indexes, len(m.legs))
			m.legs = append(m.legs, modelLeg{who: who, amount: sign * amount})
		}
	}
	return indexes
}

func (m *model) sell() {
	n := rapid.IntRange(1, 4).Draw(m.rt, "units")
	price := rapid.IntRange(1, 1500).Draw(m.rt, "price")
	s := m.settle(m.order(m.patient, units("1", fmt.Sprint(n), settle.Fen(price), 0, settle.Fen(price*n))))
	sale := &modelSale{id: s.ID, units: n, paid: map[settle.PersonID]settle.Fen{}}
	for _, p := range s.Postings {
		sale.paid[p.Person] += p.Amount
		if p.After < 0 {
			m.rt.Fatalf("a posting left %d", p.After)
		}
	}
	m.reports[s.ID] = &modelReport{rebook: m.addLegs(sale.paid, 1)}
	m.open = append(m.open, sale)
}

func (m *model) giveSomethingBack() {
	if len(m.open) == 0 {
		return
	}
	at := m.pick("sale", len(m.open)-1)
	sale := m.open[at]
	m.returns++
	order := giveBack(fmt.Sprintf("R%d", m.returns), sale.id)
	n := sale.units
	if rapid.Bool().Draw(m.rt, "partly") {
		n = rapid.IntRange(1, sale.units).Draw(m.rt, "back")
		order.Lines = []settle.ReturnLine{{ID: "1", Quantity: fmt.Sprint(n)}}
	}
	back := m.giveBack(order)
	report := &modelReport{cancel: m.addLegs(sale.paid, -1)}
	for _, p := range back.Postings {
		sale.paid[p.Person] += p.Amount
		if sale.paid[p.Person] < 0 {
			m.rt.Fatalf("a source got back more than it paid")
		}
	}
	report.rebook = m.addLegs(sale.paid, 1)
	m.reports[order.ID] = report
	if sale.units -= n; sale.units == 0 {
		m.open = slices.Delete(m.open, at, at+1)
	}
}

// bookNow lets the centre move the money of legs.
func (m *model) bookNow(legs []int) {
	for _, i := range legs {
		m.book = append(m.book, booking{m.legs[i].who, m.legs[i].amount, m.now()})
	}
}

func (m *model) acknowledge(legs []int, at time.Time) {
	for _, i := range legs {
		m.legs[i].acked = at
	}
}

// work lets the outbox do one message of some due report: answered, lost, or the answer to a lost one found.
func (m *model) work() {
	due, err := m.DueReports(m.t.Context(), m.clock.now(), 10)
	if err != nil {
		m.rt.Fatal(err)
	}
	if len(due) == 0 {
		return
	}
	r := due[m.pick("report", len(due)-1)]
	if lost := m.lost[r.ID]; lost != nil {
		m.resolve(r, lost)
		return
	}
	key := r.Settlement
	if r.Return != "" {
		key = r.Return
	}
	todo := m.reports[key]
	msg := &lostMessage{cancel: r.Kind != settle.ReportSettle && !m.partly[r.ID]}
	msg.legs = todo.rebook
	if msg.cancel {
		msg.legs = todo.cancel
	}
	d, err := m.Dossier(m.t.Context(), r.ID)
	if err != nil {
		m.rt.Fatal(err)
	}
	msg.last = !msg.cancel || len(d.Sale.Lines) == 0
	msg.msgid = m.send(r.ID, map[bool]string{true: "2103", false: "2102"}[msg.cancel])
	arrives := m.pick("fate", 9) > 1
	if arrives {
		m.bookNow(msg.legs)
		msg.booked = m.now()
	}
	if !arrives || m.pick("answer", 9) < 2 {
		m.lost[r.ID] = msg
		if msg.cancel { // any newer snapshot may hold the money already
			m.acknowledge(msg.legs, m.newest.Add(time.Millisecond))
		}
		m.finish(settle.DispatchResult{
			MsgID: msg.msgid, State: settle.DispatchUnknown, Report: r.ID, ReportState: settle.ReportUnknown, Attempt: true,
		})
		return
	}
	m.answer(r, msg)
}

// answer books the centre's acknowledgement here.
func (m *model) answer(r settle.Report, msg *lostMessage) {
	m.acknowledge(msg.legs, msg.booked)
	result := settle.DispatchResult{
		MsgID: msg.msgid, State: settle.DispatchAccepted, Report: r.ID, ReportState: settle.ReportPending, Unbooked: msg.cancel,
		Booking: &settle.Booking{SetlID: "S" + msg.msgid, MsgID: msg.msgid, CentreTime: msg.booked},
	}
	if msg.last {
		result.ReportState, result.Done = settle.ReportAccepted, true
	}
	m.partly[r.ID] = !msg.last
	m.finish(result)
}

// resolve finds out what became of a lost message.
func (m *model) resolve(r settle.Report, msg *lostMessage) {
	delete(m.lost, r.ID)
	if !msg.booked.IsZero() {
		m.answer(r, msg)
		return
	}
	m.acknowledge(msg.legs, time.Time{})
	m.finish(settle.DispatchResult{MsgID: msg.msgid, State: settle.DispatchUnsent, Report: r.ID, ReportState: settle.ReportPending})
}

// snapshot lets the centre say what it holds, now or as it stood a while ago.
func (m *model) snapshot() {
	at := m.now().Add(-time.Duration(m.pick("age", min(m.second, 6))) * time.Second)
	s := m.next(fmt.Sprintf("S-%d", m.second+100), at)
	balances := map[settle.PersonID]settle.Fen{}
	for _, who := range []human{m.patient, m.daughter, m.spouse} {
		balance := m.start[m.id(who)]
		for _, b := range m.book {
			if b.who == m.id(who) && !b.at.After(at) {
				balance -= b.amount
			}
		}
		balances[m.id(who)] = balance
		account := who.account(balance)
		account.ContainsThrough = map[string]time.Time{venueCode: at}
		s.Accounts = append(s.Accounts, account)
	}
	m.apply(s)
	if at.After(m.newest) {
		m.newest = at
	}
	if !at.Before(m.through) {
		m.through, m.balances = at, balances
	}
}

// check holds every account against the rule and against the truth: equal as long as no answer is missing, never more
// than there is otherwise.
func (m *model) check() {
	for _, who := range []human{m.patient, m.daughter, m.spouse} {
		rule, truth := m.balances[m.id(who)], m.start[m.id(who)]
		for _, leg := range m.legs {
			if leg.who != m.id(who) {
				continue
			}
			truth -= leg.amount
			if leg.acked.IsZero() || leg.acked.After(m.through) {
				rule -= leg.amount
			}
		}
		got := m.available(who)
		if want := max(0, rule); got != want {
			m.rt.Fatalf("available of %s is %s, the rule says %s", who.card, got, want)
		}
		if got > truth || (len(m.lost) == 0 && got != truth) {
			m.rt.Fatalf("available of %s is %s, in truth %s", who.card, got, truth)
		}
	}
}

func TestAvailableFollowsTheModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		h := newHouse(t)
		defer func() { _ = h.Close() }()
		m := newModel(rt, h)
		for range rapid.IntRange(5, 30).Draw(rt, "steps") {
			m.step()
			switch m.pick("what", 9) {
			case 0, 1, 2:
				m.sell()
			case 3, 4:
				m.giveSomethingBack()
			case 5, 6, 7:
				m.work()
			case 8:
				m.snapshot()
			case 9:
				m.reopen()
			}
			m.check()
		}
		if report, err := h.Verify(t.Context(), nil); err != nil || !report.OK() {
			rt.Fatalf("verify: %v, %v", report.Findings, err)
		}
	})
}
