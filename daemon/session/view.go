package session

import (
	"context"
	"sync"
	"time"

	"gongji/cardreader"
	"gongji/settle"
)

// CardView is a card as a till may see it.
type CardView struct {
	Kind   cardreader.CardKind
	Holder string // masked
	Number string // masked
}

// ReaderView is a reader as a till may see it.
type ReaderView struct {
	Name     string
	Terminal string
	Kind     string
	Role     cardreader.Role
	State    cardreader.State
	Seq      uint64
	Card     *CardView
	Fault    *cardreader.Fault
	Since    time.Time
}

// ReaderEvent is something that happened at a reader, with the reader as it is after it.
type ReaderEvent struct {
	Kind   cardreader.EventKind
	At     time.Time
	Reader ReaderView
}

// cardEvoucher is the kind of a 医保码 in the scanner. Nothing more of it is shown.
const cardEvoucher cardreader.CardKind = "evoucher"

func (v ReaderView) scanned(scan *cardreader.Scan) ReaderView {
	if scan != nil && v.State == cardreader.StatePresent && scan.Kind().Code() {
		v.Card = &CardView{Kind: cardEvoucher}
	}
	return v
}

func (r *NamedReader) view(state cardreader.State, seq uint64, card *cardreader.Credential, fault *cardreader.Fault) ReaderView {
	view := ReaderView{Name: r.Name, Terminal: r.Terminal, Role: r.Role, State: state, Seq: seq, Fault: fault}
	if card != nil && state == cardreader.StatePresent {
		view.Card = &CardView{Kind: card.Kind, Holder: settle.MaskName(card.Name), Number: card.MaskedNumber()}
	}
	return view
}

// ReaderViews are all readers with the masked cards in them.
func (s *Session) ReaderViews() []ReaderView {
	views := make([]ReaderView, len(s.o.Readers))
	for i := range s.o.Readers {
		r := &s.o.Readers[i]
		status := r.Reader.Status()
		views[i] = r.view(status.State, status.Seq, status.Credential, status.Fault).scanned(status.Scan)
		views[i].Kind, views[i].Since = status.Kind, status.Since
	}
	return views
}

// Subscribe delivers the events of all readers until ctx ends or the readers stop; the channel is closed then. Whoever is
// slow holds up only their own copy: each reader drops the oldest event of a full subscription.
func (s *Session) Subscribe(ctx context.Context) <-chan ReaderEvent {
	out := make(chan ReaderEvent)
	var readers sync.WaitGroup
	for i := range s.o.Readers {
		r := &s.o.Readers[i]
		events, stop := r.Reader.Subscribe(16)
		readers.Go(func() {
			defer stop()
			forward(ctx, r, events, out)
		})
	}
	go func() {
		readers.Wait()
		close(out)
	}()
	return out
}

func forward(ctx context.Context, r *NamedReader, events <-chan cardreader.Event, out chan<- ReaderEvent) {
	for {
		select {
		case event, open := <-events:
			if !open {
				return
			}
			view := r.view(event.State, event.Seq, event.Credential, event.Fault).scanned(event.Scan)
			view.Kind, view.Since = r.Reader.Status().Kind, event.At
			select {
			case out <- ReaderEvent{Kind: event.Kind, At: event.At, Reader: view}:
			case <-ctx.Done():
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

// AccountsViewed, BindingsViewed and HistoryViewed are the kinds of incidents under which looks at accounts, at bindings and at a
// person's earlier data are remembered (S-036, S-147).
const (
	AccountsViewed = "ACCOUNTS_VIEWED"
	BindingsViewed = "BINDINGS_VIEWED"
	HistoryViewed  = "HISTORY_VIEWED"
)

// Accounts are the accounts behind the card now in the terminal's reader: the own one first, then the givers' in bound
// order; each look is remembered. The codes of the card, PERSON_UNKNOWN.
func (s *Session) Accounts(ctx context.Context, pos, terminal string) ([]settle.AccountView, error) {
	a := attempt{pos: pos, terminal: terminal}
	who, err := s.ownCard(ctx, a, 0)
	if err != nil {
		return nil, err
	}
	accounts, err := s.o.Ledger.Accounts(ctx, who.person.ID)
	if err == nil {
		err = who.confirm() // what is shown is shown to the holder, whose card is still there
	}
	if err != nil {
		return nil, refusal(err)
	}
	s.remember(ctx, AccountsViewed, a, who, nil)
	return accounts, nil
}

// Histories is the ledger's side of what was known of a person before. *ledger.Ledger is one.
type Histories interface {
	// PersonHistory is what was known of a person before, the oldest first. PERSON_UNKNOWN.
	PersonHistory(ctx context.Context, person settle.PersonID) ([]settle.PersonBefore, error)
}

// History is what was known before of the holder of the card now in the terminal's reader; each look is remembered. The
// codes of the card, PERSON_UNKNOWN, STORE_BROKEN.
func (s *Session) History(ctx context.Context, from Histories, pos, terminal string) ([]settle.PersonBefore, error) {
	a := attempt{pos: pos, terminal: terminal}
	who, err := s.ownCard(ctx, a, 0)
	if err != nil {
		return nil, err
	}
	list, err := from.PersonHistory(ctx, who.person.ID)
	if err == nil {
		err = who.confirm()
	}
	if err != nil {
		return nil, refusal(err)
	}
	s.remember(ctx, HistoryViewed, a, who, nil)
	return list, nil
}
