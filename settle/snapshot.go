package settle

import (
	"context"
	"time"
)

// Snapshot is what the centre says about people, accounts and bindings at one centre time, whichever way it came: on a
// swipe, by the feed, or as a signed file. It is applied in one transaction or not at all.
//
// It holds identities in clear, since it is where they enter the house; the ledger seals them as it writes.
type Snapshot struct {
	ID         string
	CentreTime time.Time
	Full       bool // whatever a full snapshot does not name is ended
	Cursor     string
	People     []SnapshotPerson
	Accounts   []SnapshotAccount
	Bindings   []SnapshotBinding
	Usage      []SnapshotUsage
	EndedPsnNo []string
	EndedBinds []string
	// OwnOnly: the answer of 1101, which knows the person's own balance and nothing of relatives; bindings and usage
	// stay as they are.
	OwnOnly bool
}

// SnapshotPerson is a person in a snapshot.
type SnapshotPerson struct {
	PsnNo     string
	IDNumber  string
	Name      string
	Insurance string
	Status    Status
	Area      string
	Waiting   bool
	Cards     []SnapshotCard
}

// SnapshotCard is a card in a snapshot.
type SnapshotCard struct {
	Number     string
	Identifier string
	Status     CardStatus
	Expires    Date
}

// SnapshotAccount is an account in a snapshot. Available here = balance − Frozen − ReservedElsewhere − own postings
// that the balance does not contain yet.
type SnapshotAccount struct {
	PsnNo             string
	Status            Status
	TwoPots           bool
	Balance           Fen
	Current, Prior    Fen
	Mutual            Fen // beside Current and Prior, where the region keeps it apart
	Frozen            Fen
	ReservedElsewhere Fen
	HoldsTold         bool // of an OwnOnly snapshot: Status and the two above are the account's; else what was told of them before stands
	Limit             Cap
	LimitUsed         Fen
	// ContainsThrough: settlements of this venue acknowledged up to this centre time are inside the balance.
	ContainsThrough map[string]time.Time
	Allowance       Fen
	AllowanceUntil  time.Time
}

// SnapshotBinding is a binding in a snapshot.
type SnapshotBinding struct {
	ID                 string
	Giver, Beneficiary string // psn_no
	Relation           Relation
	Rank               int
	BoundAt            Date
	ValidFrom          Date
	ValidTo            Date
	Mode               BindingMode
	QuotaTotal         Fen
	QuotaUsed          Fen
	Limit              Cap
	LimitUsed          Fen
	LimitAll           bool // the limit is one for all relatives together
	Active             bool
	AuthMethod         string `json:",omitempty"` // how the giver was authenticated (S-046), in the centre's words; empty: not told
	Network            string `json:",omitempty"` // number of the household network (S-052, S-247); empty: none
}

// SnapshotUsage is shared money already used for a person, at all venues.
type SnapshotUsage struct {
	PsnNo                              string
	DayShared, MonthShared, YearShared Fen
	AsOf                               Date
}

// AllowanceReturn is an allowance that its venue gives up: the centre may let others spend what is unspent of it. The end
// of the allowance names it, so telling the centre twice gives nothing back twice.
type AllowanceReturn struct {
	PsnNo   string
	Until   time.Time
	Unspent Fen
}

// The phases of a large snapshot.
const (
	PhaseStaging  = "staging"  // rows are gathered where nobody reads them; a crash forgets them
	PhaseChecking = "checking" // whether everybody who is named is known
	PhaseMoving   = "moving"   // all of it counts; rows move to their tables
	PhaseEnding   = "ending"   // what a full snapshot did not name is ended
)

// SnapshotProgress says how far a large snapshot has come. Total is 0 where it is not known yet.
type SnapshotProgress struct {
	Phase       string
	Done, Total int // facts
}

// SnapshotStage takes a snapshot in parts that is too large for one transaction. Nothing of it is seen before Apply, and
// all of it from then on. A stage that is neither applied nor dropped keeps later large snapshots waiting; it is dropped
// when the ledger is opened anew. A stage is for one goroutine.
type SnapshotStage interface {
	// Add stages people, accounts, bindings, usage and ended ones; the part's other members are not looked at.
	// BAD_REQUEST names what is impossible, by its place in the whole snapshot.
	Add(ctx context.Context, part Snapshot) error
	// Apply checks the whole and makes it count in one transaction under the id and cursor given here. It returns when
	// every row is in its place, or ctx has ended; the rest is then done beside. progress may be nil. BAD_REQUEST as for
	// a small snapshot; nothing of a refused one stays.
	Apply(ctx context.Context, id, cursor string, progress func(SnapshotProgress)) error
	// Drop forgets what was staged. After Apply it does nothing.
	Drop(ctx context.Context) error
}
