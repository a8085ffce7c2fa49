package session

import (
	"context"
	"time"

	"gongji/cardreader"
	"gongji/settle"
)

// flight is one question to the centre about one card in one reader.
type flight struct {
	seq  uint64
	done chan struct{}
	err  error // read after done
}

func (f *flight) finished() bool {
	select {
	case <-f.done:
		return true
	default:
		return false
	}
}

// follow asks the centre about every card that comes into the reader, until Stop or the end of the events. A card that is
// there already when the daemon starts counts as come.
func (s *Session) follow(r *NamedReader, events <-chan cardreader.Event) {
	if status := r.Reader.Status(); status.State == cardreader.StatePresent {
		s.ask(r, status.Seq, status.Credential, false)
	}
	for {
		select {
		case event, open := <-events:
			if !open {
				return
			}
			if event.Kind == cardreader.CardInserted {
				s.ask(r, event.Seq, event.Credential, false)
			}
		case <-s.base.Done():
			return
		}
	}
}

// ask starts a question about a card, or joins the one about the same insertion. again starts a new one where the last has
// ended. It returns nil where nothing can be asked.
func (s *Session) ask(r *NamedReader, seq uint64, card *cardreader.Credential, again bool) *flight {
	if card == nil || card.Kind != cardreader.CardSocial && card.Kind != cardreader.CardIdentity {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if last := s.flights[r.Name]; last != nil && last.seq == seq && (!again || !last.finished()) {
		return last
	}
	if s.stopped {
		return nil
	}
	f := &flight{seq: seq, done: make(chan struct{})}
	s.flights[r.Name] = f
	s.running.Go(func() {
		defer close(f.done)
		ctx, cancel := context.WithTimeout(s.base, s.o.RefreshTimeout)
		defer cancel()
		if f.err = s.o.Centre.Refresh(ctx, *card); f.err != nil {
			s.o.Logger.Info("centre was asked about a card in vain", "reader", r.Name, "seq", seq, "code", settle.CodeOf(f.err))
		}
	})
	return f
}

// await waits for the centre's answer at most the given time.
func (s *Session) await(ctx context.Context, f *flight, most time.Duration) {
	if f == nil || f.finished() {
		return
	}
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-f.done:
	case <-timer.C:
	case <-s.closing:
	case <-ctx.Done():
	}
}
