package virtual

import (
	"slices"
	"sync"
	"time"

	"gongji/cardreader/idcard"
)

// SAMID is the number of every virtual reader's security module.
var SAMID = idcard.SAMID{Maker: 5, Kind: 3, Date: 20160408, Serial: 1234567, Random: 987654321}

// sdt is a resident identity card reader.
type sdt struct {
	opts Options

	mu sync.Mutex
	// lying is the document on the reader.
	lying *Identity
	// found and selected are the steps before the first reading; known: it was read and is found no more until it is lifted.
	found, selected, known bool
	fault                  faultPlan

	dec      idcard.Decoder // only the goroutine that carries the line
	lastByte time.Time
}

func newSDT(o Options) *sdt { return &sdt{opts: o} }

func (r *sdt) hungUp() { r.dec.Reset() }

func (r *sdt) receive(p []byte) []chunk {
	now := time.Now()
	if len(r.dec.Held()) > 0 && now.Sub(r.lastByte) > hostGap {
		r.dec.Reset()
	}
	r.lastByte = now
	r.dec.Write(p)
	var out []chunk
	for {
		item, ok := r.dec.Next()
		if !ok {
			return out
		}
		switch {
		case item.Kind == idcard.ItemBad && len(item.Raw) == 7:
			out = append(out, chunk{bytes: answer(idcard.CodeLength)})
		case item.Kind == idcard.ItemBad:
			out = append(out, chunk{bytes: answer(idcard.CodeChecksum)})
		case item.Kind == idcard.ItemFrame:
			out = append(out, r.command(item.Body)...)
		}
	}
}

// answer is a frame with a code and perhaps data.
func answer(code idcard.Code, data ...byte) []byte {
	return idcard.Encode(idcard.Answer{Code: code, Data: data}.Bytes())
}

// command answers one command with the fault that is planned.
func (r *sdt) command(body []byte) []chunk {
	r.mu.Lock()
	defer r.mu.Unlock()
	fault := r.fault.next()
	if len(body) != 2 {
		return []chunk{{bytes: answer(idcard.CodeLength)}}
	}
	c := idcard.Command{CMD: body[0], PARA: body[1]}
	if fault == FaultNAK { // not understood, so not acted on
		return []chunk{{bytes: answer(idcard.CodeChecksum)}}
	}
	frame, baud := r.do(c)
	frame = slices.Clone(frame)
	out := chunk{baud: baud}
	switch fault {
	case FaultBadChecksum:
		frame[len(frame)-1] ^= 0x5A
	case FaultTruncate:
		frame = frame[:len(frame)/2]
	case FaultSilent:
		return nil
	case FaultWrongSeq:
		frame = answer(idcard.CodeFound, 0, 0, 0, 0)
		if c == idcard.Find {
			frame = answer(idcard.CodeDone, 0, 0, 0, 0, 0, 0, 0, 0)
		}
	case FaultGarbage:
		frame = append(slices.Clone(noise), frame...)
	case FaultSlow:
		out.pause = slowPause
	}
	out.bytes = frame
	return []chunk{out}
}

// do carries out a command; baud is the speed of the line after the answer, 0 when it stays.
func (r *sdt) do(c idcard.Command) (frame []byte, baud int) {
	switch c {
	case idcard.Reset, idcard.Status:
		return answer(idcard.CodeDone), 0
	case idcard.GetSAMID:
		return answer(idcard.CodeDone, SAMID.Bytes()...), 0
	case idcard.Find:
		r.found = r.lying != nil && (!r.known || r.opts.FindsAgain)
		r.selected = false
		if !r.found {
			return answer(idcard.CodeFindFailed), 0
		}
		return answer(idcard.CodeFound, 0, 0, 0, 0), 0
	case idcard.Select:
		if !r.found || r.lying == nil {
			return answer(idcard.CodeSelectFailed), 0
		}
		r.selected = true
		return answer(idcard.CodeDone, 0, 0, 0, 0, 0, 0, 0, 0), 0
	case idcard.ReadText, idcard.ReadFinger:
		if r.lying == nil || !r.selected && !r.known {
			return answer(idcard.CodeReadFailed), 0
		}
		r.known = true
		return answer(idcard.CodeDone, r.lying.record(c == idcard.ReadFinger)...), 0
	case idcard.LatestAddress:
		return r.latest(), 0
	}
	for _, baud := range idcard.Speeds() {
		if set, _ := idcard.SetBaud(baud); set == c {
			return answer(idcard.CodeDone), baud
		}
	}
	return answer(idcard.CodeCommand), 0
}

// latest gives the latest address of the document that was read.
func (r *sdt) latest() []byte {
	switch {
	case r.lying == nil || !r.known:
		return answer(idcard.CodeReadFailed)
	case r.lying.address == nil:
		return answer(idcard.CodeNoContent)
	}
	return answer(idcard.CodeDone, r.lying.address...)
}

func (r *sdt) move(m Medium) []chunk {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.found, r.selected, r.known, r.lying = false, false, false, nil
	if d, ok := m.(Identity); ok {
		r.lying = &d
	}
	return nil
}

func (r *sdt) powerCycle() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.found, r.selected, r.known = false, false, false
}

func (r *sdt) setFault(p faultPlan) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fault = p
}
