package settle

import "time"

// PersonBefore is what was known of a person until the centre said otherwise (S-098). It holds no number: whether that has
// changed is told.
type PersonBefore struct {
	From, Until   time.Time // centre times
	Masked        string
	Insurance     string
	Status        Status
	Area          string
	NumberChanged bool // the identity number that followed is another
	NameChanged   bool
}
