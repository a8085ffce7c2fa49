package feed

import (
	"context"

	"gongji/settle"
)

// Store takes snapshots. *ledger.Ledger is one.
type Store interface {
	// ApplySnapshot applies a snapshot in one transaction or not at all. A snapshot id that was applied before is a
	// no-op. Unknown people in bindings and accounts refuse the whole snapshot with BAD_REQUEST naming them by position.
	ApplySnapshot(ctx context.Context, s settle.Snapshot) error
	// FeedCursor is the cursor of the last applied delta page; empty at first.
	FeedCursor(ctx context.Context) (string, error)
}
