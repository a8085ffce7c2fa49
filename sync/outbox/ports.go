package outbox

import (
	"context"
	"time"

	"gongji/settle"
	"gongji/sync/reconcile"
)

// Store is the durable side of the outbox. *ledger.Ledger is one. Every method that changes something returns after it
// is on disk.
type Store interface {
	// RecoverDispatches marks every dispatch that was sent and never ended as unknown, and its report too. It is
	// called once at start and returns how many there were.
	RecoverDispatches(ctx context.Context) (int, error)
	// DueDossiers lists, oldest first and at most n, the oldest unfinished report of each person whose time has come, with what
	// its next message needs, except those named. A person whose oldest report waits has none in the list: order is kept per
	// person. A report that cannot be read comes without its dossier.
	DueDossiers(ctx context.Context, now time.Time, n int, except []int64) ([]settle.DueReport, error)
	// NextDue is when the next unfinished report may be tried; zero when there is none.
	NextDue(ctx context.Context) (time.Time, error)
	// Dossier gathers what a report's next message needs.
	Dossier(ctx context.Context, report int64) (settle.Dossier, error)
	// NextMessageSerial is the next number of a counter that survives restarts; it may skip numbers, never repeat one.
	NextMessageSerial(ctx context.Context) (uint64, error)
	// BeginDispatch writes a message to the journal as sent. Only after it has returned may the message leave. An error of
	// settle.ErrMoved says that the report is not as its dossier has it.
	BeginDispatch(ctx context.Context, d settle.Dispatch) error
	// FinishDispatch writes the outcome and moves the report, in one transaction.
	FinishDispatch(ctx context.Context, r settle.DispatchResult) error
	// PostponeReport moves a report to later without a message (nothing could be built, or it must wait).
	PostponeReport(ctx context.Context, report int64, until time.Time, state settle.ReportState, fault string, done bool) error
	// OutboxTotals counts the outbox for the metrics.
	OutboxTotals(ctx context.Context) (settle.OutboxTotals, error)
}

// Uploads is the durable side of the uploads of goods. *ledger.Ledger is one. Every method that changes something
// returns after it is on disk.
type Uploads interface {
	// DueUploads lists, at most n, the oldest unfinished upload of each settlement whose time has come.
	DueUploads(ctx context.Context, now time.Time, n int) ([]settle.Upload, error)
	// UploadDossier gathers what an upload's next message needs.
	UploadDossier(ctx context.Context, id int64) (settle.UploadDossier, error)
	// BeginUpload writes a message to the journal as sent. Only after it has returned may the message leave.
	BeginUpload(ctx context.Context, m settle.UploadMessage) error
	// FinishUpload writes the outcome, what became of each row, and the upload's state, in one transaction.
	FinishUpload(ctx context.Context, r settle.UploadResult) error
}

// Prover finds out by reconciliation what became of a message that is open. *reconcile.Runner is one. An error proves
// nothing.
type Prover interface {
	Prove(ctx context.Context, q reconcile.Question) (reconcile.Proof, error)
}

var _ Prover = (*reconcile.Runner)(nil)
