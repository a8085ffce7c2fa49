package apdu

import (
	"context"
	"fmt"
)

// Bounds of one T=0 command.
const (
	maxRounds = 8
	maxAnswer = 4096
)

// T0 carries commands by T=0 over a reader that works at TPDU level: the host itself fetches what 61xx announces and
// repeats a command once with the length 6Cxx names. The reader hides the procedure bytes.
type T0 struct {
	Card Transceiver
	// Direct: the card or reader may answer a command with data at once, as under T=1 and with readers that follow 61xx by
	// themselves.
	Direct bool
}

var _ Channel = T0{}

// Do sends one command and collects its whole answer. A status word other than success is no error here. Errors wrap
// ErrSpoilt (begin again from SELECT), ErrLoop, ErrShort, ErrCommand, or are the transceiver's own.
func (t T0) Do(ctx context.Context, c Command) (Response, error) {
	if err := c.check(); err != nil {
		return Response{}, err
	}
	r, err := t.exact(ctx, c.tpdu())
	if err != nil {
		return Response{}, err
	}
	data := r.Data
	for round := 0; ; round++ {
		n, more := r.SW.More()
		if !more {
			return Response{Data: data, SW: r.SW}, nil
		}
		if round == maxRounds || len(data)+n > maxAnswer {
			return Response{}, fmt.Errorf("%w: more than %d bytes or %d rounds", ErrLoop, maxAnswer, maxRounds)
		}
		if r, err = t.exact(ctx, []byte{0, InsGetResponse, 0, 0, byte(n)}); err != nil {
			return Response{}, err
		}
		if _, more := r.SW.More(); r.SW != OK && !more {
			// The announced bytes are not there: the chain is broken, and the answer so far means nothing.
			return Response{}, fmt.Errorf("%w: GET RESPONSE: %s", ErrSpoilt, r.SW)
		}
		data = append(data, r.Data...)
	}
}

// tpdu returns the command as T=0 sends it: five header bytes, then data. Le of a command with data is left to 61xx.
func (c Command) tpdu() []byte {
	b := []byte{c.CLA, c.INS, c.P1, c.P2, byte(c.Le)}
	if len(c.Data) > 0 {
		b[4] = byte(len(c.Data))
		b = append(b, c.Data...)
	}
	return b
}

// exact transmits a TPDU and follows one 6Cxx.
func (t T0) exact(ctx context.Context, tpdu []byte) (Response, error) {
	r, err := t.once(ctx, tpdu)
	if err != nil {
		return r, err
	}
	n, wrong := r.SW.Exact()
	if !wrong {
		return r, nil
	}
	if len(tpdu) != 5 {
		return r, fmt.Errorf("%w: length asked of a command with data", ErrLoop)
	}
	again := append([]byte(nil), tpdu...)
	again[4] = byte(n)
	if r, err = t.once(ctx, again); err != nil {
		return r, err
	}
	if _, wrong := r.SW.Exact(); wrong {
		return r, fmt.Errorf("%w: length named twice", ErrLoop)
	}
	return r, nil
}

// once transmits one TPDU. An answer longer than was asked for cannot be this command's.
func (t T0) once(ctx context.Context, tpdu []byte) (Response, error) {
	b, err := t.Card.Transmit(ctx, tpdu)
	if err != nil {
		return Response{}, err
	}
	r, err := ParseResponse(b)
	if err != nil {
		return r, err
	}
	want := 0
	if t.Direct && len(tpdu) > 5 {
		want = MaxLe
	}
	if len(tpdu) == 5 {
		if want = int(tpdu[4]); want == 0 {
			want = MaxLe
		}
	}
	if len(r.Data) > want {
		return r, fmt.Errorf("%w: %d bytes where %d were asked for", ErrSpoilt, len(r.Data), want)
	}
	return r, nil
}
