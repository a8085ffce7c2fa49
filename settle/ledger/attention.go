package ledger

import (
	"context"
	"errors"
	"strconv"
	"time"

	"gongji/settle"
)

// AttentionKind is why something waits for a person.
type AttentionKind = settle.AttentionKind

// The kinds of attention.
const (
	AttentionRefused  AttentionKind = "refused"   // the centre refused a report
	AttentionUnknown  AttentionKind = "unknown"   // nobody knows yet whether the centre booked it
	AttentionAdjusted AttentionKind = "adjusted"  // the centre booked other figures, or confirmed another binding
	AttentionHeld     AttentionKind = "held"      // a report ended without an answer
	AttentionOneSided AttentionKind = "one_sided" // booked on one side only, found by reconciliation
	AttentionAgency   AttentionKind = "agency"    // money of a closed account came back: the agency must settle it
	AttentionGoods    AttentionKind = "goods"     // rows of an upload of trace codes were refused
)

// AttentionKinds lists the kinds in a fixed order.
var AttentionKinds = []AttentionKind{
	AttentionRefused, AttentionUnknown, AttentionAdjusted, AttentionHeld, AttentionOneSided, AttentionAgency, AttentionGoods,
}

// Attention is one item on the work list.
type Attention = settle.Attention

// attentionOf is what a report's state asks of a person; empty for nothing.
func attentionOf(state settle.ReportState, done bool) AttentionKind {
	switch {
	case state == settle.ReportRefused:
		return AttentionRefused
	case state == settle.ReportUnknown:
		return AttentionUnknown
	case state == settle.ReportAdjusted:
		return AttentionAdjusted
	case state == settle.ReportPending && done:
		return AttentionHeld
	}
	return ""
}

// raiseAttention opens the item that a report's state calls for and closes those that it has answered. An adjustment
// stays open until a person has seen it, and so does what the agency must settle.
func (t *tx) raiseAttention(report int64, state settle.ReportState, done bool, detail string, at time.Time) error {
	kind := attentionOf(state, done)
	err := t.run(`UPDATE attention SET closed = ?, closed_by = 'gongjid' WHERE report = ? AND closed IS NULL
		AND kind NOT IN (?, ?, ?)`, millis(at), report, kind, AttentionAdjusted, AttentionAgency)
	if err != nil || kind == "" {
		return err
	}
	if err := t.openAttention(report, kind, detail, at); err != nil || kind != AttentionRefused {
		return err
	}
	return t.endsAgreed(at)
}

// openAttention puts an item about a report on the work list; one of its kind that is open takes the new detail.
func (t *tx) openAttention(report int64, kind AttentionKind, detail string, at time.Time) error {
	return t.run(`INSERT INTO attention (kind, settlement, report, opened, detail)
		SELECT ?, settlement, id, ?, ? FROM report WHERE id = ?
		ON CONFLICT (kind, report) WHERE closed IS NULL DO UPDATE SET detail = excluded.detail`,
		kind, millis(at), t.vault().seal(KindNote, []byte(detail)), report)
}

// handOver puts money that came back to closed accounts on the work list: it is not paid out at the counter, the agency
// settles it with whoever the account belongs to now (rules page 5.3; S-200, S-203).
func (t *tx) handOver(report int64, postings []settle.Posting, at time.Time) error {
	var sum settle.Fen
	for i := range postings {
		if postings[i].Pot == settle.PotAgency {
			sum -= postings[i].Amount
		}
	}
	if sum <= 0 {
		return nil
	}
	return t.openAttention(report, AttentionAgency, "账户已注销或持有人已故，退回的 "+sum.String()+" 元须由医保经办机构处理，不得付现金", at)
}

// AttentionList are the open items, oldest first, at most limit.
func (l *Ledger) AttentionList(ctx context.Context, limit int) (list []Attention, err error) {
	err = l.read(ctx, func(t *tx) error {
		err := t.each("SELECT a.id, a.kind, COALESCE(s.ref, ''), "+subjectID+`, COALESCE(a.report, 0), COALESCE(r.kind, ''), a.opened, a.detail
			FROM attention a LEFT JOIN settlement s ON s.id = a.settlement LEFT JOIN report r ON r.id = a.report `+subjectTables+`
			WHERE a.closed IS NULL ORDER BY a.id LIMIT ?`, []any{limit},
			func(scan func(dest ...any) error) error {
				var a Attention
				var opened int64
				var sealed []byte
				if err := scan(&a.ID, &a.Kind, &a.Settlement, &a.Return, &a.Report, &a.ReportKind, &opened, &sealed); err != nil {
					return err
				}
				detail, err := l.vault().unseal(KindNote, sealed)
				a.OpenedAt, a.Detail = instant(opened), string(detail)
				list = append(list, a)
				return err
			})
		if err != nil {
			return err
		}
		return t.fillStakes(list)
	})
	return list, err
}

// CloseAttention is Decide where nothing follows from the decision: a person (who: the operator's id) has seen it.
func (l *Ledger) CloseAttention(ctx context.Context, id int64, who, note string) error {
	return l.Decide(ctx, settle.AttentionOrder{ID: id, Operator: settle.Operator{ID: who}, Note: note})
}

// Incident is one line of the audit record.
type Incident = settle.Incident

// RecordIncident writes a refused attempt (人卡不一致) into the audit record. Of detail the keys pos, reader, card_hash
// and person (a PersonID) can be searched for; all of it is kept, sealed.
func (l *Ledger) RecordIncident(ctx context.Context, kind string, detail map[string]string) error {
	sealed, err := l.vault().sealJSON(KindNote, detail)
	if err != nil {
		return settle.NewError(settle.StoreBroken, err)
	}
	at := l.options.Clock()
	return l.write(ctx, func(t *tx) error {
		var person any
		if pid, ok := t.vault().pid(settle.PersonID(detail["person"])); ok {
			row, err := t.personBy("pid = ?", pid)
			if err == nil {
				person = row.key
			} else if !errors.Is(err, errNoRows) {
				return err
			}
		}
		return t.run("INSERT INTO incident (at, kind, person, card, reader, pos, detail) VALUES (?, ?, ?, ?, ?, ?, ?)",
			millis(at), kind, person, t.vault().sealHash(detail["card_hash"]), detail["reader"], detail["pos"], sealed)
	})
}

// Incidents are the incidents since a time, oldest first, at most limit.
func (l *Ledger) Incidents(ctx context.Context, since time.Time, limit int) (list []Incident, err error) {
	err = l.read(ctx, func(t *tx) error {
		return t.each(`SELECT i.at, i.kind, p.pid, i.card, i.reader, i.pos, i.detail FROM incident i
			LEFT JOIN person p ON p.id = i.person WHERE i.at >= ? ORDER BY i.at, i.id LIMIT ?`, []any{millis(since), limit},
			func(scan func(dest ...any) error) error {
				var i Incident
				var at int64
				var pid, card, sealed []byte
				if err := scan(&at, &i.Kind, &pid, &card, &i.Reader, &i.POS, &sealed); err != nil {
					return err
				}
				if pid != nil {
					i.Person = t.vault().personID(pid)
				}
				i.At = instant(at)
				var err error
				if i.CardHash, err = t.vault().openHash(card); err != nil {
					return err
				}
				list = append(list, i)
				return t.vault().unsealJSON(KindNote, sealed, &list[len(list)-1].Detail)
			})
	})
	return list, err
}

// noteMismatch remembers a card that only the ledger found not to be the patient's. That it could not be written down
// must not hide the refusal.
func (l *Ledger) noteMismatch(ctx context.Context, order *settle.SettleOrder) {
	err := l.RecordIncident(ctx, string(settle.PersonCardMismatch), map[string]string{
		"person": string(order.Sale.Patient), "card_hash": order.Presence.CardHash, "reader": order.Presence.Reader,
		"seq": strconv.FormatUint(order.Presence.Seq, 10), "pos": order.Sale.POS, "terminal": order.Sale.Terminal,
		"operator": order.Sale.Operator.ID, "subject": order.Sale.ID,
	})
	if err != nil {
		l.log.Error("a card that is not the patient's could not be recorded", "error", err.Error())
	}
}
