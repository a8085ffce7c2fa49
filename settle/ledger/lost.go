package ledger

import (
	"context"
	"database/sql"
	"errors"

	"gongji/settle"
)

// lostRow is a message that the centre accepted and that its book does not have any more, as after a restore to a moment
// before it: a comparison of the rows (3202) has said so.
type lostRow struct {
	msgid  string
	report int64
}

// lostBehind finds the message behind an item about a row that only this venue has. It is the one that booked the row, of the
// settlement's newest report, and a sale or the return of a whole one: what is made of several rows is for a person to take up
// with the centre. found is false for every other item.
func (t *tx) lostBehind(i *openItem) (row lostRow, found bool, err error) {
	if i.kind != AttentionOneSided || !i.settlement.Valid {
		return row, false, nil
	}
	var setlID string
	err = t.get("SELECT setl_id FROM difference WHERE attention = ? AND kind = ?", []any{i.id, settle.VenueOnly}, &setlID)
	if errors.Is(err, errNoRows) {
		return row, false, nil
	}
	if err != nil {
		return row, false, err
	}
	var record sql.NullInt64
	err = t.get(`SELECT d.msgid, d.report, d.record FROM report r JOIN dispatch d ON d.report = r.id
		WHERE r.id = (SELECT MAX(id) FROM report WHERE settlement = ?) AND r.kind IN (?, ?) AND r.done = 1 AND d.state = 'accepted' AND d.infno IN ('2102', '2103', '2207', '2208')
		ORDER BY d.record DESC LIMIT 1`, []any{i.settlement, settle.ReportSettle, settle.ReportReverse}, &row.msgid, &row.report, &record)
	if errors.Is(err, errNoRows) || err == nil && !record.Valid {
		return row, false, nil
	}
	if err != nil {
		return row, false, err
	}
	booking, err := t.bookingOf(record.Int64)
	return row, err == nil && booking.SetlID == setlID, err
}

// LostSale is what an item about a row that only this venue has would send again, with the message whose absence at the centre
// must be proved first; is is false for every other item. NOT_FOUND where the item is not open; STORE_BROKEN.
func (l *Ledger) LostSale(ctx context.Context, attention int64) (d settle.Dossier, message settle.Dispatch, is bool, err error) {
	err = l.read(ctx, func(t *tx) error {
		item, err := t.openItem(attention)
		if err != nil {
			return err
		}
		row, found, err := t.lostBehind(&item)
		if err != nil || !found {
			return err
		}
		if d, err = t.dossier(row.report); err != nil {
			return err
		}
		for _, m := range d.Journal {
			if m.MsgID == row.msgid {
				message, is = m, true
			}
		}
		return nil
	})
	return d, message, is, storeError(err)
}

// provedLost is who undid a message whose absence the comparison of rows has proved.
const provedLost = "3202"

// reportLost sends such a report again, under a new msgid: the message counts as undone, what it moved is not contained in the
// centre's figures any more, and the report waits for the outbox.
func (t *tx) reportLost(row lostRow, at int64) error {
	if err := t.undo(row.msgid, provedLost); err != nil {
		return err
	}
	t.batch.after = append(t.batch.after, t.ledger.wakeOutbox)
	return t.run("UPDATE report SET state = ?, done = 0, next = ?, attempts = 0, fault = '' WHERE id = ?", settle.ReportPending, at, row.report)
}
