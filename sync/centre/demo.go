package centre

import (
	"time"

	"gongji/settle"
)

// Member is an invented person with a card, in all that a virtual card and a till's form need.
type Member struct {
	Name       string
	IDNumber   string // passes GB 11643
	PsnNo      string
	Sex        string // GB/T 2261.1: 1 male, 2 female
	Ethnicity  string // GB/T 3304
	Born       settle.Date
	Insurance  string
	Area       string
	CardNumber string      // 卡号
	Identifier string      // 卡识别码, 32 hexadecimal digits
	Issued     settle.Date // 发卡日期
	Expires    settle.Date // 卡有效期
	Account    bool
	Balance    settle.Fen
}

// Family is the demo family. None of them exists.
type Family struct {
	Patient  Member // employee with a small account of her own
	Daughter Member // gives to the patient, first
	Spouse   Member // gives to the patient, second
	Child    Member // resident-insured, no account; the patient gives to him
	Stranger Member // somebody else with a card of his own
	Agent    Member // a neighbour who buys for the patient (代购); the centre does not know her, her identity card does
	today    settle.Date
}

// DemoFamily is the demo family as of a day: the cards were issued three years before and run for seven more.
func DemoFamily(today settle.Date) Family {
	member := func(name, body, sex, insurance, serial string, balance settle.Fen) Member {
		number := body + string(settle.CheckCharacter(body))
		id, err := settle.ParseIDNumber(number)
		if err != nil {
			panic("centre: demo identity number: " + err.Error()) // constants of this file
		}
		return Member{
			Name: name, IDNumber: number, PsnNo: "430100000000000090" + serial, Sex: sex, Ethnicity: "01", Born: id.Birth(),
			Insurance: insurance, Area: "430100", CardNumber: "D000000" + serial,
			Identifier: "430100D1560000054D7E3A10C2F690" + serial,
			Issued:     settle.DateOf(today.Time().AddDate(-3, 0, 0)), Expires: settle.DateOf(today.Time().AddDate(7, 0, 0)),
			Account: insurance == settle.InsuranceEmployee, Balance: balance,
		}
	}
	return Family{
		Patient:  member("周若兰", "43010219780412302", "2", settle.InsuranceEmployee, "01", 3860),
		Daughter: member("贺思齐", "43010220010930404", "2", settle.InsuranceEmployee, "02", 12000),
		Spouse:   member("贺长风", "43010219760125101", "1", settle.InsuranceEmployee, "03", 50000),
		Child:    member("贺小满", "43010220170521203", "1", settle.InsuranceResident, "04", 0),
		Stranger: member("陆望川", "43010319850808501", "1", settle.InsuranceEmployee, "05", 20000),
		Agent:    member("沈知白", "43010419900615602", "2", "", "06", 0),
		today:    today,
	}
}

// Members lists everybody whom the centre knows.
func (f Family) Members() []Member {
	return []Member{f.Patient, f.Daughter, f.Spouse, f.Child, f.Stranger}
}

// Snapshot is the family as the centre knows it, ready for Seed.
func (f Family) Snapshot(at time.Time) settle.Snapshot {
	s := settle.Snapshot{ID: "demo-family", CentreTime: at.Truncate(time.Millisecond)}
	for _, m := range f.Members() {
		s.People = append(s.People, settle.SnapshotPerson{
			PsnNo: m.PsnNo, IDNumber: m.IDNumber, Name: m.Name, Insurance: m.Insurance, Status: settle.StatusNormal, Area: m.Area,
			Cards: []settle.SnapshotCard{{Number: m.CardNumber, Identifier: m.Identifier, Status: settle.CardValid, Expires: m.Expires}},
		})
		if m.Account {
			s.Accounts = append(s.Accounts, settle.SnapshotAccount{PsnNo: m.PsnNo, Status: settle.StatusNormal, Balance: m.Balance})
		}
	}
	since := settle.DateOf(f.today.Time().AddDate(-1, 0, 0))
	bind := func(id string, giver, beneficiary Member, relation settle.Relation, rank int) {
		s.Bindings = append(s.Bindings, settle.SnapshotBinding{
			ID: id, Giver: giver.PsnNo, Beneficiary: beneficiary.PsnNo, Relation: relation, Rank: rank,
			BoundAt: since, ValidFrom: since, Mode: settle.Direct, LimitAll: true, Active: true,
		})
	}
	bind("B-DEMO-1", f.Daughter, f.Patient, settle.Parent, 1)
	bind("B-DEMO-2", f.Spouse, f.Patient, settle.Spouse, 2)
	bind("B-DEMO-3", f.Patient, f.Child, settle.Child, 1)
	return s
}
