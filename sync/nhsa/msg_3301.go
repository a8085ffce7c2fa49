package nhsa

import (
	"fmt"

	"gongji/settle"
)

// InfnoMapping is 3301 目录对照上传: which national item a shop's own code stands for. A change is done as 3302 and then
// 3301. Its infcode is its whole answer.
const InfnoMapping = "3301"

// maxMapping is the most rows in one message, as clients keep it.
const maxMapping = 100

// MappedItem is one row of the node data of 3301.
type MappedItem struct {
	ShopCode string      `json:"fixmedins_hilist_id" wire:"C30,M"`
	ShopName string      `json:"fixmedins_hilist_name" wire:"C200,M"`
	ListType string      `json:"list_type" wire:"C6,M,d"`
	Code     string      `json:"med_list_codg" wire:"C50,M"`
	Begin    settle.Date `json:"begndate" wire:"D,M"`
	End      settle.Date `json:"enddate" wire:"D,M"`
}

// Mapping is the input of 3301.
type Mapping struct {
	Rows []MappedItem `json:"data"`
}

// Infno is 3301.
func (Mapping) Infno() string { return InfnoMapping }

// Input checks the rows.
func (m Mapping) Input() (any, bool, error) {
	return m, false, checkMessage(m, func(f *faults) { f.batch("data", len(m.Rows), maxMapping) })
}

func (f *faults) batch(place string, rows, most int) {
	if rows < 1 || rows > most {
		f.add(place, fmt.Sprintf("must have 1 to %d rows", most))
	}
}
