package session

import (
	"context"
	"errors"
	"slices"
	"strconv"

	"gongji/settle"
)

// IncidentRecorder is what a ledger offers that keeps refused attempts (人卡不一致) in its audit record. The detail holds
// ids, codes and keyed hashes, never an identity.
type IncidentRecorder interface {
	RecordIncident(ctx context.Context, kind string, detail map[string]string) error
}

// attempt is who tried what, for the incident record.
type attempt struct {
	pos, terminal, operator, subject string // subject: sale or return id
}

// personal are the reasons that say something of the people at the counter: an attempt to be remembered, not a mistake of
// typing (rules page 4.3; S-138).
var personal = []settle.Reason{
	settle.EPatientBlocked, settle.ECardOwnerMismatch, settle.EProxyDocs, settle.EProxyTooManyCards, settle.ERxPerson, settle.EGuardian,
	settle.ECredentialKind, settle.EFaceRequired, settle.EBindingActor,
}

// refuse counts a refusal of the card and records what must be remembered: a card that is not the right one or that its owner has
// lost, a person who may not act so. It returns err.
func (s *Session) refuse(ctx context.Context, a attempt, who holder, err error) error {
	s.metrics.count(err)
	if who.held.reader == nil {
		return err
	}
	kind := string(settle.ReasonOf(err))
	switch {
	case isCode(err, settle.PersonCardMismatch):
		kind = string(settle.PersonCardMismatch)
		s.o.Logger.Warn("card is not the patient's", "terminal", a.terminal, "reader", who.held.reader.Name, "seq", who.seq)
	case isCode(err, settle.CardReportedLost): // somebody shows it all the same
		kind = string(settle.CardReportedLost)
	case !slices.Contains(personal, settle.Reason(kind)):
		return err
	}
	s.remember(ctx, kind, a, who, err)
	return err
}

// remember writes an incident, where the ledger keeps them.
func (s *Session) remember(ctx context.Context, kind string, a attempt, who holder, err error) {
	recorder, offered := s.o.Ledger.(IncidentRecorder)
	if !offered {
		return
	}
	var e *settle.Error
	differs := ""
	if errors.As(err, &e) {
		differs, _ = e.Members["differs"].(string)
	}
	if failed := recorder.RecordIncident(ctx, kind, map[string]string{
		"pos": a.pos, "terminal": a.terminal, "operator": a.operator, "subject": a.subject, "reader": who.held.reader.Name,
		"seq": strconv.FormatUint(who.seq, 10), "card_hash": who.cardHash, "person": string(who.person.ID), "differs": differs,
	}); failed != nil {
		// The refusal stands whether or not it could be written down.
		s.o.Logger.Error("refused card could not be recorded", "code", settle.CodeOf(failed))
	}
}
