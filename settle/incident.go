package settle

import "time"

// Incident is one line of the audit record of who did, tried or looked at what: a card that was not the patient's, an export,
// an import, a manager's change, a till's token. It holds ids, codes and keyed hashes, and no identity.
type Incident struct {
	At       time.Time
	Kind     string
	Person   PersonID // where somebody of the ledger was concerned
	CardHash string
	Reader   string
	POS      string
	Detail   map[string]string // everything that was recorded
}
