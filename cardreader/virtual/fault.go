package virtual

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"gongji/cardreader/ccid"
	"gongji/cardreader/gempc"
)

// Faults a reader can be told to have. Each spoils answers in one way.
const (
	FaultNone        = "none"
	FaultNAK         = "nak"          // the command is not understood
	FaultBadChecksum = "bad-checksum" // the answer's last byte is wrong
	FaultTruncate    = "truncate"     // the answer stops half-way
	FaultSilent      = "silent"       // nothing comes
	FaultWrongSeq    = "wrong-seq"    // the answer to another command comes
	FaultGarbage     = "garbage"      // bytes that mean nothing come before the answer
	FaultSlow        = "slow"         // the answer is announced and comes late
)

// Faults returns the names SetFault takes at readers that answer commands.
func Faults() []string {
	return []string{FaultNone, FaultNAK, FaultBadChecksum, FaultTruncate, FaultSilent, FaultWrongSeq, FaultGarbage, FaultSlow}
}

// faultPlan says which answers are spoilt.
type faultPlan struct {
	name  string
	skip  int
	count int // below zero: until told otherwise
}

// next returns the fault of the answer to come.
func (p *faultPlan) next() string {
	switch {
	case p.name == "" || p.count == 0:
		return FaultNone
	case p.skip > 0:
		p.skip--
		return FaultNone
	}
	if p.count > 0 {
		p.count--
	}
	return p.name
}

func planFault(known []string, name string, skip, n int) (faultPlan, error) {
	if !slices.Contains(known, name) {
		return faultPlan{}, fmt.Errorf("virtual: no fault %q (known: %s)", name, strings.Join(known, ", "))
	}
	if n <= 0 {
		n = -1
	}
	if name == FaultNone {
		n = 0
	}
	return faultPlan{name: name, skip: skip, count: n}, nil
}

// chunk is bytes on their way to the host, after a pause. After them the line goes on at another speed when baud is set.
type chunk struct {
	pause time.Duration
	bytes []byte
	baud  int
}

// slowPause is how long a slow reader takes for each step; well below the patience of any host.
const slowPause = 60 * time.Millisecond

// timeRequest is the bare byte of a card that wants more time.
const timeRequest byte = 0x9A

// noise holds bytes that begin nothing: neither SYNC nor a slot change nor a time request.
var noise = []byte{0x00, 0x7F, 0x11, 0x42, 0x13, 0x06, 0x15, 0x00}

// spoil turns an answer into what a faulty reader sends.
func spoil(fault string, command, answer ccid.Message) []chunk {
	frame := gempc.Encode(answer)
	switch fault {
	case FaultBadChecksum:
		frame[len(frame)-1] ^= 0x5A
	case FaultTruncate:
		frame = frame[:len(frame)/2]
	case FaultSilent:
		return nil
	case FaultWrongSeq:
		answer.Seq -= 7
		frame = gempc.Encode(answer)
	case FaultGarbage:
		frame = append(slices.Clone(noise), frame...)
	case FaultSlow:
		return slow(command, answer)
	}
	return []chunk{{bytes: frame}}
}

// slow asks for time twice, once in each way, when the command is for the card; other answers only come late.
func slow(command, answer ccid.Message) []chunk {
	late := chunk{pause: slowPause, bytes: gempc.Encode(answer)}
	if command.Type != ccid.TypeXfrBlock || answer.Outcome() != ccid.OutcomeOK {
		return []chunk{late}
	}
	extension := ccid.Message{Type: ccid.TypeDataBlock, Slot: answer.Slot, Seq: answer.Seq, P: [3]byte{byte(ccid.OutcomeTimeExtension) << 6, 2, 0}}
	return []chunk{{bytes: []byte{timeRequest}}, {pause: slowPause, bytes: gempc.Encode(extension)}, late}
}
