package settle

// PersonID names a person inside this house. The ledger derives it with its own key from the centre's person number
// (人员编号), so it is stable on one installation and means nothing anywhere else.
type PersonID string

// Status is the state of a person's insurance or of an account, as the centre's feed states it.
type Status string

// The statuses of the feed. StatusFrozen, StatusDeceased and StatusClosed are locked by law: money of such an account
// never moves, whatever a region's policy says.
const (
	StatusNormal   Status = "normal"
	StatusPaused   Status = "paused"
	StatusEnded    Status = "ended"
	StatusFrozen   Status = "frozen"
	StatusDeceased Status = "deceased"
	StatusClosed   Status = "closed"
)

// Locked reports whether an account of this status may never pay (S-086, S-095, S-099, S-203).
func (s Status) Locked() bool {
	return s == StatusFrozen || s == StatusDeceased || s == StatusClosed
}

// KnownStatus reports whether s is one of the statuses of the feed.
func KnownStatus(s Status) bool {
	switch s {
	case StatusNormal, StatusPaused, StatusEnded, StatusFrozen, StatusDeceased, StatusClosed:
		return true
	}
	return false
}

// The two kinds of basic insurance (险种类型, insutype).
const (
	InsuranceEmployee = "310" // 职工基本医疗保险
	InsuranceResident = "390" // 城乡居民基本医疗保险
)

// Person is what the ledger knows of a person without the identity: enough to decide, not enough to leak.
type Person struct {
	ID        PersonID `json:"id"`
	Masked    string   `json:"masked"`    // masked name, 王*
	Insurance string   `json:"insurance"` // InsuranceEmployee or InsuranceResident
	Status    Status   `json:"status"`
	Area      string   `json:"area"`    // insured area, 6 digits (参保地医保区划)
	Waiting   bool     `json:"waiting"` // inside a waiting period (S-219)
}

// CardStatus is what the centre says of a card.
type CardStatus string

// The card statuses of the feed.
const (
	CardValid   CardStatus = "valid"
	CardLost    CardStatus = "lost"
	CardExpired CardStatus = "expired"
)

// Card is what the ledger knows of a card besides its numbers.
type Card struct {
	Owner   PersonID
	Status  CardStatus
	Expires Date // 0 where the centre does not say
}

// Relation is what the beneficiary is TO the giver.
type Relation string

// The eight kinds of near relatives (S-014).
const (
	Spouse              Relation = "spouse"
	Parent              Relation = "parent"
	Child               Relation = "child"
	Sibling             Relation = "sibling"
	PaternalGrandparent Relation = "paternal_grandparent"
	MaternalGrandparent Relation = "maternal_grandparent"
	SonGrandchild       Relation = "son_grandchild"
	DaughterGrandchild  Relation = "daughter_grandchild"

	SpouseParent Relation = "spouse_parent" // beyond the law's eight; a region may add it (binding.extra_relations)
)

// Relations lists the eight kinds in the order of the law.
var Relations = []Relation{
	Spouse, Parent, Child, Sibling, PaternalGrandparent, MaternalGrandparent, SonGrandchild, DaughterGrandchild,
}

// GiverTitle is what the giver is to the beneficiary, in Chinese for the cashier: a beneficiary who is the giver's
// parent is paid for by a child.
func (r Relation) GiverTitle() string {
	switch r {
	case Spouse:
		return "配偶"
	case Parent:
		return "子女"
	case Child:
		return "父母"
	case Sibling:
		return "兄弟姐妹"
	case PaternalGrandparent, MaternalGrandparent:
		return "孙辈"
	case SonGrandchild, DaughterGrandchild:
		return "祖辈"
	case SpouseParent:
		return "子女的配偶"
	}
	return "亲属"
}
