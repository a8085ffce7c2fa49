package simulate

import (
	"fmt"
	"time"

	"gongji/cardreader"
	"gongji/settle"
)

// member is an invented person with a card.
type member struct {
	psn, idNumber, name, card, identifier string
	insurance                             string
	balance                               settle.Fen // when the world begins; residents have no account
	givers                                int        // relatives whose accounts pay for this one
}

// surnames and given names of nobody.
var (
	surnames = []string{"周", "贺", "陆", "沈", "顾", "秦"}
	givens   = []string{"若兰", "思齐", "长风", "小满", "望川", "清和"}
)

// family makes a family: an employee with little money, a daughter and a husband who give to her, and a child without an
// account to whom she and her husband give. The accounts are such that a few sales use them up.
func family(d dice, n int) []member {
	born := []int{1950 + d.IntN(10), 1978 + d.IntN(5), 1948 + d.IntN(5), 2012 + d.IntN(5)}
	var people []member
	for i, year := range born {
		body := fmt.Sprintf("430102%04d%02d%02d%03d", year, 1+d.IntN(12), 1+d.IntN(28), 100+n*4+i)
		m := member{
			psn: fmt.Sprintf("4301000000000001%04d", n*10+i), idNumber: body + string(settle.CheckCharacter(body)),
			name: surnames[n%len(surnames)] + givens[i%len(givens)], card: fmt.Sprintf("S%08d", n*10+i),
			identifier: fmt.Sprintf("430100D156000005%016d", n*10+i), insurance: settle.InsuranceEmployee,
			balance: settle.Fen(1000 + d.IntN(40000)),
		}
		if i == 3 {
			m.insurance, m.balance = settle.InsuranceResident, 0
		}
		people = append(people, m)
	}
	people[0].balance, people[0].givers, people[3].givers = settle.Fen(d.IntN(9000)), 2, 2
	return people
}

// snapshot is every family as the centre knows it.
func snapshot(at time.Time, families [][]member) settle.Snapshot {
	s := settle.Snapshot{ID: "world", CentreTime: at.Truncate(time.Millisecond)}
	for n, people := range families {
		for _, m := range people {
			s.People = append(s.People, settle.SnapshotPerson{
				PsnNo: m.psn, IDNumber: m.idNumber, Name: m.name, Insurance: m.insurance, Status: settle.StatusNormal, Area: area,
				Cards: []settle.SnapshotCard{{Number: m.card, Identifier: m.identifier, Status: settle.CardValid, Expires: 20350101}},
			})
			if m.insurance == settle.InsuranceEmployee {
				s.Accounts = append(s.Accounts, settle.SnapshotAccount{PsnNo: m.psn, Status: settle.StatusNormal, Balance: m.balance})
			}
		}
		bind := func(i, giver, beneficiary int, relation settle.Relation, rank int) {
			s.Bindings = append(s.Bindings, settle.SnapshotBinding{
				ID: fmt.Sprintf("B-%d-%d", n, i), Giver: people[giver].psn, Beneficiary: people[beneficiary].psn, Relation: relation,
				Rank: rank, BoundAt: 20240101, ValidFrom: 20240101, Mode: settle.Direct, Active: true,
			})
		}
		bind(1, 1, 0, settle.Parent, 1)
		bind(2, 2, 0, settle.Spouse, 2)
		bind(3, 0, 3, settle.Child, 1)
		bind(4, 2, 3, settle.Child, 2)
	}
	return s
}

// area is the one area of the world.
const area = "430100"

// chip is the member's card as a reader reads it.
func (m member) chip() cardreader.Credential {
	return cardreader.Credential{
		Kind: cardreader.CardSocial, Version: "2.00", Identifier: m.identifier, Number: m.card, IssuerArea: area,
		IssuedOn: "2025-01-01", ExpiresOn: "2035-01-01", IDNumber: m.idNumber, Name: m.name, ReadAt: time.Now(),
	}
}
