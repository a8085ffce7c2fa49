package centre

import "gongji/settle"

// tally is what a piece of work has done to the book, for the metrics: it counts when the work is on disk or committed, and
// not what a transaction did that started again.
type tally struct {
	settled, cancelled, undone, repeated        int
	granted, spent, refilled, returned, expired settle.Fen // of allowances
}

// took forgets what was counted and hands it on.
func (w *work) took() tally {
	t := w.tally
	w.tally = tally{}
	return t
}

func (m *metrics) count(t tally) {
	for of, n := range map[string]int{bookedSettled: t.settled, bookedCancelled: t.cancelled, bookedUndone: t.undone} {
		m.booked.WithLabelValues(of).Add(float64(n))
	}
	m.repeated.Add(float64(t.repeated))
	for of, amount := range map[string]settle.Fen{
		allowanceGranted: t.granted, allowanceSpent: t.spent, allowanceRefilled: t.refilled, allowanceReturned: t.returned, allowanceExpired: t.expired,
	} {
		m.allowances.WithLabelValues(of).Add(float64(amount) / 100) // yuan, as every money metric
	}
}
