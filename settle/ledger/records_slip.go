package ledger

import "context"

// CountSlip notes that a slip is printed and returns how many times it has been, this one included: 1 is the original, each
// higher number a copy (S-223, S-237). form is what was printed: text, escpos or pdf. STORE_FULL, STORE_BROKEN.
func (l *Ledger) CountSlip(ctx context.Context, receipt, pos, form string) (n int, err error) {
	at := millis(l.options.Clock())
	err = l.write(ctx, func(t *tx) error {
		return t.get(`INSERT INTO slip (receipt, n, at, pos, form)
			SELECT ?1, COALESCE(MAX(n), 0) + 1, ?2, ?3, ?4 FROM slip WHERE receipt = ?1 RETURNING n`, []any{receipt, at, pos, form}, &n)
	})
	return n, err
}

// SlipCount is how many times a slip was printed.
func (l *Ledger) SlipCount(ctx context.Context, receipt string) (n int, err error) {
	err = l.read(ctx, func(t *tx) error {
		return t.get("SELECT COALESCE(MAX(n), 0) FROM slip WHERE receipt = ?", []any{receipt}, &n)
	})
	return n, err
}
