package sessiontest

import (
	"fmt"
	"hash/fnv"
	"time"

	"gongji/cardreader"
	"gongji/settle"
)

// Member is an invented person with a card.
type Member struct {
	PsnNo      string
	IDNumber   string
	Name       string
	CardNumber string
	Identifier string
}

func member(psnNo, body, name, card, identifier string) Member {
	return Member{psnNo, body + string(settle.CheckCharacter(body)), name, card, identifier}
}

// The family: the patient with a little money of her own, her daughter and her husband bound in this order, and a stranger.
// Newcomer is nobody the ledger has heard of.
var (
	Patient  = member("43000000000000000001", "11010519491231002", "王芳", "A12345678", "43010000000000000000000000000001")
	Daughter = member("43000000000000000002", "43010219750812004", "李小敏", "A12345679", "43010000000000000000000000000002")
	Husband  = member("43000000000000000003", "43010219480203001", "李建国", "A12345680", "43010000000000000000000000000003")
	Stranger = member("43000000000000000004", "43010219900101007", "赵六", "A12345681", "43010000000000000000000000000004")
	Newcomer = member("43000000000000000005", "43010219880606005", "钱七", "A12345682", "43010000000000000000000000000005")
)

// Members are the people of the ledger.
var Members = []Member{Patient, Daughter, Husband, Stranger}

// Secrets are the texts that no answer, log or metric may hold.
func Secrets() []string {
	var secrets []string
	for _, m := range append(Members, Newcomer) {
		secrets = append(secrets, m.IDNumber, m.CardNumber, m.Identifier, m.PsnNo, m.Name)
	}
	return secrets
}

// Card is the member's social security card, good until 2035.
func (m Member) Card() cardreader.Credential {
	return cardreader.Credential{
		Kind: cardreader.CardSocial, Version: "2.00", Identifier: m.Identifier, Number: m.CardNumber, IssuerArea: "430100",
		IssuedOn: "2025-01-01", ExpiresOn: "2035-01-01", IDNumber: m.IDNumber, Name: m.Name, ReadAt: time.Now(),
	}
}

// TraceCode is a trace code of its own for every text, in the form of the real ones.
func TraceCode(text string) string {
	h := fnv.New64a()
	h.Write([]byte(text))
	return fmt.Sprintf("%020d", h.Sum64())
}
