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
