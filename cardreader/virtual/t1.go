package virtual

import "gongji/cardreader/apdu"

// t1Card is the card's side of protocol T=1: it collects a command from blocks, answers in blocks no longer than the host
// takes, and repeats its last block when asked.
type t1Card struct {
	run    func(command []byte) []byte
	ifsd   int
	edc    apdu.EDC
	ns, nr byte
	in     []byte // command so far
	out    []byte // answer still to be sent
	last   []byte
}

// defaultIFSD is the longest field a host takes that has not said otherwise.
const defaultIFSD = 32

func newT1Card(run func([]byte) []byte, edc apdu.EDC) *t1Card {
	return &t1Card{run: run, edc: edc, ifsd: defaultIFSD}
}

// answer returns the block that answers a block.
func (t *t1Card) answer(raw []byte) []byte {
	b, err := t.edc.Parse(raw)
	if err != nil {
		return t.edc.Encode(apdu.RBlock(t.nr, apdu.REDC))
	}
	request, response, s := b.S()
	switch {
	case s && !response:
		return t.supervise(request, b.INF)
	case b.R():
		if len(t.out) > 0 && b.Seq() == t.ns {
			return t.next()
		}
		return t.last
	case b.I() && b.Seq() == t.nr:
		return t.take(b)
	}
	return t.say(apdu.RBlock(t.nr, apdu.ROther))
}

// take collects a command and runs it when it is whole.
func (t *t1Card) take(b apdu.Block) []byte {
	t.nr ^= 1
	t.in = append(t.in, b.INF...)
	if b.More() {
		return t.say(apdu.RBlock(t.nr, apdu.RAck))
	}
	t.out, t.in = t.run(t.in), nil
	return t.next()
}

// next sends the next part of the answer.
func (t *t1Card) next() []byte {
	n := min(len(t.out), t.ifsd)
	b := apdu.IBlock(t.ns, n < len(t.out), t.out[:n])
	t.out = t.out[n:]
	t.ns ^= 1
	return t.say(b)
}

func (t *t1Card) supervise(request byte, inf []byte) []byte {
	switch {
	case request == apdu.SResynch:
		t.ns, t.nr, t.in, t.out = 0, 0, nil, nil
	case request == apdu.SIFS && len(inf) == 1 && inf[0] > 0 && inf[0] <= apdu.MaxINF:
		t.ifsd = int(inf[0])
	}
	return t.say(apdu.SBlock(request, true, inf))
}

func (t *t1Card) say(b apdu.Block) []byte {
	t.last = t.edc.Encode(b)
	return t.last
}
