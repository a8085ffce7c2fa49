package settle

import "testing"

func TestCheckPerson(t *testing.T) {
	proxy := func(f *PersonFacts) {
		f.Presenter = Presenter{Documents: []string{"principal_id", "agent_id"}}
		f.Proxy, f.CardsOfAgentToday = &Proxy{AgentHash: "h"}, 1
	}
	guardian := func(birth Date) func(*PersonFacts) {
		return func(f *PersonFacts) {
			f.Presenter, f.PatientBirth = Presenter{PatientPresent: true, Guardian: true}, birth
		}
	}
	rx := func(change func(*PersonFacts)) func(*PersonFacts) {
		return func(f *PersonFacts) {
			f.Lines[0].Rx = true
			f.Prescription = Prescription{Number: "R1", Doctor: "甲", Institution: "某医院", Patient: "P"}
			if change != nil {
				change(f)
			}
		}
	}
	for _, c := range []struct {
		name   string
		rules  func(*Rules)
		facts  func(*PersonFacts)
		reason Reason
		rule   string
	}{
		{"the patient", nil, nil, "", ""},
		{"somebody helps a patient who is there", nil, func(f *PersonFacts) { f.Presenter = Presenter{PatientPresent: true} }, "", ""},
		{"a parent for a minor", nil, guardian(20080311), "", ""},
		{"a parent for a child who turned 18 today", nil, guardian(20080310), EGuardian, "beneficiary.minor_guardian"},
		{"a parent for a child of unknown age", nil, guardian(0), EGuardian, "beneficiary.minor_guardian"},
		{"a guardian of somebody who is away is an agent", nil,
			func(f *PersonFacts) { proxy(f); f.Presenter.Guardian = true }, "", ""},
		{"no guardians here", func(r *Rules) { r.Beneficiary.MinorGuardian = false }, guardian(20200101), EGuardian, "beneficiary.minor_guardian"},
		{"an agent", nil, proxy, "", ""},
		{"no agents here", func(r *Rules) { r.Proxy.Allowed = false }, proxy, EProxyDocs, "proxy.allowed"},
		{"one paper", nil, func(f *PersonFacts) { proxy(f); f.Presenter.Documents = []string{"agent_id"} }, EProxyDocs, "proxy.docs"},
		{"a further paper", func(r *Rules) { r.Proxy.ExtraDocs = []string{"power_of_attorney"} }, proxy, EProxyDocs, "proxy.extra_docs"},
		{"nobody registered", nil, func(f *PersonFacts) { proxy(f); f.Proxy = nil }, EProxyDocs, "proxy.id_check_above"},
		{"small enough to go unregistered", func(r *Rules) { r.Proxy.IDCheckAbove = 50000 },
			func(f *PersonFacts) { proxy(f); f.Proxy, f.Lines[0].Total = nil, 50000 }, "", ""},
		{"too dear to go unregistered", func(r *Rules) { r.Proxy.IDCheckAbove = 50000 },
			func(f *PersonFacts) { proxy(f); f.Proxy, f.Lines[0].Total = nil, 50001 }, EProxyDocs, "proxy.id_check_above"},
		{"no reason given", func(r *Rules) { r.Proxy.RecordFields = []string{"relation", "reason"} },
			func(f *PersonFacts) { proxy(f); f.Proxy.Relation = "child" }, EProxyDocs, "proxy.record_fields"},
		{"relation and reason given", func(r *Rules) { r.Proxy.RecordFields = []string{"relation", "reason"} },
			func(f *PersonFacts) { proxy(f); f.Proxy.Relation, f.Proxy.Reason = "child", "elderly" }, "", ""},
		{"nobody to give a reason of", func(r *Rules) { r.Proxy.RecordFields, r.Proxy.IDCheckAbove = []string{"reason"}, 99999 },
			func(f *PersonFacts) { proxy(f); f.Proxy = nil }, EProxyDocs, "proxy.record_fields"},
		{"the second card", nil, func(f *PersonFacts) { proxy(f); f.CardsOfAgentToday = 2 }, "", ""},
		{"the third card", nil, func(f *PersonFacts) { proxy(f); f.CardsOfAgentToday = 3 }, EProxyTooManyCards, "proxy.max_cards_per_visit"},
		{"as many cards as you like", func(r *Rules) { r.Proxy.MaxCardsPerVisit = 0 },
			func(f *PersonFacts) { proxy(f); f.CardsOfAgentToday = 30 }, "", ""},
		{"on prescription", nil, rx(nil), "", ""},
		{"without", nil, rx(func(f *PersonFacts) { f.Prescription = Prescription{} }), ERxMissing, "rx.required"},
		{"without its doctor", nil, rx(func(f *PersonFacts) { f.Prescription.Doctor = "" }), ERxMissing, "rx.required"},
		{"not asked for", func(r *Rules) { r.Rx.Required = false }, rx(func(f *PersonFacts) { f.Prescription = Prescription{} }), "", ""},
		{"in a clinic", nil, rx(func(f *PersonFacts) { f.Prescription, f.VenueKind = Prescription{}, "clinic" }), "", ""},
		{"somebody else's", nil, rx(func(f *PersonFacts) { f.Prescription.Patient = "Q" }), ERxPerson, "rx.required"},
		{"somebody else's in a clinic", nil, rx(func(f *PersonFacts) { f.Prescription.Patient, f.VenueKind = "Q", "clinic" }), ERxPerson, "rx.required"},
		{"paper for a dual-channel medicine", nil, rx(func(f *PersonFacts) { f.Lines[0].RxGroup = "dual_channel" }), ERxElectronic, "rx.e_only_from"},
		{"the same before the day", nil, rx(func(f *PersonFacts) { f.Lines[0].RxGroup, f.Day = "dual_channel", 20241231 }), "", ""},
		{"an e-prescription for it", nil,
			rx(func(f *PersonFacts) { f.Lines[0].RxGroup, f.Prescription.Electronic = "dual_channel", true }), "", ""},
		{"paper for a chronic disease", func(r *Rules) { r.Rx.EOnlyGroups = []string{"chronic"} },
			rx(func(f *PersonFacts) { f.MedGroup = Chronic }), ERxElectronic, "rx.e_only_from"},
		{"a credential of another kind", func(r *Rules) { r.Credential.Kinds = []CredentialKind{CredentialCard} },
			func(f *PersonFacts) { f.Credential = CredentialID }, ECredentialKind, "credential.kinds"},
		{"a family code", nil, func(f *PersonFacts) { f.Credential, f.ShownBy = CredentialEvoucher, "G" }, "", ""},
		{"no family codes here", func(r *Rules) { r.Credential.FamilyCode = false },
			func(f *PersonFacts) { f.Credential, f.ShownBy = CredentialEvoucher, "G" }, ECredentialKind, "credential.family_code"},
		{"one's own code", func(r *Rules) { r.Credential.FamilyCode = false },
			func(f *PersonFacts) { f.Credential, f.ShownBy = CredentialEvoucher, "P" }, "", ""},
		{"dear without a face check", func(r *Rules) { r.Credential.FaceRequiredAbove = CapOf(999) }, nil, EFaceRequired, "credential.face_required_above"},
		{"dear with a face check", func(r *Rules) { r.Credential.FaceRequiredAbove = CapOf(999) },
			func(f *PersonFacts) { f.PersonCheck = PersonCheckFace }, "", ""},
		{"just not dear", func(r *Rules) { r.Credential.FaceRequiredAbove = CapOf(1000) }, nil, "", ""},
	} {
		rules := DefaultRules()
		facts := PersonFacts{
			Day: 20260310, Presenter: Presenter{SamePerson: true}, Patient: Person{ID: "P"}, VenueKind: VenuePharmacy,
			Lines: []Line{{ID: "L1", Total: 1000}},
		}
		if c.rules != nil {
			c.rules(rules)
		}
		if c.facts != nil {
			c.facts(&facts)
		}
		wantReason(t, c.name, CheckPerson(rules, facts), c.reason, c.rule)
	}
}

// A child born on 29 February comes of age on 1 March of a year without that day.
func TestMinorBornOnALeapDay(t *testing.T) {
	if !Minor(20080229, 20260228) || Minor(20080229, 20260301) {
		t.Error("a leap day's child comes of age on the wrong day")
	}
}
