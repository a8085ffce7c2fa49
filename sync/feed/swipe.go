package feed

import (
	"context"
	"time"

	"gongji/settle"
	"gongji/sync/nhsa"
)

// Holder is a credential as it was read at the counter, in clear, for the wire only.
type Holder struct {
	Kind       settle.CredentialKind
	Number     string // card number; the e-voucher's code
	Identifier string // of the card
	IDNumber   string
	Name       string
}

// certificate is the credential in the interface's terms.
func (h Holder) certificate() (kind, number, identifier string) {
	if h.Kind == settle.CredentialID {
		return h.Kind.WireCode(), h.IDNumber, ""
	}
	return h.Kind.WireCode(), h.Number, h.Identifier
}

// Refresh asks the centre about a credential's holder and applies the answer: the whole family by G101 where the
// extension is in use, else the holder alone by 1101. It returns the holder as the centre knows them.
//
// Errors: UPSTREAM_SILENT when there is no usable answer within ctx, PERSON_UNKNOWN (member centre_text) when the centre
// refuses the credential, BAD_REQUEST when the credential or the answer does not fit the format, and the store's.
//
// An e-voucher's code is good for one question. It goes out in 1101 and never again; the family is then asked for by the
// number that the answer names, and where that fails the holder alone is known, which is what the caller asked for.
func (f *Feed) Refresh(ctx context.Context, holder Holder) (settle.SnapshotPerson, error) {
	if holder.Kind == settle.CredentialEvoucher {
		person, err := f.person(ctx, holder)
		if err == nil && f.options.OnSwipe && f.Extended() {
			if _, _, err := f.family(ctx, Holder{Kind: settle.CredentialID, IDNumber: person.IDNumber, Name: person.Name}); err != nil {
				f.options.Logger.Info("the family behind a code was asked for in vain", "code", settle.CodeOf(err))
			}
		}
		return person, err
	}
	if f.options.OnSwipe && f.Extended() {
		person, ok, err := f.family(ctx, holder)
		if ok || err != nil {
			return person, err
		}
	}
	return f.person(ctx, holder)
}

// family asks G101. ok is false where the centre has no such message.
func (f *Feed) family(ctx context.Context, holder Holder) (settle.SnapshotPerson, bool, error) {
	kind, number, identifier := holder.certificate()
	answer, ok, err := f.extension(ctx, nhsa.FamilyQuery{CertType: kind, CertNo: number, Identifier: identifier})
	if err != nil || !ok {
		return settle.SnapshotPerson{}, ok, err
	}
	snapshot, err := DecodeSnapshot(answer.Snapshot)
	if err != nil {
		return settle.SnapshotPerson{}, true, err
	}
	if len(snapshot.People) == 0 {
		return settle.SnapshotPerson{}, true, settle.NewError(settle.PersonUnknown, nil)
	}
	// One family is never everybody, whatever the answer says, and it must not move the cursor of the delta.
	snapshot.Full, snapshot.Cursor = false, ""
	if err := f.options.Store.ApplySnapshot(ctx, snapshot); err != nil {
		return settle.SnapshotPerson{}, true, err
	}
	return holder.among(snapshot.People), true, nil
}

// among finds the holder in an answer: by card or identity number, else the first, who is the holder by the format's
// convention (an e-voucher's code names nobody).
func (h Holder) among(people []settle.SnapshotPerson) settle.SnapshotPerson {
	for _, person := range people {
		if h.IDNumber != "" && person.IDNumber == h.IDNumber {
			return person
		}
		for _, card := range person.Cards {
			if h.Kind == settle.CredentialCard && card.Number == h.Number && card.Identifier == h.Identifier {
				return person
			}
		}
	}
	return people[0]
}

// person asks 1101.
func (f *Feed) person(ctx context.Context, holder Holder) (settle.SnapshotPerson, error) {
	kind, number, identifier := holder.certificate()
	query := nhsa.PersonQuery{CertType: kind, CertNo: number, Identifier: identifier, IDNumber: holder.IDNumber, Name: holder.Name}
	if holder.IDNumber != "" {
		query.IDType = "01"
	}
	outcome, err := f.ask(ctx, query)
	if err != nil {
		return settle.SnapshotPerson{}, err
	}
	if err := outcomeError(outcome); err != nil {
		return settle.SnapshotPerson{}, err
	}
	info, err := nhsa.DecodePerson(outcome.Answer)
	if err != nil {
		return settle.SnapshotPerson{}, settle.NewError(settle.UpstreamSilent, err)
	}
	snapshot := f.ownSnapshot(info, holder, outcome.Answer)
	if err := f.options.Store.ApplySnapshot(ctx, snapshot); err != nil {
		return settle.SnapshotPerson{}, err
	}
	return snapshot.People[0], nil
}

// ownSnapshot is what 1101 says: the person and, where there is one, the own account. The balance contains what this
// venue had acknowledged at the time of the answer; where the answer carries no time, nothing is taken as contained,
// which the beginning of time says, and our clock dates the snapshot.
func (f *Feed) ownSnapshot(info nhsa.PersonInfo, holder Holder, answer *nhsa.Answer) settle.Snapshot {
	person := settle.SnapshotPerson{
		PsnNo: info.PsnNo, IDNumber: info.IDNumber, Name: info.Name, Insurance: info.Insurance, Status: info.Status, Area: info.Area,
	}
	if holder.Kind == settle.CredentialCard {
		person.Cards = []settle.SnapshotCard{{Number: holder.Number, Identifier: holder.Identifier, Status: settle.CardValid}}
	}
	at := answer.CentreTime
	if at.IsZero() {
		at = f.options.Clock()
	}
	snapshot := settle.Snapshot{ID: "1101-" + nhsa.CompactTime(at) + "-" + answer.Reference, CentreTime: at, OwnOnly: true, People: []settle.SnapshotPerson{person}}
	if answer.Reference == "" { // the reference tells two answers of one millisecond apart; without it our clock must
		snapshot.ID += f.options.Clock().Format("150405.000000000")
	}
	if info.Insurance == settle.InsuranceEmployee || info.Balance > 0 {
		through := answer.CentreTime
		if through.IsZero() {
			through = time.UnixMilli(0)
		}
		snapshot.Accounts = []settle.SnapshotAccount{{
			PsnNo: info.PsnNo, Status: info.Status, Balance: info.Balance,
			ContainsThrough: map[string]time.Time{f.options.Client.Venue().Code: through},
		}}
		if told := info.Account; told != nil && f.Extended() {
			a := &snapshot.Accounts[0]
			a.Status, a.Balance, a.Frozen, a.ReservedElsewhere, a.HoldsTold = told.Status, told.Balance, told.Frozen, told.ReservedElsewhere, true
		}
	}
	return snapshot
}
