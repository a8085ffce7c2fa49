package nhsa

import (
	"errors"

	"gongji/settle"
)

// InfnoDictionary is 1901 字典表查询: the authoritative source of every code table.
const InfnoDictionary = "1901"

// DictionaryQuery is the input node data of 1901.
type DictionaryQuery struct {
	Type   string      `json:"type" wire:"C30,M"`
	Parent string      `json:"parentValue" wire:"C10"`
	Area   string      `json:"admdvs" wire:"C6,d"`
	Day    settle.Date `json:"date" wire:"D"`
	Valid  string      `json:"valiFlag" wire:"C3,d"`
}

// DictionaryInput is the input of 1901.
type DictionaryInput struct {
	Data DictionaryQuery `json:"data"`
}

// Infno is 1901.
func (DictionaryQuery) Infno() string { return InfnoDictionary }

// Input builds the node.
func (q DictionaryQuery) Input() (any, bool, error) {
	input := DictionaryInput{Data: q}
	return input, false, checkMessage(input)
}

// DictionaryEntry is one code of a table.
type DictionaryEntry struct {
	Type, Label, Value, Parent string
	Valid                      bool
}

// DecodeDictionary reads the node list of 1901.
func DecodeDictionary(a *Answer) ([]DictionaryEntry, error) {
	rows, err := a.rows("list")
	if err != nil {
		return nil, err
	}
	return mapRows(rows, func(f *fields) DictionaryEntry {
		e := DictionaryEntry{
			Type: f.text("type"), Label: f.text("label"), Value: f.text("value"), Parent: f.text("parentvalue"),
			Valid: f.text("valiflag") != "0",
		}
		if e.Value == "" {
			f.fail("value", errors.New("is missing"))
		}
		return e
	})
}
