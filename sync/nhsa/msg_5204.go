package nhsa

import (
	"errors"

	"gongji/settle"
)

// InfnoSettledLines is 5204 费用明细查询.
const InfnoSettledLines = "5204"

// SettledLinesQuery is the input node data of 5204.
type SettledLinesQuery struct {
	PsnNo   string `json:"psn_no" wire:"C30,M"`
	SetlID  string `json:"setl_id" wire:"C30"`
	MdtrtID string `json:"mdtrt_id" wire:"C30,M"`
}

// SettledLinesInput is the input of 5204.
type SettledLinesInput struct {
	Data SettledLinesQuery `json:"data"`
}

// Infno is 5204.
func (SettledLinesQuery) Infno() string { return InfnoSettledLines }

// Input builds the node.
func (q SettledLinesQuery) Input() (any, bool, error) {
	input := SettledLinesInput{Data: q}
	return input, true, checkMessage(input)
}

// SettledLine is one line of a settlement as the centre has it.
type SettledLine struct {
	SetlID, Line, Code, ShopCode string
	Quantity, Price              string
	Total                        settle.Fen
}

// DecodeSettledLines reads the rows of 5204, which stand in the output under differing names or alone.
func DecodeSettledLines(a *Answer) ([]SettledLine, error) {
	node := a.Output
	if out, err := readFields(a.Output); err == nil {
		if found, _ := out.find("feedetail", "data", "list"); found != nil {
			node = found
		}
	}
	rows, err := readRows(node)
	if err != nil {
		return nil, err
	}
	return mapRows(rows, func(f *fields) SettledLine {
		line := SettledLine{
			SetlID: f.text("setl_id"), Line: f.text("feedetl_sn"), Code: f.text("med_list_codg"), ShopCode: f.text("medins_list_codg"),
			Quantity: f.text("cnt"), Price: f.text("pric"), Total: f.amount("det_item_fee_sumamt"),
		}
		if line.Line == "" {
			f.fail("feedetl_sn", errors.New("is missing"))
		}
		return line
	})
}
