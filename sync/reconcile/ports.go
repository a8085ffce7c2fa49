package reconcile

import (
	"context"

	"gongji/settle"
)

// Store is what the reconciliation needs of the ledger.
type Store interface {
	// BookedRows lists what the centre has acknowledged on the days from begin to end, by its setl_time, both
	// included: settlements, and each accepted cancellation as a row of its own with negative figures. What a confirmed
	// 2601 undid is left out.
	BookedRows(ctx context.Context, begin, end settle.Date) ([]Row, error)
	// UnknownDispatches lists the messages of those days that change the centre's book and whose outcome is open.
	UnknownDispatches(ctx context.Context, begin, end settle.Date) ([]Unknown, error)
	// ClearingOffices lists every office (clr_optins) at which people insured in the area can be cleared, from what the
	// centre has answered before or from the configuration. None: absence can never be proved for them.
	ClearingOffices(ctx context.Context, area string) ([]string, error)
	// RecordReconciliation keeps the outcome of a day, replacing an earlier one of the same day.
	RecordReconciliation(ctx context.Context, r settle.Reconciliation) error
}

// Row is one row of the venue's book as the centre acknowledged it.
type Row = settle.BookedRow

// Unknown is a message whose outcome is open.
type Unknown = settle.OpenDispatch
