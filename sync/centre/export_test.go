package centre

import (
	"testing"
	"time"

	"gongji/settle"
)

// GiversOf are the standing bindings for a patient today, in paying order.
func GiversOf(t *testing.T, c *Centre, patient string) (list []settle.SnapshotBinding) {
	t.Helper()
	err := c.within(t.Context(), "", func(w *work) error {
		list = nil
		for _, b := range w.givers(patient, settle.DateOf(time.Now())) {
			list = append(list, b.SnapshotBinding)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// PremiumsPaid is what contributions that stand have taken from each account.
func PremiumsPaid(c *Centre) map[string]settle.Fen {
	paid := map[string]settle.Fen{}
	c.view(0, func(w *work) {
		for _, p := range w.premiums.rows {
			for _, pay := range p.Pays {
				if !p.Cancelled {
					paid[pay.PsnNo] += pay.Amount
				}
			}
		}
	}, func(w *work) []shelf { return []shelf{w.premiums} })
	return paid
}
