package session

import (
	"context"
	"errors"
	"time"

	"gongji/cardreader"
	"gongji/settle"
)

// voucherLife is how long the answer about a 医保码 stands for its sale, from the answer on: long enough for a quote, a word
// with the patient and a changed basket.
const voucherLife = 60 * time.Second

// voucherKey is the one sale that a code was scanned for.
type voucherKey struct{ pos, terminal, sale string }

func keyOf(p *parsedSale) voucherKey { return voucherKey{p.sale.POS, p.sale.Terminal, p.sale.ID} }

// voucher is a code that was taken from the scanner and sent to the centre, and whose it turned out to be. The code itself is
// in it only where the sale is settled with it in line, and no longer than the voucher stands. The fields below done are
// written before done is closed and read after it.
type voucher struct {
	reader *NamedReader
	seq    uint64 // of the scan
	done   chan struct{}
	code   string // under Session.mu

	until    time.Time
	resolved Resolved
	err      error
}

func (v *voucher) finished() bool {
	select {
	case <-v.done:
		return true
	default:
		return false
	}
}

// stands: the question is on its way, or its answer counts.
func (v *voucher) stands(now time.Time) bool {
	return !v.finished() || v.err == nil && now.Before(v.until)
}

// voucherOf finds the voucher of a sale and forgets those that are over.
func (s *Session) voucherOf(p *parsedSale) *voucher {
	now := s.o.Clock()
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, v := range s.vouchers {
		if !v.stands(now) {
			delete(s.vouchers, key)
		}
	}
	return s.vouchers[keyOf(p)]
}

// taken tells whether the session has used a scan already; the reader says so itself a moment later.
func (s *Session) taken(r *NamedReader, seq uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	last, any := s.scans[r.Name]
	return any && last == seq
}

// spend ends a sale's voucher: it stood for that sale only.
func (s *Session) spend(p *parsedSale) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if v := s.vouchers[keyOf(p)]; v != nil {
		v.code = ""
	}
	delete(s.vouchers, keyOf(p))
}

// take takes the code from the scanner, once, and asks the centre whose it is, once; the answer will stand for this sale.
// CARD_ABSENT where somebody else was faster or the code is too old, UPSTREAM_SILENT while the centre cannot be reached: the
// code is then left in the scanner.
func (s *Session) take(x *shown, p *parsedSale) (*voucher, error) {
	if s.o.Centre.Offline() {
		return nil, offlineCode()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return nil, settle.NewError(settle.CardAbsent, errStopping)
	}
	code, err := x.scan.Take()
	if twin := s.vouchers[keyOf(p)]; err != nil && twin != nil && twin.seq == x.scanSeq {
		return twin, nil // the same sale asked twice at once
	}
	if err != nil {
		return nil, settle.NewError(settle.CardAbsent, err).With("reader_message", noCode)
	}
	v := &voucher{reader: x.counter.codes, seq: x.scanSeq, done: make(chan struct{})}
	if s.o.Inline != nil {
		v.code = code
	}
	s.vouchers[keyOf(p)], s.scans[v.reader.Name] = v, v.seq
	s.running.Go(func() {
		defer close(v.done)
		ctx, cancel := context.WithTimeout(s.base, s.o.RefreshTimeout)
		defer cancel()
		if v.resolved, v.err = s.o.Centre.Resolve(ctx, code); v.err != nil {
			v.err = unresolvedCode(v.err)
			s.o.Logger.Info("centre was asked about a code in vain", "reader", v.reader.Name, "seq", v.seq, "code", settle.CodeOf(v.err))
		}
		v.until = s.o.Clock().Add(voucherLife)
		time.AfterFunc(voucherLife, func() { s.forget(v) })
	})
	return v, nil
}

// forget drops the code of a voucher that stands no longer.
func (s *Session) forget(v *voucher) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v.code = ""
}

// codeOf is the code that a sale's patient showed, for the one message that carries it; empty for other credentials.
func (s *Session) codeOf(p *parsedSale, who holder) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if v := s.vouchers[keyOf(p)]; v != nil && who.credential() == settle.CredentialEvoucher {
		return v.code
	}
	return ""
}

// unresolvedCode tells a cashier what to do about a code that is gone without an answer.
func unresolvedCode(err error) error {
	var known *settle.Error
	if !errors.As(err, &known) {
		return err
	}
	text := "医保中心没有应答，这个医保码不能再用。请患者刷新医保码后重新扫码，或改用社保卡、身份证。"
	if known.Code == settle.PersonUnknown {
		text = "医保中心不认这个医保码：已经用过、已过期或不是医保码。请患者刷新后重新扫码。"
	}
	return known.With("reader_message", text)
}

func offlineCode() error {
	return settle.NewError(settle.UpstreamSilent, errors.New("a code can only be resolved by the centre")).
		With("reader_message", "医保码要联网才能识别。请改用社保卡或身份证，或等联网后再结算。")
}

// byCode finds the person behind the code, by the voucher of this sale or by asking the centre. As identify, and
// UPSTREAM_SILENT.
func (s *Session) byCode(ctx context.Context, x *shown, p *parsedSale) (holder, error) {
	v := x.voucher
	if x.scan != nil { // a fresh code takes the place of what was scanned for the sale before
		var err error
		if v, err = s.take(x, p); err != nil {
			return holder{held: held{reader: x.counter.codes, seq: x.scanSeq, at: x.at}}, err
		}
	}
	who := holder{held: held{reader: v.reader, seq: v.seq, at: x.at, kind: settle.CredentialEvoucher}}
	wait := time.NewTimer(s.o.AskWait)
	defer wait.Stop()
	select {
	case <-v.done:
	case <-wait.C:
		return who, settle.NewError(settle.UpstreamSilent, errors.New("the centre has not said yet whose code it is"))
	case <-s.closing:
		return who, settle.NewError(settle.CardAbsent, errStopping)
	case <-ctx.Done():
		return who, ctx.Err()
	}
	if v.err != nil {
		return who, refusal(v.err)
	}
	r := v.resolved
	who.card = &cardreader.Credential{IDNumber: r.Number.Reveal(), Name: r.Name}
	person, err := s.o.Ledger.Person(ctx, r.Person)
	if err != nil {
		return who, refusal(err)
	}
	who.person = person
	if err := settle.MatchCard(p.claimed, settle.Shown{Number: r.Number, Name: r.Name}); err != nil {
		return who, err
	}
	who.evidence = "code+" + compared(p.claimed)
	who.still = func() error { return s.voucherStands(v, x) }
	return who, nil
}

// voucherStands is the last look before a commit: the answer still counts, and no card came in that nobody has looked at.
func (s *Session) voucherStands(v *voucher, x *shown) error {
	if !v.stands(s.o.Clock()) {
		return settle.NewError(settle.CardRemoved, nil).With("reader", v.reader.Name).With("reader_message", noCode)
	}
	return x.undisturbed()
}
