package settle

import "time"

// OfflineStanding is how much of what may be settled without the centre is used now, and what of it is open. It names
// nobody.
type OfflineStanding struct {
	Limits OfflineLimits // those that hold today: the tighter of configuration and region
	Used   OfflineState  // Age: of the ledger, not of one person; PersonTotal: of the person with most

	Outbox        OutboxTotals
	UnknownAmount Fen // account money of settlements whose booking is open
	AtRisk        Fen // account money settled offline beyond allowances and not booked yet, or refused
	Allowances    Fen // what the centre still guarantees this venue, spent or not in the balance yet taken off

	LedgerAt time.Time // centre time of the newest snapshot; zero: there was none
	PulledAt time.Time // centre time of the last pull of everything that changed; zero: there was none
}

// UpstreamStanding is the way to the centre at a glance.
type UpstreamStanding struct {
	OfflineStanding
	Configured bool // a centre is configured
	Offline    bool
	Authority  string    // "cached" or "platform"
	CentreTime time.Time // the centre's clock as its last answer tells; zero: it has told none since the start
	Feed       FeedState
	Large      SnapshotProgress // of a large snapshot under way; Phase is empty where there is none
}

// FeedState is how the ledger is fed.
type FeedState string

// The states of the feed.
const (
	FeedNone FeedState = "none" // not configured: swipes (1101) and signed files feed the ledger
	FeedOn   FeedState = "on"
	FeedOff  FeedState = "off" // configured, and the centre does not know it; as FeedNone until the next start
)
