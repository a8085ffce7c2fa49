package settle

import "time"

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
	Frozen            Fen
	ReservedElsewhere Fen
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
}

// SnapshotUsage is shared money already used for a person, at all venues.
type SnapshotUsage struct {
	PsnNo                              string
	DayShared, MonthShared, YearShared Fen
	AsOf                               Date
}
