package settle

import "slices"

// PersonFacts is everything the check of the people at the counter depends on.
type PersonFacts struct {
	Day               Date
	Presenter         Presenter
	Proxy             *Proxy
	Patient           Person
	PatientBirth      Date // 0: not known
	Lines             []Line
	Prescription      Prescription
	CardsOfAgentToday int    // different patients the agent has bought for today, this one included
	VenueKind         string // pharmacy, clinic, hospital; empty counts as pharmacy

	MedGroup    MedGroup       // where known, for rx.e_only_groups
	Credential  CredentialKind // empty: checked elsewhere
	ShownBy     PersonID       // whose phone shows the code, where known
	PersonCheck string         // how the cashier checked the person; face: by a face check
}

// PersonCheckFace is the value of PersonCheck after a face check.
const PersonCheckFace = "face"

// PersonChecks are the ways in which a cashier checks who stands there (rules page 4.3): by the card, by the 医保码 that was
// decoded, by the identity card that was read, by a face check, or by a document that was seen.
var PersonChecks = []string{"card_read", "code_read", "id_read", PersonCheckFace, "document_seen"}

// CheckPerson is the check of the people behind a sale, before it is planned: the credential's kind, a guardian for a
// minor, the papers and the number of cards of an agent, and prescriptions (S-007, S-011 to S-013, S-028, S-191;
// Regulation on the use of medical security funds, article 17; NHSA order 3). Whose card it is, [MatchCard] decides. It
// is pure. The error is RULE_REFUSED with E_CREDENTIAL_KIND, E_FACE_REQUIRED, E_GUARDIAN, E_PROXY_DOCS,
// E_PROXY_TOO_MANY_CARDS, E_RX_MISSING, E_RX_ELECTRONIC or E_RX_PERSON, member rule naming the policy key.
func CheckPerson(rules *Rules, f PersonFacts) error {
	for _, check := range [...]func(*PersonFacts) error{
		rules.checkCredential, rules.checkGuardian, rules.checkProxy, rules.checkPrescription,
	} {
		if err := check(&f); err != nil {
			return err
		}
	}
	return nil
}

// total is the bill total in fen.
func (f *PersonFacts) total() (sum Fen) {
	for i := range f.Lines {
		sum += f.Lines[i].Total
	}
	return sum
}

func (r *Rules) checkCredential(f *PersonFacts) error {
	shownByOther := f.ShownBy != "" && f.ShownBy != f.Patient.ID
	face := r.Credential.FaceRequiredAbove
	switch {
	case f.Credential != "" && !slices.Contains(r.Credential.Kinds, f.Credential):
		return r.refusal(ECredentialKind, "credential.kinds")
	case f.Credential == CredentialEvoucher && shownByOther && !r.Credential.FamilyCode:
		return r.refusal(ECredentialKind, "credential.family_code")
	case face.Set && f.total() > face.Max && f.PersonCheck != PersonCheckFace:
		return r.refusal(EFaceRequired, "credential.face_required_above").With("allowed", face.Max.String())
	}
	return nil
}

// checkGuardian accepts a parent's word for a patient who is there only where the patient is a minor. A birth date
// nobody knows proves no minority; the cashier then treats the patient like any other.
func (r *Rules) checkGuardian(f *PersonFacts) error {
	if !f.Presenter.Guardian || !f.Presenter.PatientPresent {
		return nil
	}
	if !r.Beneficiary.MinorGuardian || !Minor(f.PatientBirth, f.Day) {
		return r.refusal(EGuardian, "beneficiary.minor_guardian")
	}
	return nil
}

// MajorityAge is the age of majority in years (Civil Code, article 17).
const MajorityAge = 18

// Minor reports whether a person born on birth is under 18 on the day; a birth of 0 is not known to be.
func Minor(birth, day Date) bool {
	return birth != 0 && int(day) < int(birth)+MajorityAge*10000
}

// checkProxy wants, of a purchase for an absent patient, the papers of both (S-013), the agent registered, and not more
// patients' cards in one hand than allowed. The papers are asked for by law whatever the amount; proxy.id_check_above
// spares small bills only the registration of the agent's number.
func (r *Rules) checkProxy(f *PersonFacts) error {
	if !f.Presenter.ProxyPurchase() {
		return nil
	}
	if !r.Proxy.Allowed {
		return r.refusal(EProxyDocs, "proxy.allowed")
	}
	for _, papers := range [...]struct {
		key  string
		list []string
	}{{"proxy.docs", r.Proxy.Docs}, {"proxy.extra_docs", r.Proxy.ExtraDocs}} {
		if !containsAll(f.Presenter.Documents, papers.list) {
			return r.refusal(EProxyDocs, papers.key).With("missing", lacking(f.Presenter.Documents, papers.list))
		}
	}
	if f.total() > r.Proxy.IDCheckAbove && (f.Proxy == nil || f.Proxy.AgentHash == "") {
		return r.refusal(EProxyDocs, "proxy.id_check_above").With("missing", []string{"agent"})
	}
	if missing := f.Proxy.missing(r.Proxy.RecordFields); len(missing) > 0 {
		return r.refusal(EProxyDocs, "proxy.record_fields").With("missing", missing)
	}
	if most := r.Proxy.MaxCardsPerVisit; most > 0 && f.CardsOfAgentToday > most {
		return r.refusalOver(EProxyTooManyCards, "proxy.max_cards_per_visit", most, f.CardsOfAgentToday)
	}
	return nil
}

// missing is what of the wanted fields the record of an agent does not have; nobody's record has nothing.
func (p *Proxy) missing(want []string) (missing []string) {
	for _, field := range want {
		switch {
		case p != nil && field == "relation" && p.Relation != "":
		case p != nil && field == "reason" && p.Reason != "":
		default:
			missing = append(missing, field)
		}
	}
	return missing
}

// lacking is what of want is not in have.
func lacking(have, want []string) (missing []string) {
	for _, w := range want {
		if !slices.Contains(have, w) {
			missing = append(missing, w)
		}
	}
	return missing
}

// checkPrescription applies NHSA order 3 at a pharmacy: prescription goods need a prescription with its number, doctor
// and institution, and it is the patient's own. In a clinic or hospital the visit itself is the prescription; one that is
// given there still has to be the patient's.
func (r *Rules) checkPrescription(f *PersonFacts) error {
	rx := &f.Prescription
	if rx.Patient != "" && rx.Patient != f.Patient.ID {
		return r.refusal(ERxPerson, "rx.required")
	}
	if !r.Rx.Required || (f.VenueKind != "" && f.VenueKind != VenuePharmacy) {
		return nil
	}
	for i := range f.Lines {
		line := &f.Lines[i]
		if !line.Rx {
			continue
		}
		if missing := rx.missing(); len(missing) > 0 {
			return r.refusal(ERxMissing, "rx.required").With("line", line.ID).With("missing", missing)
		}
		if r.Rx.electronicOnly(f.Day, line, f.MedGroup) && !rx.Electronic {
			return r.refusal(ERxElectronic, "rx.e_only_from").With("line", line.ID)
		}
	}
	return nil
}

// missing names the members that a prescription must have and this one has not.
func (p *Prescription) missing() (names []string) {
	for _, m := range [...]struct{ name, value string }{
		{"number", p.Number}, {"doctor", p.Doctor}, {"institution", p.Institution}, {"patient_id_number", string(p.Patient)},
	} {
		if m.value == "" {
			names = append(names, m.name)
		}
	}
	return names
}

// electronicOnly reports whether a line of this group is sold on an electronic prescription only.
func (r *RxRules) electronicOnly(day Date, line *Line, group MedGroup) bool {
	if r.EOnlyFrom == 0 || day < r.EOnlyFrom {
		return false
	}
	return slices.Contains(r.EOnlyGroups, string(group)) ||
		line.RxGroup != "" && slices.Contains(r.EOnlyGroups, line.RxGroup)
}
