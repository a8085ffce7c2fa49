package nhsa

// InfnoUnmapping is 3302 目录对照撤销. Its infcode is its whole answer.
const InfnoUnmapping = "3302"

// UnmappedItem is one row of the node data of 3302.
type UnmappedItem struct {
	Venue    string `json:"fixmedins_code" wire:"C12,M,d"`
	ShopCode string `json:"fixmedins_hilist_id" wire:"C30,M"`
	ListType string `json:"list_type" wire:"C6,M,d"`
	Code     string `json:"med_list_codg" wire:"C50,M"`
}

// Unmapping is the input of 3302.
type Unmapping struct {
	Rows []UnmappedItem `json:"data"`
}

// Infno is 3302.
func (Unmapping) Infno() string { return InfnoUnmapping }

// Input checks the rows.
func (m Unmapping) Input() (any, bool, error) {
	return m, false, checkMessage(m, func(f *faults) { f.batch("data", len(m.Rows), maxMapping) })
}
