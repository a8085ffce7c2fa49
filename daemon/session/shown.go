package session

import (
	"context"
	"time"

	"gongji/cardreader"
	"gongji/settle"
)

// counter are the readers that serve one terminal; nil where there is none of the role.
type counter struct{ card, id, codes *NamedReader }

// beside finds the scanner or ID reader of a terminal: its own one, else one that serves every terminal. Unlike the only card
// reader of a shop, one that was given to another terminal is not borrowed: a code that is scanned there is meant for there.
func (s *Session) beside(role cardreader.Role, terminal string) *NamedReader {
	r, _ := s.find(role, terminal)
	if r == nil || r.Terminal != "" && r.Terminal != terminal && s.tills() > 1 {
		return nil
	}
	return r
}

// tills is how many card readers there are, each at a till of its own.
func (s *Session) tills() (n int) {
	for i := range s.o.Readers {
		if s.o.Readers[i].Role == cardreader.RoleCard {
			n++
		}
	}
	return n
}

// counts tells whether what lies at r may be meant for the sale. What is shown at a device that several tills share may be
// another till's; there it counts only for a sale that names its patient, whom it is then held against.
func (s *Session) counts(r *NamedReader, p *parsedSale) bool {
	return r != nil && (r.Terminal != "" || s.tills() <= 1 || !p.claimed.Number.Zero())
}

// counterAt finds the readers of a terminal. NOT_CONFIGURED where there is neither a card reader nor a scanner nor an ID
// reader, BAD_REQUEST for an unknown terminal.
func (s *Session) counterAt(terminal string) (counter, error) {
	var c counter
	card, err := s.pick(cardreader.RoleCard, terminal)
	if err == nil {
		c.card = card
	}
	c.id, c.codes = s.beside(cardreader.RoleID, terminal), s.beside(cardreader.RoleScanner, terminal)
	if err != nil && (!isCode(err, settle.NotConfigured) || c.id == nil && c.codes == nil) {
		return counter{}, err
	}
	return c, nil
}

// shown is what lies at the counter at one moment. A code that stands in scan has not been taken yet.
type shown struct {
	counter counter
	card    *held
	id      *held
	scan    *cardreader.Scan
	scanSeq uint64
	voucher *voucher // of this very sale, from a code that was taken before
	at      time.Time
}

// other tells whether there is a credential beside the card.
func (x *shown) other() bool { return x.id != nil || x.scan != nil || x.voucher != nil }

// look takes everything in at once. The identity card counts only where it can be the patient's: with an agent, the reader
// holds the agent's.
func (s *Session) look(c counter, p *parsedSale) shown {
	x := shown{counter: c, at: s.o.Clock(), voucher: s.voucherOf(p)}
	if s.counts(c.codes, p) {
		status := c.codes.Reader.Status()
		if status.State == cardreader.StatePresent && status.Scan != nil && status.Scan.Kind().Code() && !s.taken(c.codes, status.Seq) {
			x.scan, x.scanSeq = status.Scan, status.Seq
		}
	}
	if s.counts(c.id, p) && p.proxy == nil {
		status := c.id.Reader.Status()
		if status.State == cardreader.StatePresent && status.Credential != nil && status.Credential.Kind == cardreader.CardIdentity {
			x.id = &held{reader: c.id, seq: status.Seq, card: status.Credential, at: x.at}
		}
	}
	return x
}

// lookCard adds the card in the card reader. done: there is a card; an error says why there will be none.
func (x *shown) lookCard(waitOver, readOver bool) (done bool, err error) {
	if x.counter.card == nil {
		if waitOver {
			err = settle.NewError(settle.CardAbsent, nil)
		}
		return false, err
	}
	status := x.counter.card.Reader.Status()
	if done, err = settled(status, waitOver, readOver); done {
		x.card = &held{reader: x.counter.card, seq: status.Seq, card: status.Credential, at: x.at}
	}
	return done, err
}

// reading tells whether the card reader is at work: whose card it is decides before anything else does.
func (x *shown) reading(readOver bool) bool {
	return x.counter.card != nil && !readOver && x.counter.card.Reader.Status().State == cardreader.StateReading
}

// shownAt waits at most p.wait for a credential of any kind at the sale's terminal. The codes of cardAt; where a scanner is
// there too, reader_message says that a fresh code would do.
func (s *Session) shownAt(ctx context.Context, p *parsedSale) (shown, error) {
	c, err := s.counterAt(p.sale.Terminal)
	if err != nil {
		return shown{}, err
	}
	// A card that is there already is waited for by nobody.
	x := s.look(c, p)
	if done, _ := x.lookCard(false, false); done {
		return x, nil
	}
	// Subscribed before the next look: whatever changes after it wakes the loop.
	moved, stop := c.subscribe()
	defer stop()
	waiting, reading := time.NewTimer(p.wait), time.NewTimer(max(p.wait, s.o.ReadWait))
	defer waiting.Stop()
	defer reading.Stop()
	waitOver, readOver := p.wait == 0, false
	for {
		x := s.look(c, p)
		done, err := x.lookCard(waitOver, readOver)
		if done || x.other() && !x.reading(readOver) {
			return x, nil
		}
		if err != nil && (waitOver || c.alone()) {
			return shown{}, c.explain(err)
		}
		select {
		case _, open := <-moved.card:
			if !open {
				return shown{}, settle.NewError(settle.ReaderDown, nil)
			}
		case _, open := <-moved.id:
			if !open {
				moved.id = nil
			}
		case _, open := <-moved.codes:
			if !open {
				moved.codes = nil
			}
		case <-waiting.C:
			waitOver = true
		case <-reading.C:
			readOver = true
		case <-s.closing:
			return shown{}, settle.NewError(settle.CardAbsent, errStopping)
		case <-ctx.Done():
			return shown{}, ctx.Err()
		}
	}
}

// movements are the events of a counter's readers; nil where there is no reader.
type movements struct{ card, id, codes <-chan cardreader.Event }

func (c *counter) subscribe() (m movements, stop func()) {
	var stops []func()
	follow := func(r *NamedReader) <-chan cardreader.Event {
		if r == nil {
			return nil
		}
		events, stop := r.Reader.Subscribe(8)
		stops = append(stops, stop)
		return events
	}
	m = movements{follow(c.card), follow(c.id), follow(c.codes)}
	return m, func() {
		for _, stop := range stops {
			stop()
		}
	}
}

// alone: only a card can be shown here.
func (c *counter) alone() bool { return c.id == nil && c.codes == nil }

// noCode tells a cashier who has a scanner what is missing; without it they would look at the card reader only.
const noCode = "没有插卡，也没有可用的医保码：每个码扫码后 60 秒内只能用一次。请插卡，或请患者刷新医保码后重新扫码。"

// explain adds what a scanner could still do to a missing card.
func (c *counter) explain(err error) error {
	if c.codes == nil || !isCode(err, settle.CardAbsent) {
		return err
	}
	if status := c.codes.Reader.Status(); status.State == cardreader.StateFault && status.Fault != nil {
		return settle.NewError(settle.CardAbsent, nil).With("reader_message", status.Fault.Message)
	}
	return settle.NewError(settle.CardAbsent, nil).With("reader_message", noCode)
}
