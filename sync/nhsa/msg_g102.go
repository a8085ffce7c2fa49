package nhsa

// InfnoDelta is G102: everything that changed since a cursor. It is our extension, like G101.
const InfnoDelta = "G102"

// DeltaQuery is the input node data of G102. An empty cursor asks for everything.
type DeltaQuery struct {
	Cursor string `json:"cursor" wire:"C64"`
	Limit  int    `json:"limit"` // entries in a page
}

// DeltaInput is the input of G102.
type DeltaInput struct {
	Data DeltaQuery `json:"data"`
}

// Infno is G102.
func (DeltaQuery) Infno() string { return InfnoDelta }

// Input builds the node.
func (q DeltaQuery) Input() (any, bool, error) {
	input := DeltaInput{Data: q}
	return input, false, checkMessage(input, func(f *faults) {
		if q.Limit < 1 {
			f.add("data.limit", "must be above 0")
		}
	})
}
