package reconcile

import (
	"context"
	"errors"
	"sync"
	"time"

	"gongji/settle"
	"gongji/sync/nhsa"
)

// Question asks what became of a message whose outcome is open. All its times are the centre's: the PC's clock may be wrong
// by days, and a message that is "proved" absent while it is still on its way would be booked twice.
type Question struct {
	Dispatch settle.Dispatch // 2102, 2103, 2207 or 2208
	Identity settle.Identity
	// Refused is the centre's time in its first refusal of a 2601 of the message: by then the message had left for certain.
	// Zero where the centre told no time.
	Refused time.Time
	// UndoOpen says that a 2601 of it was not answered: while it may still arrive, a booking that is there is not there for
	// good. UndoRefused is the centre's time in the first refusal of another 2601 that left after it; zero: none has told one.
	UndoOpen    bool
	UndoRefused time.Time
}

// Verdict is what a proof says.
type Verdict int

// The verdicts.
const (
	Open    Verdict = iota // nothing is proved
	Absent                 // the centre has not booked it, and it is too late for it to arrive
	Present                // the centre has booked it
)

// Proof is the outcome of a question.
type Proof struct {
	Verdict Verdict
	Booking *settle.Booking // Present: as the centre has it; its figures are negative for a cancellation
	File    string          // the result file on which the verdict rests
}

// Prove resolves a message by the item results (3202) of the days on which the centre can have booked it. Nothing is proved
// before ProofAfter has passed on the centre's own clock since the message had certainly left; where the centre tells no
// times, since the first question about it in this process, by the monotonic clock. The errors are those of [Runner.Day];
// they prove nothing.
func (r *Runner) Prove(ctx context.Context, q Question) (Proof, error) {
	waited := r.waits.since(q.Dispatch.MsgID)
	now := r.options.Client.CentreNow()
	if !r.longAfter(q.Refused, now, waited) {
		return Proof{}, nil
	}
	offices, err := r.offices(ctx, q.Identity.Area)
	if err != nil || len(offices) == 0 {
		return Proof{}, err
	}
	begin, end := r.days(&q, now)
	rows, err := r.options.Store.BookedRows(ctx, begin, end)
	if err != nil {
		return Proof{}, err
	}
	proof := Proof{Verdict: Absent}
	for _, office := range offices {
		judged, err := r.details(ctx, office, begin, end, ofOffice(rows, office))
		if err != nil {
			return Proof{}, err
		}
		proof.File = judged.file
		found, sure := search(judged.rows, q.Dispatch.MsgID)
		if found != nil {
			if q.UndoOpen && !r.longAfter(q.UndoRefused, judged.at, waited) {
				return Proof{}, nil
			}
			proof.Verdict = Present
			proof.Booking, err = r.booking(ctx, q, found)
			return proof, err
		}
		if !sure || !r.longAfter(q.Refused, judged.at, waited) || settle.DateOf(judged.at) > end {
			proof.Verdict = Open
		}
	}
	if proof.Verdict == Absent {
		r.waits.forget(q.Dispatch.MsgID)
	}
	return proof, nil
}

// longAfter reports whether ProofAfter has passed at the centre between what it told then and what it told now; where it
// has not told both, whether that has been waited here.
func (r *Runner) longAfter(then, now time.Time, waited time.Duration) bool {
	if then.IsZero() || now.IsZero() {
		return waited >= r.options.ProofAfter
	}
	return now.Sub(then) >= r.options.ProofAfter
}

// farOff is how far the PC's clock is believed to be off where the centre has told no time.
const farOff = 72 * time.Hour

// days are those on which the centre can have booked the message: since it was sent, until now. The centre may put a row on
// a day by another clock of its own, hence the hour on both sides.
func (r *Runner) days(q *Question, now time.Time) (begin, end settle.Date) {
	from, until, pc := q.Dispatch.SentCentre.Add(-time.Hour), now.Add(time.Hour), r.options.Clock()
	if q.Dispatch.SentCentre.IsZero() {
		from = q.Dispatch.SentAt
		for _, other := range []time.Time{pc, now, q.Refused} {
			if !other.IsZero() && other.Before(from) {
				from = other
			}
		}
		from = from.Add(-farOff)
	}
	if now.IsZero() {
		until = pc
		if q.Dispatch.SentAt.After(until) {
			until = q.Dispatch.SentAt
		}
		until = until.Add(farOff)
	}
	return settle.DateOf(from), settle.DateOf(until)
}

// waits remembers since when there are questions about a message, by the monotonic clock. Safe for concurrent use.
type waits struct {
	mu    sync.Mutex
	first map[string]time.Time
}

// since is how long ago the first question about the message was; 0 for the first.
func (w *waits) since(msgid string) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	first, asked := w.first[msgid]
	if !asked {
		if w.first == nil {
			w.first = map[string]time.Time{}
		}
		first = time.Now()
		w.first[msgid] = first
	}
	return time.Since(first)
}

func (w *waits) forget(msgid string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.first, msgid)
}

// search finds the row under a msgid. A row that only the centre has and that names no msgid could be it, so that
// nothing is sure.
func search(results []nhsa.ResultRow, msgid string) (found *nhsa.ResultRow, sure bool) {
	sure = true
	for i := range results {
		switch {
		case results[i].MsgID == msgid && results[i].Result != nhsa.ResultVenueOnly:
			return &results[i], true
		case results[i].MsgID == "" && results[i].Result != nhsa.ResultVenueOnly && results[i].Result != nhsa.ResultEqual:
			sure = false
		}
	}
	return nil, sure
}

// booking looks up what a row of the result booked: the result does not tell own money from relatives'.
func (r *Runner) booking(ctx context.Context, q Question, row *nhsa.ResultRow) (*settle.Booking, error) {
	if row.PsnNo != q.Identity.PsnNo {
		return nil, settle.NewError(settle.UpstreamSilent, errors.New("the row under the msgid is another person's"))
	}
	answer, err := r.mustFor(ctx, nhsa.SettlementQuery{PsnNo: row.PsnNo, SetlID: row.SetlID, MdtrtID: row.MdtrtID}, q.Identity.Area)
	if err != nil {
		return nil, err
	}
	record, err := nhsa.DecodeSettlement(answer)
	if err != nil || record.Booking.SetlID != row.SetlID || record.PsnNo != row.PsnNo || record.Booking.MsgID != "" && record.Booking.MsgID != q.Dispatch.MsgID {
		return nil, settle.NewError(settle.UpstreamSilent, errors.Join(err, errors.New("5203 does not fit the row of 3202")))
	}
	record.Booking.MsgID = q.Dispatch.MsgID
	return &record.Booking, nil
}
