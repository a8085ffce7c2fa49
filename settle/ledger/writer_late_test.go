package ledger

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestOneReportWaitsForNobody: a report that comes alone is written at once, also where the one before it met somebody at the
// counter; in a backlog it waits for company.
func TestOneReportWaitsForNobody(t *testing.T) {
	report, till := &request{late: true}, &request{}
	for _, c := range []struct {
		name   string
		before []*request
		waits  time.Duration
	}{
		{"after one alone", []*request{report}, 0},
		{"after one that met a till", []*request{report, till}, 0},
		{"in a backlog", []*request{report, report}, lateWait},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &writer{queue: make(chan *request), late: make(chan *request)}
				w.gather(c.before)
				began := time.Now()
				if got := w.gather([]*request{report}); len(got) != 1 {
					t.Errorf("%d requests", len(got))
				}
				if waited := time.Since(began); waited != c.waits {
					t.Errorf("it waited for %s, not %s", waited, c.waits)
				}
			})
		})
	}
}
