package ledger

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"

	"gongji/settle"
)

// deciding picks the requests that the centre has and has not decided about; they are asked about again now and then.
const deciding = `(o.kind = 'binding' AND EXISTS (SELECT 1 FROM dispatch a WHERE a.report = o.id AND a.state = 'accepted'))`

// atHead keeps the order within a person: only the oldest unfinished report of each. A request that waits for the
// centre's decision holds nothing back; a report that is held for a person's decision (9223372036854775807, see restore.go)
// holds those behind it.
const atHead = ` r.done = 0 AND r.next <> 9223372036854775807 AND NOT EXISTS (SELECT 1 FROM report o WHERE o.person = r.person AND o.done = 0 AND o.id < r.id AND NOT ` + deciding + `)`

// horizon is farther than any pause of the worker. A report that waits beyond it was written while the PC's clock was
// ahead; holding it until then would hold everything behind it.
const horizon = time.Hour

// DueReports lists, oldest first and at most n, the oldest unfinished report of each person whose time has come. A
// person whose oldest report waits has none in the list: order is kept per person.
func (l *Ledger) DueReports(ctx context.Context, now time.Time, n int) (list []settle.Report, err error) {
	err = l.read(ctx, func(t *tx) error {
		return t.each("SELECT "+reportColumns+strings.Replace(reportTables, "report r", "report r INDEXED BY report_open_order", 1)+"WHERE"+atHead+" AND (r.next <= ? OR r.next > ?) ORDER BY r.id LIMIT ?",
			[]any{millis(now), millis(now.Add(horizon)), n}, func(scan func(dest ...any) error) error {
				report, err := t.scanReport(scan)
				list = append(list, report)
				return err
			})
	})
	return list, err
}

// NextDue is when the next unfinished report may be tried; zero when there is none. A report beyond the horizon is due
// already.
func (l *Ledger) NextDue(ctx context.Context) (next time.Time, err error) {
	err = l.read(ctx, func(t *tx) error {
		var ms sql.NullInt64
		err := t.get("SELECT MIN(r.next) FROM report r WHERE"+atHead, nil, &ms)
		next = instant(ms.Int64)
		if now := l.options.Clock(); next.After(now.Add(horizon)) {
			next = now
		}
		return err
	})
	return next, err
}

// DueDossiers lists, oldest first and at most n, the reports that DueReports would list, except those named, each with what its
// next message needs. It is one look at the database for all of them: every look after a commit begins with no page of it. A
// report that cannot be read comes without a dossier and keeps nobody else back.
func (l *Ledger) DueDossiers(ctx context.Context, now time.Time, n int, except []int64) (list []settle.DueReport, err error) {
	err = l.readLong(ctx, func(t *tx) error {
		if list, err = t.dueHeads(now, n, except); err != nil {
			return err
		}
		for i := range list {
			dossier, err := t.dossier(list[i].Report)
			var behind *behindError
			if errors.As(err, &behind) || isDamage(err) {
				return err
			}
			if err == nil {
				list[i].Dossier = &dossier
			}
		}
		return nil
	})
	return list, err
}

func (t *tx) dueHeads(now time.Time, n int, except []int64) (list []settle.DueReport, err error) {
	known := make(map[int64]bool, len(except))
	for _, id := range except {
		known[id] = true
	}
	err = t.each("SELECT r.id, p.pid FROM report r INDEXED BY report_open_order JOIN person p ON p.id = r.person WHERE"+atHead+
		" AND (r.next <= ? OR r.next > ?) ORDER BY r.id LIMIT ?", []any{millis(now), millis(now.Add(horizon)), n + len(except)},
		func(scan func(dest ...any) error) error {
			var due settle.DueReport
			var pid []byte
			err := scan(&due.Report, &pid)
			if due.Person = t.vault().personID(pid); !known[due.Report] && len(list) < n {
				list = append(list, due)
			}
			return err
		})
	return list, err
}
