package settle

// Pot is a part of an account's money.
type Pot string

// The pots. A one-pot account has PotBalance, a two-pot account (Zhejiang, Shanghai) PotCurrent and PotPrior, and where
// the region keeps it apart PotMutual, the holder's own mutual account (个人共济账户, S-255); PotQuota is the frozen quota of
// a wallet binding (医保钱包).
const (
	PotBalance Pot = "balance"
	PotCurrent Pot = "current"
	PotPrior   Pot = "prior"
	PotMutual  Pot = "mutual"
	PotQuota   Pot = "quota"
)

// Account is a personal account (个人账户) as the planner sees it: what is available here and now, the own unsent
// settlements already taken off. All amounts are fen and not negative.
type Account struct {
	ID      PersonID
	Name    string `json:"-"` // holder's name; orders ties, never printed or stored from here
	Area    string // insured area, 6 digits
	Status  Status
	TwoPots bool
	Balance Fen // one-pot accounts
	Current Fen // two-pot accounts: money of this year
	Prior   Fen // two-pot accounts: money of earlier years
	Mutual  Fen // two-pot accounts: money set apart as the holder's mutual account; pays where Rules.Pots knows it
	Frozen  Fen // open wallet quotas the owner has set; lies on Balance, or on Prior, then Current, then Mutual

	Limit     Cap // spending limit the giver has set for all relatives together (S-020, decisions: scope all)
	LimitUsed Fen
}

// BindingMode is how a giver's money is reached.
type BindingMode string

// The modes: Direct debits the account, Wallet uses up a frozen quota.
const (
	Direct BindingMode = "direct"
	Wallet BindingMode = "wallet"
)

// Binding lets a giver's account pay for a beneficiary (家庭共济绑定).
type Binding struct {
	ID          string
	Giver       PersonID
	Beneficiary PersonID
	Relation    Relation
	Rank        int
	BoundAt     Date
	ValidFrom   Date
	ValidTo     Date // 0: open end; the day itself is included
	Mode        BindingMode
	QuotaTotal  Fen
	QuotaUsed   Fen

	Limit     Cap // limit for this relative alone; read where Rules say scope "each"
	LimitUsed Fen
}
