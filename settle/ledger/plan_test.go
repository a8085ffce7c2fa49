package ledger

import (
	"context"
	"errors"
	"strings"
	"testing"

	"gongji/settle"
)

// TestNoStatementScansATable settles, returns, reports and looks up, and asks SQLite how it would run every statement
// that took: with ten million accounts a scan would stop the counter.
func TestNoStatementScansATable(t *testing.T) {
	h, sold := busy(t)
	order := h.order(h.patient, line("1", 10))
	order.Offline = true
	h.settle(order)
	h.request(h.bindOrder("Q1", h.stranger, h.patient, settle.Sibling))
	h.pay(h.premiumOrder("P1", h.spouse, h.child, 100))
	if _, _, err := h.CancelPremium(t.Context(), h.cancelOrder("X1", "P1", h.spouse)); err != nil {
		t.Fatal(err)
	}
	h.apply(h.next("S-2", noon))
	if _, err := h.Settlement(t.Context(), sold[0].ID); err != nil {
		t.Fatal(err)
	}
	h.wantAvailable(h.patient, h.available(h.patient))
	if err := h.write(t.Context(), func(t *tx) error { return t.allowancesLeft(new(settle.Fen)) }); err != nil { // at every scrape
		t.Fatal(err)
	}
	if err := h.write(t.Context(), func(t *tx) error { // of each record, once a day
		v := &verifier{tx: t, trusted: true}
		return errors.Join(v.loadEnd(), v.walk(context.Background(), func(int, int) {}))
	}); err != nil {
		t.Fatal(err)
	}
	explained := 0
	for query, inputs := range h.writer.conn.Texts() {
		if word, _, _ := strings.Cut(strings.TrimSpace(query), " "); !strings.Contains("SELECT INSERT UPDATE DELETE", word) {
			continue
		}
		explained++
		err := h.write(t.Context(), func(t2 *tx) error {
			return t2.each("EXPLAIN QUERY PLAN "+query, make([]any, inputs), func(scan func(dest ...any) error) error {
				var id, parent, unused int
				var detail string
				if err := scan(&id, &parent, &unused, &detail); err != nil {
					return err
				}
				if strings.HasPrefix(detail, "SCAN") && !strings.Contains(detail, "INDEX report_open") && !strings.Contains(detail, "INDEX request_open") &&
					!strings.Contains(detail, "CONSTANT ROW") && !strings.Contains(detail, "VALUES CLAUSE") {
					t.Errorf("%s:\n%s", detail, query)
				}
				return nil
			})
		})
		if err != nil {
			t.Fatalf("%v:\n%s", err, query)
		}
	}
	if explained < 30 {
		t.Errorf("explained %d statements only", explained)
	}
}
