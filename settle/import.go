package settle

import "time"

// The kinds of facts in a snapshot, and what a snapshot would do to one of them. They are texts of the API.
const (
	FactPerson  = "person"
	FactAccount = "account"
	FactBinding = "binding"
	FactUsage   = "usage"

	FactNew     = "new"
	FactChanged = "changed"
	FactEnded   = "ended"
)

// FactChanges counts what a snapshot would do to the facts of one kind. Kept are those of which the ledger knows something
// later: they stay as they are, since an import never turns the clock back.
type FactChanges struct{ New, Changed, Ended, Unchanged, Kept int }

// FactExample is one fact that a snapshot would touch. It holds no identity and no amount.
type FactExample struct {
	Kind   string   // FactPerson, FactAccount, FactBinding
	Change string   // FactNew, FactChanged, FactEnded
	Place  string   // in the file, such as people[3]; empty for what a full snapshot ends by not naming it
	Masked string   // masked names: 王*, or 王* → 李* of a binding's giver and beneficiary
	Fields []string // FactChanged: what would change, by the member's name in the file
}

// SnapshotDiff is what a snapshot would do to the ledger as it stands. At most a few examples of each kind and change are
// given, in the file's order.
type SnapshotDiff struct {
	People, Accounts, Bindings, Usage FactChanges
	Examples                          []FactExample
}

// ImportFile is a snapshot as a file with its detached signature, as they were brought.
type ImportFile struct {
	File      []byte // JSON of a snapshot
	Signature []byte // text of a minisign signature
	POS       string // name of the token that brought it
	Operator  Operator
	RequestID string // of the call, to be found in the log
}

// ImportPreview is what an import would do, or has done. Facts other than these are not given: it goes to a screen.
type ImportPreview struct {
	SnapshotID string
	CentreTime time.Time
	Full       bool   // whatever the file does not name is ended
	Digest     string // SHA-256 of the file, 64 hexadecimal digits
	KeyID      string // of the trusted key that signed, 16 hexadecimal digits
	Applied    bool   // the file has been applied, now or before
	Diff       SnapshotDiff
	Named      FactCounts // of a file too large for Diff: what it names
}

// FactCounts counts facts by kind.
type FactCounts struct{ People, Accounts, Bindings, Usage int }

// All is the sum.
func (c FactCounts) All() int { return c.People + c.Accounts + c.Bindings + c.Usage }
