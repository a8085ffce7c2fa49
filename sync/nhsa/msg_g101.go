package nhsa

import (
	"encoding/json"
	"errors"
)

// InfnoFamily is G101: one person's family as it stands now. It is our extension and not a national message; its
// letter keeps it out of the national numbers.
const InfnoFamily = "G101"

// FamilyQuery is the input node data of G101: the credential, as in 1101.
type FamilyQuery struct {
	CertType   string `json:"mdtrt_cert_type" wire:"C3,M,d"`
	CertNo     string `json:"mdtrt_cert_no" wire:"C50,M"`
	Identifier string `json:"card_sn" wire:"C32"`
}

// FamilyInput is the input of G101.
type FamilyInput struct {
	Data FamilyQuery `json:"data"`
}

// Infno is G101.
func (FamilyQuery) Infno() string { return InfnoFamily }

// Input builds the node.
func (q FamilyQuery) Input() (any, bool, error) {
	input := FamilyInput{Data: q}
	return input, false, checkMessage(input, func(f *faults) { checkCredential(f, "data", q.CertType, q.Identifier) })
}

// SnapshotAnswer is the output of G101 and G102. The snapshot itself is read by sync/feed, which reads the same format
// from files.
type SnapshotAnswer struct {
	Snapshot json.RawMessage `json:"snapshot"`
	More     bool            `json:"more"`
}

// DecodeSnapshotAnswer reads the output of G101 and G102.
func DecodeSnapshotAnswer(a *Answer) (SnapshotAnswer, error) {
	var out SnapshotAnswer
	if err := json.Unmarshal(a.Output, &out); err != nil {
		return SnapshotAnswer{}, errors.New("the output is not {snapshot, more}")
	}
	if out.Snapshot = unquoteJSON(out.Snapshot); len(out.Snapshot) == 0 || out.Snapshot[0] != '{' {
		return SnapshotAnswer{}, errors.New("the answer has no snapshot")
	}
	return out, nil
}
