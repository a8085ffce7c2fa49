package session

import (
	"context"
	"errors"
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

// refuse counts a refusal of the card and records a mismatch. It returns err.
func (s *Session) refuse(ctx context.Context, a attempt, who holder, err error) error {
	s.metrics.count(err)
	if !isCode(err, settle.PersonCardMismatch) || who.held.reader == nil {
		return err
	}
	s.o.Logger.Warn("card is not the patient's", "terminal", a.terminal, "reader", who.held.reader.Name, "seq", who.seq)
	recorder, offered := s.o.Ledger.(IncidentRecorder)
	if !offered {
		return err
	}
	var e *settle.Error
	differs := ""
	if errors.As(err, &e) {
		differs, _ = e.Members["differs"].(string)
	}
	if failed := recorder.RecordIncident(ctx, string(settle.PersonCardMismatch), map[string]string{
		"pos": a.pos, "terminal": a.terminal, "operator": a.operator, "subject": a.subject, "reader": who.held.reader.Name,
		"seq": strconv.FormatUint(who.seq, 10), "card_hash": who.cardHash, "differs": differs,
	}); failed != nil {
		// The refusal stands whether or not it could be written down.
		s.o.Logger.Error("refused card could not be recorded", "code", settle.CodeOf(failed))
	}
	return err
}
