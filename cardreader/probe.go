package cardreader

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gongji/cardreader/acs"
	"gongji/cardreader/ccid"
	"gongji/cardreader/gempc"
	"gongji/cardreader/idcard"
	"gongji/cardreader/scanner"
	"gongji/cardreader/serialport"
)

// Times of probing.
const (
	// listenFirst is how long an unknown line is listened to before anything is sent.
	listenFirst = 200 * time.Millisecond
	// answerWithin is ample for the questions asked, at the lowest speed.
	answerWithin = 300 * time.Millisecond
)

// attempt is one speed and the kinds that are asked at it, in this order.
type attempt struct {
	baud  int
	kinds []string
}

// attempts is the order of probing: the factory settings of all kinds first.
var attempts = []attempt{
	{115200, []string{KindGemPC, KindSDT, KindACS}},
	{9600, []string{KindACS, KindSDT}},
	{57600, []string{KindSDT, KindACS}},
	{38400, []string{KindSDT, KindACS}},
	{19200, []string{KindSDT, KindACS}},
}

// ProbeResult is a reader that was found.
type ProbeResult struct {
	Kind string
	Baud int
	// Name is what the reader calls itself (firmware, number of its module), where it does.
	Name string
}

// Probe finds out which kind of reader is on a port and at which speed. It listens first, since a scanner only speaks: scan
// something meanwhile. Then it asks, at each speed, questions that change nothing and that no other kind takes for a command:
// the state of the slot (gempc, acs) and of the security module (sdt). It ends at the first that answers; an empty list means
// that nobody did. It takes up to six seconds. Errors: a *Fault when the port cannot be opened, or the context's.
func Probe(ctx context.Context, port string) ([]ProbeResult, error) {
	return probe(ctx, func(c serialport.Config) (Port, error) {
		c.Path = port
		p, err := serialport.Open(c)
		if err != nil {
			return nil, err
		}
		return p, nil
	})
}

func probe(ctx context.Context, open func(serialport.Config) (Port, error)) ([]ProbeResult, error) {
	for _, a := range attempts {
		for i, kind := range a.kinds {
			found, err := probeAt(ctx, open, kind, a.baud, i == 0)
			if err != nil || found != nil {
				return found, err
			}
		}
	}
	return nil, nil
}

// probeAt asks for one kind at one speed, listening for a scanner first where that was not done yet.
func probeAt(ctx context.Context, open func(serialport.Config) (Port, error), kind string, baud int, listen bool) (found []ProbeResult, err error) {
	port, err := open(lineSettings(kind, "", baud))
	if err != nil {
		return nil, readerFault(err)
	}
	defer func() {
		if e := port.Close(); e != nil && err == nil {
			err = readerFault(e)
		}
	}()
	if listen {
		spoke, err := heard(ctx, port)
		if err != nil {
			return nil, probeError(err)
		}
		if spoke {
			return []ProbeResult{{Kind: KindScanner, Baud: baud}}, nil
		}
	}
	answered, err := greet(ctx, port, kind)
	if err != nil || !answered {
		return nil, probeError(err)
	}
	result := ProbeResult{Kind: kind, Baud: baud}
	if dev, err := newDevice(Options{Kind: kind}, port, nil); err == nil {
		if name, err := dev.name(ctx); err == nil {
			result.Name = name
		}
	}
	return []ProbeResult{result}, nil
}

func probeError(err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return readerFault(err)
}

// heard tells whether a scanner sends something: whole lines of text.
func heard(ctx context.Context, port Port) (bool, error) {
	link := scanner.New(port, scanner.Options{Timeout: serialport.IsTimeout})
	limited, cancel := context.WithTimeout(ctx, 2*listenFirst) // at a wrong speed a busy scanner's messages have no end
	defer cancel()
	item, ok, err := link.Next(limited, listenFirst)
	if limited.Err() != nil && ctx.Err() == nil {
		return false, nil
	}
	return ok && item.Kind == scanner.ItemMessage && item.Message.End != "", err
}

// greet asks a reader of a kind the most harmless question there is and tells whether a well-formed answer came.
func greet(ctx context.Context, port Port, kind string) (bool, error) {
	question, answered := greeting(kind)
	if err := port.Write(ctx, question); err != nil {
		return false, err
	}
	b := make([]byte, 256)
	for deadline := time.Now().Add(answerWithin); time.Now().Before(deadline); {
		n, err := port.Read(ctx, b, deadline)
		if answered(b[:n]) {
			return true, nil
		}
		if err != nil && !serialport.IsTimeout(err) {
			return false, fmt.Errorf("probe %s: %w", kind, err)
		}
	}
	return false, nil
}

// greeting returns the question for a kind, and what finds its answer in the bytes that come.
func greeting(kind string) (question []byte, answered func([]byte) bool) {
	switch kind {
	case KindGemPC:
		m := ccid.Message{Type: ccid.TypeGetSlotStatus}
		var d gempc.Decoder
		return gempc.Encode(m), func(b []byte) bool {
			d.Write(b)
			for item, ok := d.Next(); ok; item, ok = d.Next() {
				if item.Kind == gempc.ItemMessage && item.Message.Answers(m) {
					return true
				}
			}
			return false
		}
	case KindACS:
		m := ccid.Message{Type: ccid.TypeGetSlotStatus, Slot: acs.SlotSAM} // the slot that every reader has
		var d acs.Decoder
		return acs.Encode(m), func(b []byte) bool {
			d.Write(b)
			for item, ok := d.Next(); ok; item, ok = d.Next() {
				if item.Kind == acs.ItemMessage && item.Message.Answers(m) {
					return true
				}
			}
			return false
		}
	}
	var d idcard.Decoder
	return idcard.Encode(idcard.Status.Bytes()), func(b []byte) bool {
		d.Write(b)
		for item, ok := d.Next(); ok; item, ok = d.Next() {
			if _, err := idcard.ParseAnswer(item.Body); item.Kind == idcard.ItemFrame && err == nil {
				return true
			}
		}
		return false
	}
}
