package ledger

import (
	"context"

	"gongji/settle"
)

// maxRepeats is how many patterns one answer has.
const maxRepeats = 500

// Repeats are the patterns of a period in which a person was sold the same goods in at least so many bills of one day, latest
// day first, at most 500. STORE_BROKEN.
func (l *Ledger) Repeats(ctx context.Context, from, to settle.Date, least int) (list []settle.RepeatedPurchase, err error) {
	err = l.read(ctx, func(t *tx) error {
		return t.each(`SELECT q.day, q.masked, q.code, q.sales, q.total, l.ref FROM (
			SELECT s.day, p.masked, n.code, COUNT(DISTINCT s.id) AS sales, SUM(n.total) AS total, MAX(s.id) AS last, s.person FROM settlement s JOIN line n ON n.settlement = s.id JOIN person p ON p.id = s.person
			WHERE s.day BETWEEN ? AND ? AND s.shop NOT IN ('reversed', 'refunded')
			GROUP BY s.day, s.person, n.code HAVING COUNT(DISTINCT s.id) >= ?) q
			JOIN settlement l ON l.id = q.last ORDER BY q.day DESC, q.sales DESC, q.code, q.person LIMIT ?`,
			[]any{from, to, least, maxRepeats}, func(scan func(dest ...any) error) error {
				var r settle.RepeatedPurchase
				if err := scan(&r.Day, &r.Masked, &r.Code, &r.Sales, &r.Amount, &r.Last); err != nil {
					return err
				}
				list = append(list, r)
				return nil
			})
	})
	return list, err
}
