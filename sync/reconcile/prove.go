package reconcile

import (
	"context"
	"errors"
	"time"

	"gongji/settle"
	"gongji/sync/nhsa"
)

// Question asks what became of a message whose outcome is open.
type Question struct {
	Dispatch settle.Dispatch // 2102, 2103, 2207 or 2208
	Identity settle.Identity
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

// Prove resolves a message by the day's 3202. The errors are those of [Runner.Day]; they prove nothing.
func (r *Runner) Prove(ctx context.Context, q Question) (Proof, error) {
	now := r.options.Clock()
	if q.Dispatch.SentAt.IsZero() || now.Sub(q.Dispatch.SentAt) < r.options.ProofAfter {
		return Proof{}, nil
	}
	// The centre may have booked it across midnight, or by a clock of its own.
	begin, end := settle.DateOf(q.Dispatch.SentAt.Add(-time.Hour)), settle.DateOf(q.Dispatch.SentAt.Add(r.options.ProofAfter+time.Hour))
	offices, err := r.options.Store.ClearingOffices(ctx, q.Identity.Area)
	if err != nil || len(offices) == 0 {
		return Proof{}, err
	}
	rows, err := r.options.Store.BookedRows(ctx, begin, end)
	if err != nil {
		return Proof{}, err
	}
	proof := Proof{Verdict: Absent}
	for _, office := range offices {
		results, file, err := r.details(ctx, office, begin, end, ofOffice(rows, office))
		if err != nil {
			return Proof{}, err
		}
		proof.File = file
		found, sure := search(results, q.Dispatch.MsgID)
		if found != nil {
			proof.Verdict = Present
			proof.Booking, err = r.booking(ctx, q, found)
			return proof, err
		}
		if !sure {
			proof.Verdict = Open
		}
	}
	return proof, nil
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
