package ledger

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"gongji/settle"
)

// recordsEnv is how many settlements the search is measured over. A ledger of that many is generated first: ten million need
// some minutes and some gigabytes.
const recordsEnv = "GONGJI_BENCH_RECORDS"

// fillRecords multiplies one real settlement: every copy has rows of its own in each table that a search looks at, and the
// record of the original, which is read the same for all of them.
func (h *house) fillRecords(n int) {
	h.t.Helper()
	order := h.order(h.patient, line("1", 100))
	order.Sale.Prescription.Doctor = "欧阳明"
	s := h.settle(order)
	const batch = 200_000
	for from := 0; from < n; from += batch {
		err := h.write(h.t.Context(), func(t *tx) error {
			return t.multiply(s.ID, from, min(n, from+batch))
		})
		if err != nil {
			h.t.Fatal(err)
		}
	}
}

func (t *tx) multiply(ref string, from, to int) error {
	var key, record int64
	if err := t.get("SELECT id, record FROM settlement WHERE ref = ?", []any{ref}, &key, &record); err != nil {
		return err
	}
	// A year of days, fifty operators, five hundred goods, of which the last is rare.
	const numbers = `WITH RECURSIVE n(i) AS (SELECT ?1 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?2) `
	const day = `(20250000 + (1 + n.i * 12 / ?3) * 100 + 1 + n.i * 336 / ?3 % 28)`
	total, _ := strconv.Atoi(os.Getenv(recordsEnv))
	operators, err := t.manyWords(wordOperator, 50)
	if err != nil {
		return err
	}
	items, err := t.manyWords(wordItem, 500)
	if err != nil {
		return err
	}
	var original settlementRecord
	if err := t.record(record, &original); err != nil {
		return err
	}
	// What a page opens is measured over a real record; here it is kept short, or ten million of them fill the disk.
	original.Bill, original.Settlement.Plan = nil, settle.Plan{}
	doc, err := t.vault().sealJSON(KindRecord, original)
	if err != nil {
		return err
	}
	for _, statement := range []struct {
		text string
		args []any
	}{
		{`INSERT INTO chain (seq, kind, ref, doc, hash) SELECT 1000000 + n.i, 'settlement', '', ?3, x'' FROM n`, []any{doc}},
		{`INSERT INTO settlement (id, ref, pos, sale_id, receipt, person, at, day, med_type, med_group, disease, area, total, fund,
			own, shared, cash, shop, offline, at_risk, record)
			SELECT 1000000 + n.i, 'b' || n.i, s.pos, 'b' || n.i, 'b' || n.i, s.person, s.at, ` + day + `, s.med_type, s.med_group, s.disease,
			s.area, s.total, s.fund, s.own, s.shared, s.cash, s.shop, s.offline, s.at_risk, 1000000 + n.i
			FROM n CROSS JOIN settlement s WHERE s.record = ?4`, []any{total, record}},
		{`INSERT INTO report (kind, settlement, person, state, done, created, attempts, next, fault, amount, record)
			SELECT 'settle', 1000000 + n.i, s.person, 'accepted', 1, 0, 1, 0, '', 100, 1000000 + n.i
			FROM n CROSS JOIN settlement s WHERE s.record = ?3`, []any{record}},
		{`INSERT INTO found (word, day, settlement) SELECT ?4 + n.i % 50, ` + day + `, 1000000 + n.i FROM n`, []any{total, operators}},
		{`INSERT INTO found (word, day, settlement) SELECT ?4 + CASE WHEN n.i % 100000 = 7 THEN 499 ELSE n.i % 499 END, ` + day +
			`, 1000000 + n.i FROM n`, []any{total, items}},
	} {
		if err := t.run(numbers+statement.text, append([]any{from, to}, statement.args...)...); err != nil {
			return fmt.Errorf("%.40s: %w", statement.text, err)
		}
	}
	return nil
}

// manyWords are words with numbers in a row; it returns the first.
func (t *tx) manyWords(kind string, n int) (first int64, err error) {
	for i := range n {
		id, err := t.word(kind, fmt.Sprintf("%s-%04d", kind, i))
		if err != nil {
			return 0, err
		}
		if i == 0 {
			first = id
		}
	}
	return first, nil
}

// TestRecordPagesAreFast measures a page of every way over a generated ledger; it runs where GONGJI_BENCH_RECORDS says how many
// settlements (the promise: under 50 ms over ten million).
func TestRecordPagesAreFast(t *testing.T) {
	n, err := strconv.Atoi(os.Getenv(recordsEnv))
	if err != nil || n <= 0 {
		t.Skip("set " + recordsEnv + " to the number of settlements, such as 10000000")
	}
	h := newHouse(t)
	began := time.Now()
	h.fillRecords(n)
	t.Logf("%d settlements made in %s", n, time.Since(began).Round(time.Second))
	middle := place{20250614, 1_000_000 + int64(n)/2}
	for name, q := range map[string]settle.RecordQuery{
		"latest": {}, "middle": {Cursor: middle.cursor()}, "a day": {From: 20250310, To: 20250310}, "person": {Person: h.id(h.patient)},
		"operator": {Operator: "operator-0007"}, "operator, middle": {Operator: "operator-0007", Cursor: middle.cursor()},
		"item": {Words: "item-0011"}, "rare item": {Words: "item-0499"}, "all items": {Words: "item-"}, "item and operator": {Words: "item-0011", Operator: "operator-0007"},
		"refused": {State: "refused"}, "accepted": {State: "accepted"}, "reversed": {State: "reversed"}, "nothing": {Words: "nothing"}, "one": {Settlement: "b77"},
		"med_type": {MedType: "41"}, "rare med_type": {MedType: "99"}, "doctor": {Doctor: "欧阳"}, "pos of nobody": {POS: "nobody"},
	} {
		var times []time.Duration
		found := 0
		for range 7 {
			began := time.Now()
			page, err := h.Records(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			times, found = append(times, time.Since(began)), len(page.Records)
		}
		slices.Sort(times)
		t.Logf("%-18s %4d records, median %6.1f ms, worst %6.1f ms", name, found, ms(times[3]), ms(times[6]))
		if times[3] > 50*time.Millisecond {
			t.Errorf("%s: %s for a page", name, times[3])
		}
	}
	began = time.Now()
	if _, err := h.Report(t.Context(), 0, 0, settle.ByMonth); err != nil {
		t.Fatal(err)
	}
	t.Logf("report of everything by month: %s", time.Since(began).Round(time.Millisecond))
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
