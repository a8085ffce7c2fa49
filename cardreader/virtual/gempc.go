package virtual

import (
	"slices"
	"sync"
	"time"

	"gongji/cardreader/ccid"
	"gongji/cardreader/gempc"
)

// DefaultFirmware is the name the reader gives itself.
const DefaultFirmware = "GemTwin-Sim-V1.00"

// hostGap is the pause after which half a command is forgotten: its sender has died.
const hostGap = 500 * time.Millisecond

// twin is a GemPC Twin: it turns the host's bytes into answers. It is safe for concurrent use.
type twin struct {
	opts Options

	mu     sync.Mutex
	socket *socket
	fault  faultPlan
	// synchronous slot changes wait here for the next command.
	synchronous bool
	waiting     []byte

	dec      gempc.Decoder // only the goroutine that carries the line
	lastByte time.Time
}

func newTwin(o Options) *twin { return &twin{opts: o, socket: newSocket()} }

// hungUp forgets half a command: the host closed the line.
func (t *twin) hungUp() { t.dec.Reset() }

// receive takes bytes from the host and returns what goes back.
func (t *twin) receive(p []byte) []chunk {
	now := time.Now()
	if len(t.dec.Held()) > 0 && now.Sub(t.lastByte) > hostGap {
		t.dec.Reset()
	}
	t.lastByte = now
	t.dec.Write(p)
	var out []chunk
	for {
		item, ok := t.dec.Next()
		if !ok {
			return out
		}
		switch {
		case item.Kind == gempc.ItemBad:
			out = append(out, chunk{bytes: gempc.NAK()})
		case item.Kind == gempc.ItemMessage && !item.Message.FromReader():
			out = append(out, t.command(item.Message, item.Raw)...)
		}
	}
}

// command answers one command, with its echo in front and with the fault that is planned.
func (t *twin) command(m ccid.Message, raw []byte) []chunk {
	t.mu.Lock()
	defer t.mu.Unlock()
	fault := t.fault.next()
	var out []chunk
	if !t.opts.NoEcho && fault != FaultSilent {
		out = append(out, chunk{bytes: raw})
	}
	if fault == FaultNAK {
		return append(out, chunk{bytes: gempc.NAK()})
	}
	if len(t.waiting) > 0 {
		out = append(out, chunk{bytes: t.waiting})
		t.waiting = nil
	}
	return append(out, spoil(fault, m, t.answer(m))...)
}

// reply is a successful answer in the present state.
func (t *twin) reply(m ccid.Message, kind, last byte, data []byte) ccid.Message {
	return ccid.Message{Type: kind, Slot: m.Slot, Seq: m.Seq, P: [3]byte{byte(t.socket.state()), 0, last}, Data: data}
}

// refuse is a failed answer.
func (t *twin) refuse(m ccid.Message, kind, code byte) ccid.Message {
	return ccid.Message{Type: kind, Slot: m.Slot, Seq: m.Seq, P: [3]byte{byte(ccid.OutcomeFailed)<<6 | byte(t.socket.state()), code, 0}}
}

// Other commands that only report the state of the slot, and the code of a slot number that does not exist.
const (
	typeIccClock byte = 0x6E
	typeAbort    byte = 0x72
)

// clockStopped is the clock status of a card without power.
const clockStopped byte = 1

func (t *twin) answer(m ccid.Message) ccid.Message {
	if m.Slot != 0 {
		kind, _ := ccid.AnswerType(m.Type)
		return t.refuse(m, max(kind, ccid.TypeDataBlock), ccid.CodeBadSlot)
	}
	switch m.Type {
	case ccid.TypeGetSlotStatus, typeIccClock, typeAbort:
		return t.reply(m, ccid.TypeSlotStatus, 0, nil)
	case ccid.TypePowerOn:
		return t.powerOn(m)
	case ccid.TypePowerOff:
		t.socket.powerOff()
		return t.reply(m, ccid.TypeSlotStatus, clockStopped, nil)
	case ccid.TypeXfrBlock:
		return t.transfer(m)
	case ccid.TypeSetParameters:
		return t.setParameters(m)
	case ccid.TypeResetParameters:
		t.socket.resetParameters()
		return t.parameters(m)
	case ccid.TypeGetParameters:
		return t.parameters(m)
	case ccid.TypeEscape:
		return t.escape(m)
	}
	return t.refuse(m, ccid.TypeSlotStatus, ccid.CodeUnsupported)
}

func (t *twin) powerOn(m ccid.Message) ccid.Message {
	atr, ok := t.socket.powerOn(m.P[0])
	if !ok {
		return t.refuse(m, ccid.TypeDataBlock, ccid.CodeMute)
	}
	return t.reply(m, ccid.TypeDataBlock, 0, atr)
}

func (t *twin) transfer(m ccid.Message) ccid.Message {
	switch {
	case t.socket.chip == nil:
		return t.refuse(m, ccid.TypeDataBlock, ccid.CodeMute)
	case len(m.Data) == 0:
		return t.refuse(m, ccid.TypeDataBlock, ccid.CodeNoData)
	}
	b, ok := t.socket.transfer(m.Data)
	if !ok {
		return t.refuse(m, ccid.TypeDataBlock, ccid.CodeMute)
	}
	return t.reply(m, ccid.TypeDataBlock, 0, b)
}

func (t *twin) setParameters(m ccid.Message) ccid.Message {
	if !t.socket.setParameters(m.P[0], m.Data) {
		return t.refuse(m, ccid.TypeParameters, 7) // the offset of the protocol byte
	}
	return t.parameters(m)
}

func (t *twin) parameters(m ccid.Message) ccid.Message {
	p := t.socket.protocol
	return t.reply(m, ccid.TypeParameters, p, slices.Clone(t.socket.params[p]))
}

// Vendor commands: the firmware's name, slot changes only before answers, and the feature query.
func (t *twin) escape(m ccid.Message) ccid.Message {
	switch string(m.Data) {
	case "\x02":
		return t.reply(m, ccid.TypeEscapeResponse, 0, []byte(t.opts.Firmware))
	case "\x01\x01\x01":
		t.synchronous = true
		return t.reply(m, ccid.TypeEscapeResponse, 0, nil)
	case "\x6A":
		return t.reply(m, ccid.TypeEscapeResponse, 0, nil)
	}
	return t.refuse(m, ccid.TypeEscapeResponse, ccid.CodeUnsupported)
}

func (t *twin) move(m Medium) []chunk {
	t.mu.Lock()
	defer t.mu.Unlock()
	var notice []byte
	if t.socket.inserted {
		notice = append(notice, gempc.SlotChange(false)...)
	}
	if t.socket.put(m); m != nil {
		notice = append(notice, gempc.SlotChange(true)...)
	}
	switch {
	case t.opts.NoSlotChange || len(notice) == 0:
		return nil
	case t.synchronous:
		t.waiting = append(t.waiting, notice...)
		return nil
	}
	return []chunk{{bytes: notice}}
}

func (t *twin) powerCycle() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.socket.powerOff()
	t.socket.resetParameters()
	t.synchronous, t.waiting = false, nil
}

func (t *twin) setFault(p faultPlan) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.fault = p
}
