package ledger

import (
	"context"
	"database/sql"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"gongji/settle"
)

// RecordReconciliation keeps the outcome of a day, replacing an earlier one of the same day. A difference that needs a
// person is put on the work list, once: one that was there before keeps its item, be it open or decided, and the item of
// one that is gone is closed. STORE_BROKEN, STORE_FULL.
func (l *Ledger) RecordReconciliation(ctx context.Context, r settle.Reconciliation) error {
	return l.write(ctx, func(t *tx) error {
		sealed, err := l.vault().sealJSON(KindNote, r)
		if err != nil {
			return err
		}
		err = t.run(`INSERT INTO reconciliation (day, at, balanced, doc) VALUES (?, ?, ?, ?)
			ON CONFLICT (day) DO UPDATE SET at = excluded.at, balanced = excluded.balanced, doc = excluded.doc`,
			r.Day, millis(r.At), r.Balanced, sealed)
		if err != nil {
			return err
		}
		return t.replaceDifferences(&r)
	})
}

// Reconciliation is the latest outcome of a day; NOT_FOUND where there is none.
func (l *Ledger) Reconciliation(ctx context.Context, day settle.Date) (r settle.Reconciliation, err error) {
	err = l.read(ctx, func(t *tx) error {
		var sealed []byte
		if err := t.get("SELECT doc FROM reconciliation WHERE day = ?", []any{day}, &sealed); err != nil {
			return notFound(err)
		}
		return l.vault().unsealJSON(KindNote, sealed, &r)
	})
	return r, err
}

// differenceKey tells the differences of a day apart.
type differenceKey struct {
	setlID string
	kind   settle.DifferenceKind
}

func (t *tx) replaceDifferences(r *settle.Reconciliation) error {
	before := map[differenceKey]sql.NullInt64{}
	err := t.each("SELECT setl_id, kind, attention FROM difference WHERE day = ?", []any{r.Day}, func(scan func(dest ...any) error) error {
		var key differenceKey
		var attention sql.NullInt64
		err := scan(&key.setlID, &key.kind, &attention)
		before[key] = attention
		return err
	})
	if err != nil {
		return err
	}
	if err := t.run("DELETE FROM difference WHERE day = ?", r.Day); err != nil {
		return err
	}
	written := map[differenceKey]bool{}
	for i := range r.Differences {
		d := &r.Differences[i]
		key := differenceKey{d.SetlID, d.Kind}
		if written[key] {
			continue
		}
		written[key] = true
		attention := before[key]
		if d.Sure {
			attention = sql.NullInt64{} // what the rules decide is no person's work
		} else {
			delete(before, key)
		}
		if err := t.addDifference(r.Day, d, attention, r.At); err != nil {
			return err
		}
	}
	for _, attention := range before {
		if err := t.run("UPDATE attention SET closed = ?, closed_by = 'gongjid' WHERE id = ? AND closed IS NULL", millis(r.At), attention); err != nil {
			return err
		}
	}
	return nil
}

// addDifference writes a difference, with a new item on the work list where it needs a person and has none.
func (t *tx) addDifference(day settle.Date, d *settle.ReconcileDifference, attention sql.NullInt64, at time.Time) error {
	if !d.Sure && !attention.Valid {
		kind := AttentionOneSided
		if d.Kind == settle.Different {
			kind = AttentionAdjusted
		}
		sealed, err := t.vault().sealJSON(KindNote, d)
		if err != nil {
			return err
		}
		// The item belongs to no report: what becomes of a report does not decide it.
		attention.Int64, err = t.insert(`INSERT INTO attention (kind, settlement, opened, detail)
			VALUES (?, (SELECT id FROM settlement WHERE ref = ?), ?, ?)`, kind, d.Settlement, millis(at), sealed)
		if err != nil {
			return err
		}
		attention.Valid = true
	}
	return t.run("INSERT INTO difference (day, setl_id, kind, attention) VALUES (?, ?, ?, ?)",
		day, d.SetlID, d.Kind, attention)
}

// differing is the gauge of differences, read when it is asked for.
type differing struct{ ledger *Ledger }

var differencesDesc = prometheus.NewDesc("gongji_reconcile_differences",
	"Rows that the latest reconciliation of their day found different at the centre and that nobody has decided.", nil, nil)

// Describe implements prometheus.Collector.
func (d *differing) Describe(ch chan<- *prometheus.Desc) { ch <- differencesDesc }

// Collect implements prometheus.Collector. A database that does not answer is a scrape error, not a wrong number.
func (d *differing) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	var count int
	err := d.ledger.read(ctx, func(t *tx) error {
		return t.get(`SELECT COUNT(*) FROM difference f LEFT JOIN attention a ON a.id = f.attention
			WHERE f.attention IS NULL OR a.closed IS NULL`, nil, &count)
	})
	if err != nil {
		ch <- prometheus.NewInvalidMetric(differencesDesc, err)
		return
	}
	ch <- prometheus.MustNewConstMetric(differencesDesc, prometheus.GaugeValue, float64(count)) //nolint:forbidigo // a count in a metric
}
