package session

import (
	"context"
	"log/slog"

	"gongji/cardreader"
	"gongji/settle"
)

// Reader is the supervised card reader as the session needs it. *cardreader.Reader is one.
type Reader interface {
	// Status is the reader's state and the card in it at one moment.
	Status() cardreader.Status
	// Seq is the reader's sequence number now; it rises with every insertion, removal and fault.
	Seq() uint64
	// Subscribe delivers events until the returned function is called; a slow subscriber loses the oldest ones.
	Subscribe(buffer int) (<-chan cardreader.Event, func())
}

// Vault seals what must be readable again and hashes what must be found again. *ledger.Ledger is one.
type Vault interface {
	// Seal encrypts data with the ledger's key; kind is bound into the seal.
	Seal(kind string, data []byte) ([]byte, error)
	// Index is the keyed hash of a value of a kind ("certno", "card", "agent"): equal values, equal hashes, and
	// nothing to be read from them.
	Index(kind, value string) string
}

// Ledger is the settling side. Errors are *settle.Error.
type Ledger interface {
	Vault
	// PersonByNumber finds a person by Index("certno", number); PERSON_UNKNOWN where the ledger has none.
	PersonByNumber(ctx context.Context, hash string) (settle.Person, error)
	// CardByHash finds a card by Index("card", number+"|"+identifier); ok is false where the ledger has none.
	CardByHash(ctx context.Context, hash string) (card settle.Card, ok bool, err error)
	// Person is a person by id; PERSON_UNKNOWN where the ledger has none.
	Person(ctx context.Context, id settle.PersonID) (settle.Person, error)
	// Quote plans a sale and changes nothing. PERSON_UNKNOWN, RULE_REFUSED, LEDGER_STALE, OFFLINE_LIMIT.
	Quote(ctx context.Context, sale settle.Sale, offline bool) (settle.Quote, error)
	// Settle books a sale; replayed is true where the sale id was already settled with the same content. As Quote, and
	// QUOTE_CHANGED (member quote holds the new settle.Quote), IDEMPOTENCY_CONFLICT, STORE_FULL, STORE_BROKEN, and
	// whatever Confirm returns.
	Settle(ctx context.Context, order settle.SettleOrder) (result settle.Settlement, replayed bool, err error)
	// Return books a reversal or a refund; replayed as in Settle. NOT_FOUND, ALREADY_REVERSED, REFUND_OVER,
	// IDEMPOTENCY_CONFLICT, RULE_REFUSED, STORE_FULL, STORE_BROKEN, and whatever Confirm returns.
	Return(ctx context.Context, order settle.ReturnOrder) (result settle.Return, replayed bool, err error)
	// Settlement and SettlementBySale find what was settled; NOT_FOUND. pos narrows a sale id to one till first.
	Settlement(ctx context.Context, id string) (settle.Settlement, error)
	SettlementBySale(ctx context.Context, pos, saleID string) (settle.Settlement, error)
	// ReturnByID finds a reversal or refund by the till's id; NOT_FOUND.
	ReturnByID(ctx context.Context, pos, id string) (settle.Return, error)
	// Accounts are the accounts that a person's card opens: the own one first, then the givers' in bound order.
	Accounts(ctx context.Context, person settle.PersonID) ([]settle.AccountView, error)
	// GiverByRef turns the opaque giver_ref of a quote back into the giver; ok is false for a foreign reference.
	GiverByRef(ctx context.Context, patient settle.PersonID, ref string) (giver settle.PersonID, ok bool, err error)
	// Explain tells why a settlement was split as it was; NOT_FOUND. ExplainQuote is the same for a quote.
	Explain(ctx context.Context, settlement string) ([]settle.Explanation, error)
	ExplainQuote(quote *settle.Quote) ([]settle.Explanation, error)
	Family
	Premiums
	// AttentionList are the open items of the work list; Decide takes one off and carries the decision out. NOT_FOUND where
	// it is not open, BAD_REQUEST where it asks for another decision.
	AttentionList(ctx context.Context, limit int) ([]settle.Attention, error)
	Decide(ctx context.Context, order settle.AttentionOrder) error
}

// Family is the ledger's side of bindings.
type Family interface {
	// Bindings are a person's bindings on both sides and the open requests about them; PERSON_UNKNOWN.
	Bindings(ctx context.Context, person settle.PersonID) (settle.FamilyView, error)
	// RequestBinding books a request to the centre; replayed as in Settle. Nothing counts before the centre confirms.
	RequestBinding(ctx context.Context, order settle.BindingOrder) (view settle.RequestView, replayed bool, err error)
	// PreviewBinding checks as RequestBinding and books nothing; the answer has the digest by which people confirm.
	PreviewBinding(ctx context.Context, order settle.BindingOrder) (view settle.RequestView, err error)
	// Request finds a request by the till's id; NOT_FOUND.
	Request(ctx context.Context, id string) (settle.RequestView, error)
}

// Premiums is the ledger's side of contributions.
type Premiums interface {
	// PayPremium books a contribution; replayed as in Settle.
	PayPremium(ctx context.Context, order settle.PremiumOrder) (view settle.PremiumView, replayed bool, err error)
	// CancelPremium takes a whole contribution back; replayed as in Settle.
	CancelPremium(ctx context.Context, order settle.PremiumCancelOrder) (cancel settle.PremiumCancel, replayed bool, err error)
	// PreviewCancel checks as CancelPremium and books nothing.
	PreviewCancel(ctx context.Context, order settle.PremiumCancelOrder) (cancel settle.PremiumCancel, err error)
	// Premium and PremiumCancellation find by the till's id; NOT_FOUND.
	Premium(ctx context.Context, id string) (settle.PremiumView, error)
	PremiumCancellation(ctx context.Context, id string) (settle.PremiumCancel, error)
}

// Centre is the upstream side as a sale needs it.
type Centre interface {
	// Refresh asks the centre about the holder of a credential and applies the answer to the ledger. It returns
	// UPSTREAM_SILENT when the centre does not answer within ctx.
	Refresh(ctx context.Context, credential cardreader.Credential) error
	// Resolve asks the centre once whose 医保码 this is, applies the answer to the ledger and names the person. The code goes
	// out once and is in no error, log or store. UPSTREAM_SILENT when the centre does not answer within ctx, PERSON_UNKNOWN
	// when it refuses the code.
	Resolve(ctx context.Context, code string) (Resolved, error)
	// Offline reports whether the centre is not reachable now.
	Offline() bool
}

// Resolved is the person a code was issued to, as the centre names them.
type Resolved struct {
	Person settle.PersonID
	Number settle.IDNumber
	Name   string
}

// LogValue keeps the name out of logs.
func (r Resolved) LogValue() slog.Value { return slog.StringValue(string(r.Person)) }
