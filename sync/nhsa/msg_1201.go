package nhsa

import "errors"

// InfnoInstitution is 1201 医药机构信息获取.
const InfnoInstitution = "1201"

// InstitutionQuery is the input node medinsinfo of 1201. The name searches by part.
type InstitutionQuery struct {
	Type string `json:"fixmedins_type" wire:"C6,M,d"` // 1 medical institution, 2 pharmacy
	Name string `json:"fixmedins_name" wire:"C200"`
	Code string `json:"fixmedins_code" wire:"C12,d"`
}

// InstitutionInput is the input of 1201.
type InstitutionInput struct {
	Data InstitutionQuery `json:"medinsinfo"`
}

// Infno is 1201.
func (InstitutionQuery) Infno() string { return InfnoInstitution }

// Input builds the node.
func (q InstitutionQuery) Input() (any, bool, error) {
	input := InstitutionInput{Data: q}
	return input, false, checkMessage(input)
}

// Institution is a row of the answer of 1201.
type Institution struct{ Code, Name, CreditCode, Type, Level string }

// DecodeInstitutions reads the answer of 1201. The name of its node differs from centre to centre, so the first node
// that is there counts.
func DecodeInstitutions(a *Answer) ([]Institution, error) {
	out, err := readFields(a.Output)
	if err != nil {
		return nil, errors.New("the answer has no output")
	}
	node, _ := out.find("medinsinfo", "data", "result", "list")
	if node == nil {
		node = a.Output // the members stand in the output itself
	}
	rows, err := readRows(node)
	if err != nil {
		return nil, err
	}
	return mapRows(rows, func(f *fields) Institution {
		i := Institution{
			Code: f.text("fixmedins_code"), Name: f.text("fixmedins_name"), CreditCode: f.text("uscc"),
			Type: f.text("fixmedins_type"), Level: f.text("hosp_lv"),
		}
		if i.Code == "" {
			f.fail("fixmedins_code", errors.New("is missing"))
		}
		return i
	})
}
