package shop

import (
	"fmt"
	"time"

	"gongji/cardreader/virtual"
	"gongji/settle"
	"gongji/sync/centre"
)

// Person is an invented patient, or a relative who pays for patients.
type Person struct {
	centre.Member
	Giver bool // has no till of their own: the relative
}

// Card is the person's social security card.
func (p *Person) Card() virtual.Medium {
	return virtual.SocialCard(virtual.Person{
		IDNumber: p.IDNumber, Name: p.Name, Number: p.CardNumber, Identifier: p.Identifier, Version: "2.00", Sex: p.Sex,
		Ethnicity: p.Ethnicity, IssuedOn: p.Issued.String(), ExpiresOn: p.Expires.String(),
	})
}

var surnames = []string{"周", "贺", "陆", "沈", "顾", "秦", "白", "江"}

// people are a patient for each till, whose own account soon runs dry, and one relative who gives to all of them: tills that
// sell to different patients meet in one account.
func people(tills int, relative settle.Fen) []Person {
	var all []Person
	for i := range tills + 1 {
		body := fmt.Sprintf("430102%04d0%d1%d%03d", 1955+3*i, 1+i%9, i%9, 201+i)
		p := Person{Giver: i == tills, Member: centre.Member{
			Name: surnames[i%len(surnames)] + "示例" + surnames[(i/len(surnames)+3)%len(surnames)], IDNumber: body + string(settle.CheckCharacter(body)),
			PsnNo: fmt.Sprintf("4301000000000077%04d", i), Sex: "1", Ethnicity: "01", Insurance: settle.InsuranceEmployee, Area: area,
			CardNumber: fmt.Sprintf("K%08d", i), Identifier: fmt.Sprintf("430100D156000005%016d", 7000+i),
			Issued: 20250101, Expires: 20350101, Account: true, Balance: 20_00,
		}}
		if p.Giver {
			p.Balance = relative
		}
		all = append(all, p)
	}
	return all
}

const area = "430100"

// snapshot is everybody as the centre knows them.
func snapshot(all []Person, at time.Time) settle.Snapshot {
	s := settle.Snapshot{ID: "shop", CentreTime: at.Truncate(time.Millisecond)}
	giver := all[len(all)-1]
	for i, p := range all {
		s.People = append(s.People, settle.SnapshotPerson{
			PsnNo: p.PsnNo, IDNumber: p.IDNumber, Name: p.Name, Insurance: p.Insurance, Status: settle.StatusNormal, Area: area,
			Cards: []settle.SnapshotCard{{Number: p.CardNumber, Identifier: p.Identifier, Status: settle.CardValid, Expires: p.Expires}},
		})
		s.Accounts = append(s.Accounts, settle.SnapshotAccount{PsnNo: p.PsnNo, Status: settle.StatusNormal, Balance: p.Balance})
		if p.Giver {
			continue
		}
		s.Bindings = append(s.Bindings, settle.SnapshotBinding{
			ID: fmt.Sprintf("B-SHOP-%d", i), Giver: giver.PsnNo, Beneficiary: p.PsnNo, Relation: settle.Parent, Rank: 1,
			BoundAt: 20250101, ValidFrom: 20250101, Mode: settle.Direct, LimitAll: true, Active: true,
		})
	}
	return s
}
