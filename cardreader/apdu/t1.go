package apdu

import (
	"context"
	"fmt"
)

// Bounds of T=1.
const (
	// maxRepeats is how often a block is asked for again before the exchange is given up.
	maxRepeats = 3
	// maxSupervisory bounds the card's requests for time or another size within one exchange.
	maxSupervisory = 32
)

// T1 carries commands in blocks of protocol T=1 over a reader that passes blocks through. It is a Transceiver for whole
// commands: put T0 with Direct set on top of it, since cards may announce answers by 61xx under T=1 too. It is not safe for
// concurrent use.
type T1 struct {
	card Transceiver
	ifsc int
	edc  EDC
	// send and receive numbers: of our next block, and of the card's.
	ns, nr byte
	// lost: an exchange broke off, and nobody knows the card's numbers.
	lost bool
}

var _ Transceiver = (*T1)(nil)

// NewT1 begins the protocol with a card just powered on.
func NewT1(card Transceiver, atr ATR) *T1 { return &T1{card: card, ifsc: atr.IFSC(), edc: atr.EDC()} }

// Start tells the card that blocks of full size are welcome. A card that does not care goes on with small ones.
func (t *T1) Start(ctx context.Context) error {
	_, err := t.supervise(ctx, SIFS, []byte{MaxINF})
	return err
}

// Transmit sends one command and returns its whole answer. Errors wrap ErrSpoilt when the blocks got lost, or are the
// transceiver's own; the next Transmit then begins by resynchronising.
func (t *T1) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	if t.lost {
		if _, err := t.supervise(ctx, SResynch, nil); err != nil {
			return nil, err
		}
		t.ns, t.nr, t.lost = 0, 0, false
	}
	answer, err := t.exchange(ctx, command)
	t.lost = err != nil
	return answer, err
}

// exchange sends the command in as many blocks as the card's size asks for and collects the answer's.
func (t *T1) exchange(ctx context.Context, command []byte) ([]byte, error) {
	var in Block
	for first := true; first || len(command) > 0; first = false {
		n := min(len(command), t.ifsc)
		out := IBlock(t.ns, n < len(command), command[:n])
		var err error
		if in, err = t.send(ctx, out); err != nil {
			return nil, err
		}
		t.ns ^= 1
		command = command[n:]
	}
	var answer []byte
	for {
		t.nr ^= 1
		if answer = append(answer, in.INF...); len(answer) > maxAnswer {
			return nil, fmt.Errorf("%w: answer above %d bytes", ErrLoop, maxAnswer)
		}
		if !in.More() {
			return answer, nil
		}
		var err error
		if in, err = t.send(ctx, RBlock(t.nr, RAck)); err != nil {
			return nil, err
		}
	}
}

// send transmits a block until what belongs to it comes back: an acknowledgement for a block that announces more, the
// card's next I-block otherwise. It answers the card's requests meanwhile.
func (t *T1) send(ctx context.Context, out Block) (Block, error) {
	next, repeats, requests := out, 0, 0
	for repeats <= maxRepeats && requests <= maxSupervisory {
		in, err := t.pass(ctx, next)
		if err != nil {
			return Block{}, err
		}
		request, response, s := in.S()
		switch {
		case in.PCB == badBlock:
			next = RBlock(t.nr, REDC)
			repeats++
		case s && !response && request != SAbort:
			if next, err = t.grant(request, in.INF); err != nil {
				return Block{}, err
			}
			requests++
		case s:
			return Block{}, fmt.Errorf("%w: card breaks the exchange off", ErrSpoilt)
		case out.More() && in.R() && in.Seq() != out.Seq():
			return in, nil
		case in.R():
			next = out // the card asks for it again
			repeats++
		case in.I() && !out.More() && in.Seq() == t.nr:
			return in, nil
		default:
			next = RBlock(t.nr, ROther)
			repeats++
		}
	}
	return Block{}, fmt.Errorf("%w: no agreement on blocks", ErrSpoilt)
}

// grant answers a request of the card: more time, or another block size.
func (t *T1) grant(request byte, inf []byte) (Block, error) {
	if len(inf) == 1 && request == SIFS && inf[0] > 0 && inf[0] <= MaxINF {
		t.ifsc = int(inf[0])
		return SBlock(SIFS, true, inf), nil
	}
	if len(inf) == 1 && request == SWTX {
		return SBlock(SWTX, true, inf), nil
	}
	return Block{}, fmt.Errorf("%w: request %d of the card", ErrSpoilt, request)
}

// badBlock marks a block that was not one; the value is reserved by the protocol.
const badBlock byte = 0xFF

// pass transmits one block and parses what comes back.
func (t *T1) pass(ctx context.Context, out Block) (Block, error) {
	raw, err := t.card.Transmit(ctx, t.edc.Encode(out))
	if err != nil {
		return Block{}, err
	}
	in, err := t.edc.Parse(raw)
	if err != nil {
		return Block{PCB: badBlock}, nil
	}
	return in, nil
}

// Blocks finds out whether blocks reach the card at all: a reader that works with whole commands takes the first block for
// one, and the card refuses it with a bare status word. Where blocks pass, it does what Start does. Errors wrap ErrSpoilt
// when the answer is neither.
func (t *T1) Blocks(ctx context.Context) (bool, error) {
	for range maxRepeats {
		raw, err := t.card.Transmit(ctx, t.edc.Encode(SBlock(SIFS, false, []byte{MaxINF})))
		if err != nil {
			return false, err
		}
		if in, err := t.edc.Parse(raw); err == nil {
			if request, response, s := in.S(); s && response && request == SIFS {
				return true, nil
			}
			continue
		}
		if len(raw) == 2 {
			return false, nil
		}
	}
	return false, fmt.Errorf("%w: neither a block nor a status word", ErrSpoilt)
}

// supervise sends a request and waits for the card's agreement.
func (t *T1) supervise(ctx context.Context, request byte, inf []byte) (Block, error) {
	for range maxRepeats {
		in, err := t.pass(ctx, SBlock(request, false, inf))
		if err != nil {
			return in, err
		}
		if got, response, ok := in.S(); ok && response && got == request && in.PCB != badBlock {
			return in, nil
		}
	}
	return Block{}, fmt.Errorf("%w: card does not agree to request %d", ErrSpoilt, request)
}
