package nhsa

import (
	"encoding/json"
	"errors"

	"gongji/settle"
)

// InfnoPerson is 1101 人员基本信息获取.
const InfnoPerson = "1101"

// PersonQuery is the input node data of 1101.
type PersonQuery struct {
	CertType   string `json:"mdtrt_cert_type" wire:"C3,M,d"`
	CertNo     string `json:"mdtrt_cert_no" wire:"C50,M"`
	Identifier string `json:"card_sn" wire:"C32"`
	Begin      Stamp  `json:"begntime" wire:"DT"`
	IDType     string `json:"psn_cert_type" wire:"C6,d"`
	IDNumber   string `json:"certno" wire:"C50"`
	Name       string `json:"psn_name" wire:"C50"`
}

// PersonInput is the input of 1101.
type PersonInput struct {
	Data PersonQuery `json:"data"`
}

// Infno is 1101.
func (PersonQuery) Infno() string { return InfnoPerson }

// Input builds the node. A card (type 03) needs its identifier.
func (q PersonQuery) Input() (any, bool, error) {
	input := PersonInput{Data: q}
	return input, false, checkMessage(input, func(f *faults) { checkCredential(f, "data", q.CertType, q.Identifier) })
}

func checkCredential(f *faults, place, certType, identifier string) {
	switch certType {
	case "01", "02":
	case "03":
		if identifier == "" {
			f.add(place+".card_sn", "is mandatory for a social security card")
		}
	default:
		f.add(place+".mdtrt_cert_type", "must be 01, 02 or 03")
	}
}

// PersonInfo is the answer of 1101, reduced to the insurance row that counts.
type PersonInfo struct {
	PsnNo     string
	IDNumber  string
	Name      string
	Insurance string
	Area      string
	Status    settle.Status
	Balance   settle.Fen
	Account   *ToldAccount // nil: the centre has not said
}

// ToldAccount is our extension inside exp_content of an insuinfo row: {"gongji": {"account": {…}}}. A centre with the feed
// extension answers in balc what the venue that asks may use, and says here what it has left out, so that a venue that has heard of
// quotas and of other venues' allowances does not take them off once more. Amounts are in fen.
type ToldAccount struct {
	Status            settle.Status `json:"status"`
	Balance           settle.Fen    `json:"balance"` // all of it, as in a snapshot
	Frozen            settle.Fen    `json:"frozen"`
	ReservedElsewhere settle.Fen    `json:"reserved_elsewhere"`
}

type personExtra struct {
	Gongji struct {
		Account *ToldAccount `json:"account,omitempty"`
	} `json:"gongji"`
}

// Content is exp_content with the account.
func (t ToldAccount) Content() string {
	var extra personExtra
	extra.Gongji.Account = &t
	text, err := encode(extra)
	if err != nil { // numbers and texts always encode
		panic("nhsa: the account does not encode: " + err.Error())
	}
	return string(text)
}

// toldAccount reads the account out of exp_content; nil where there is none. Whatever else a centre keeps there is its own.
func toldAccount(content string) *ToldAccount {
	var extra personExtra
	if content == "" || json.Unmarshal([]byte(content), &extra) != nil {
		return nil
	}
	t := extra.Gongji.Account
	if t == nil || t.Status == "" || min(t.Balance, t.Frozen, t.ReservedElsewhere) < 0 || max(t.Balance, t.Frozen, t.ReservedElsewhere) > mostFen {
		return nil
	}
	return t
}

// DecodePerson reads baseinfo and insuinfo. Of several insurances the row counts that a settlement would use: the normal
// employee row, then any normal row, then the employee row, then the first.
func DecodePerson(a *Answer) (PersonInfo, error) {
	base, err := a.node("baseinfo")
	if err != nil {
		return PersonInfo{}, err
	}
	f, err := readFields(base)
	if err != nil {
		return PersonInfo{}, err
	}
	info := PersonInfo{
		PsnNo: f.text("psn_no"), IDNumber: f.text("certno", "cert_no"), Name: f.text("psn_name"),
	}
	if info.PsnNo == "" || info.IDNumber == "" || info.Name == "" {
		f.fail("baseinfo", errors.New("psn_no, certno and psn_name are needed"))
	}
	if f.fault != nil {
		return PersonInfo{}, f.fault
	}
	return info, info.insurance(a)
}

func (p *PersonInfo) insurance(a *Answer) error {
	node, err := a.node("insuinfo")
	if err != nil {
		return err
	}
	rows, err := oneOrMany[json.RawMessage](node)
	if err != nil || len(rows) == 0 {
		return errors.New("insuinfo has no row")
	}
	best := -1
	for _, raw := range rows {
		f, err := readFields(raw)
		if err != nil {
			return err
		}
		status := insuredStatus(f.text("psn_insu_stas"))
		insurance, area, balance := f.text("insutype"), f.text("insuplc_admdvs", "insuplc_admvs"), f.amount("balc")
		if insurance == "" || !isArea(area) {
			f.fail("insuinfo", errors.New("insutype and insuplc_admdvs are needed"))
		}
		if f.fault != nil {
			return f.fault
		}
		weight := 0
		if status == settle.StatusNormal {
			weight += 2
		}
		if insurance == settle.InsuranceEmployee {
			weight++
		}
		if weight > best {
			best = weight
			p.Insurance, p.Area, p.Status, p.Balance, p.Account = insurance, area, status, balance, toldAccount(f.text("exp_content"))
		}
	}
	return nil
}

// insuredStatus maps psn_insu_stas: 1 normal, 2 paused, 0, 3 and 4 ended. Where a centre leaves the member out, it has
// found the person among its insured, and the row counts as normal.
func insuredStatus(code string) settle.Status {
	switch code {
	case "1", "":
		return settle.StatusNormal
	case "2":
		return settle.StatusPaused
	}
	return settle.StatusEnded
}
