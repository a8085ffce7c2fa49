package virtual

import (
	"bytes"
	"slices"
	"sync"
	"time"

	"gongji/cardreader/acs"
	"gongji/cardreader/apdu"
	"gongji/cardreader/ccid"
)

// acsReader is an ACS ACR1281S: two slots, status frames, events. With a field it is an ACR122S: one slot, and no events.
type acsReader struct {
	opts Options

	mu    sync.Mutex
	slots []*socket
	// home is the slot that cards are put in.
	home  byte
	field *field
	fault faultPlan
	// last is the frame of the last answer, for a host that asks for it again.
	last []byte

	dec      acs.Decoder // only the goroutine that carries the line
	lastByte time.Time
}

func newACS(o Options) *acsReader {
	if o.Model == ModelACR122S {
		return newACR122(o)
	}
	r := &acsReader{opts: o, slots: []*socket{newSocket(), newSocket()}, home: acs.SlotContact}
	for _, s := range r.slots {
		s.selfDriven = true
	}
	r.slots[acs.SlotContactless].commands = true
	r.slots[acs.SlotContact].commands = o.APDULevel
	if o.Contactless {
		r.home = acs.SlotContactless
	}
	return r
}

// newACR122 returns a reader with a security module in its slot, which only says who it is.
func newACR122(o Options) *acsReader {
	module, err := OtherCard(KindNone)
	if err != nil {
		panic(err) // a card without data always fits
	}
	r := &acsReader{opts: o, slots: []*socket{newSocket()}, field: newField()}
	r.slots[acs.SlotSAM].selfDriven = true
	r.slots[acs.SlotSAM].put(module)
	return r
}

func (r *acsReader) hungUp() { r.dec.Reset() }

func (r *acsReader) receive(p []byte) []chunk {
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
		case item.Kind == acs.ItemBad:
			out = append(out, chunk{bytes: r.refusal(item.Raw).Bytes()})
		case item.Kind == acs.ItemMessage && !item.Message.FromReader():
			out = append(out, r.command(item.Message)...)
		}
	}
}

// refusal says what is wrong with a frame.
func (r *acsReader) refusal(raw []byte) acs.Status {
	if _, ok := ccid.DataLen(raw[1:]); !ok {
		return acs.StatusLength
	}
	if raw[len(raw)-1] != 0x03 {
		return acs.StatusETX
	}
	return acs.StatusChecksum
}

// command answers one command with the status frame in front, and with the fault that is planned.
func (r *acsReader) command(m ccid.Message) []chunk {
	r.mu.Lock()
	defer r.mu.Unlock()
	fault := r.fault.next()
	if fault == FaultNAK {
		return []chunk{{bytes: acs.StatusChecksum.Bytes()}}
	}
	if m.Type == 0 {
		if r.last == nil {
			return nil
		}
		return r.spoil(fault, m, r.last, 0)
	}
	if int(m.Slot) >= len(r.slots) {
		return []chunk{{bytes: acs.StatusSlot.Bytes()}}
	}
	answer, baud := r.answer(m)
	r.last = acs.Encode(answer)
	if fault == FaultWrongSeq {
		answer.Seq -= 7
		return r.spoil(FaultNone, m, acs.Encode(answer), baud)
	}
	return r.spoil(fault, m, r.last, baud)
}

// spoil returns the status frame and the answer as a faulty reader sends it. A repeated answer has no status frame.
func (r *acsReader) spoil(fault string, m ccid.Message, frame []byte, baud int) []chunk {
	frame = slices.Clone(frame)
	taken, late := acs.StatusAccepted.Bytes(), chunk{baud: baud}
	if m.Type == 0 {
		taken = nil
	}
	switch fault {
	case FaultBadChecksum:
		frame[len(frame)-2] ^= 0x5A
	case FaultTruncate:
		frame = frame[:len(frame)/2]
	case FaultSilent:
		return nil
	case FaultGarbage:
		frame = append(slices.Clone(noise), frame...)
	case FaultSlow:
		late.pause = slowPause
	}
	late.bytes = frame
	if len(taken) == 0 {
		return []chunk{late}
	}
	return []chunk{{bytes: taken}, late}
}

func (r *acsReader) reply(m ccid.Message, kind byte, data []byte) ccid.Message {
	return ccid.Message{Type: kind, Slot: m.Slot, Seq: m.Seq, P: [3]byte{byte(r.slots[m.Slot].state()), acs.GoodError, 0}, Data: data}
}

func (r *acsReader) refuse(m ccid.Message, kind, code byte) ccid.Message {
	return ccid.Message{Type: kind, Slot: m.Slot, Seq: m.Seq, P: [3]byte{byte(ccid.OutcomeFailed)<<6 | byte(r.slots[m.Slot].state()), code, 0}}
}

// answer carries out a command; baud is the speed of the line after the answer, 0 when it stays.
func (r *acsReader) answer(m ccid.Message) (answer ccid.Message, baud int) {
	s := r.slots[m.Slot]
	switch m.Type {
	case ccid.TypeGetSlotStatus:
		return r.reply(m, ccid.TypeSlotStatus, nil), 0
	case ccid.TypePowerOn:
		atr, ok := s.powerOn(m.P[0])
		if !ok {
			return r.refuse(m, ccid.TypeDataBlock, ccid.CodeMute), 0
		}
		if m.Slot == acs.SlotContactless && r.field == nil {
			atr = contactlessATR(atr)
		}
		return r.reply(m, ccid.TypeDataBlock, atr), 0
	case ccid.TypePowerOff:
		s.powerOff()
		return r.reply(m, ccid.TypeSlotStatus, nil), 0
	case ccid.TypeXfrBlock:
		return r.transfer(m)
	case ccid.TypeEscape:
		return r.reply(m, ccid.TypeEscapeResponse, []byte{0xE1, 0, 0, 0, 0}), 0
	}
	return r.refuse(m, ccid.TypeSlotStatus, ccid.CodeUnsupported), 0
}

// contactlessATR is what a reader makes of a card's answer on the air: its historical bytes in the form of PC/SC.
func contactlessATR(atr []byte) []byte {
	a, err := apdu.ParseATR(atr)
	if err != nil {
		return atr
	}
	b := append([]byte{0x3B, 0x80 | byte(len(a.Historical)), 0x80, 0x01}, a.Historical...)
	var tck byte
	for _, v := range b[1:] {
		tck ^= v
	}
	return append(b, tck)
}

// uid of every virtual contactless card.
var uid = []byte{0x04, 0xA1, 0xB2, 0xC3}

// transfer passes a block to the card, or answers what is for the reader itself.
func (r *acsReader) transfer(m ccid.Message) (answer ccid.Message, baud int) {
	s := r.slots[m.Slot]
	ok := status(apdu.OK)
	switch string(m.Data) {
	case "\xFF\x00\x44\x00\x00":
		return r.reply(m, ccid.TypeDataBlock, ok), acs.Baud
	case "\xFF\x00\x44\x01\x00":
		return r.reply(m, ccid.TypeDataBlock, []byte{0x90, 0x01}), acs.FastBaud
	case "\xFF\xCA\x00\x00\x00":
		if m.Slot == acs.SlotContactless && s.inserted && r.field == nil {
			return r.reply(m, ccid.TypeDataBlock, append(slices.Clone(uid), ok...)), 0
		}
		return r.reply(m, ccid.TypeDataBlock, []byte{0x63, 0x00}), 0
	}
	if r.field != nil && bytes.Equal(m.Data, []byte{0xFF, 0x00, 0x48, 0x00, 0x00}) {
		return r.reply(m, ccid.TypeDataBlock, []byte(acr122Firmware)), 0
	}
	if s.chip == nil {
		return r.refuse(m, ccid.TypeDataBlock, ccid.CodeMute), 0
	}
	if r.field != nil && bytes.HasPrefix(m.Data, []byte{0xFF, 0x00, 0x00, 0x00}) {
		return r.reply(m, ccid.TypeDataBlock, r.field.pseudo(m.Data)), 0
	}
	if len(m.Data) == 0 {
		return r.refuse(m, ccid.TypeDataBlock, ccid.CodeNoData), 0
	}
	b, understood := s.transfer(m.Data)
	if !understood {
		return r.refuse(m, ccid.TypeDataBlock, ccid.CodeMute), 0
	}
	return r.reply(m, ccid.TypeDataBlock, b), 0
}

func (r *acsReader) move(m Medium) []chunk {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.field != nil { // says nothing by itself
		r.field.place.put(m)
		return nil
	}
	home := r.slots[r.home]
	var out []chunk
	if home.inserted {
		home.put(nil)
		out = append(out, chunk{bytes: acs.Event(r.event())})
	}
	if home.put(m); m != nil {
		out = append(out, chunk{bytes: acs.Event(r.event())})
	}
	if r.opts.NoSlotChange {
		return nil
	}
	return out
}

// event describes both slots after something moved at the one that cards are put in.
func (r *acsReader) event() acs.Slots {
	var s acs.Slots
	for i, slot := range r.slots {
		if slot.inserted {
			s |= acs.ContactlessPresent << (2 * i)
		}
	}
	return s | acs.ContactlessChanged<<(2*r.home)
}

func (r *acsReader) powerCycle() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.slots {
		s.powerOff()
	}
	if r.field != nil {
		r.field.off()
	}
	r.last = nil
}

func (r *acsReader) setFault(p faultPlan) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fault = p
}
