package centre

import (
	"errors"
	"fmt"
	"time"

	"gongji/settle"
	"gongji/sync/nhsa"
)

// Row is one line of the centre's book: a settlement, or, with negative amounts, a cancellation.
type Row struct {
	SetlID    string         `json:"setl_id"`
	MdtrtID   string         `json:"mdtrt_id"`
	MsgID     string         `json:"msgid"`
	Infno     string         `json:"infno"`
	Venue     string         `json:"venue"`
	PsnNo     string         `json:"psn_no"`
	Insurance string         `json:"insutype"`
	At        time.Time      `json:"at"`
	Figures   settle.Figures `json:"figures"`
	Pays      []Pay          `json:"pays"`
	Cancels   string         `json:"cancels,omitempty"` // setl_id of the settlement that a negative row cancels
	Undone    bool           `json:"undone,omitempty"`  // by a confirmed 2601: the row counts no more
	UndoneBy  string         `json:"undone_by,omitempty"`
	ClrType   string         `json:"clr_type,omitempty"`
	MedType   string         `json:"med_type,omitempty"`
	Batch     string         `json:"chrg_bchno,omitempty"` // of a clinic's settlement
	Lines     []rowLine      `json:"lines,omitempty"`

	cancelled bool // by a standing 2103
}

// Pay is what one pot of one account has paid; negative in a cancellation.
type Pay struct {
	PsnNo   string     `json:"psn_no"`
	Pot     settle.Pot `json:"pot"`
	Amount  settle.Fen `json:"amount"`
	Binding string     `json:"binding,omitempty"` // whose limit or quota it used
}

// rowLine is one line of a settlement.
type rowLine struct {
	Line     string      `json:"feedetl_sn"`
	Code     string      `json:"med_list_codg"`
	ShopCode string      `json:"medins_list_codg"`
	Quantity nhsa.Number `json:"cnt"`
	Price    nhsa.Number `json:"pric"`
	Total    nhsa.Amount `json:"det_item_fee_sumamt"`
}

// clrType is the clearing type of a row; rows of older journals do not carry it.
func (r *Row) clrType() string {
	if r.ClrType == "" {
		return clrPharmacy
	}
	return r.ClrType
}

// The clearing types of this centre.
const (
	clrClinic   = "11"
	clrPharmacy = "41"
)

// wanted is what a sale asks the accounts for.
type wanted struct {
	total, fund settle.Fen
	own, shared settle.Fen // the own account pays own at most; relatives pay shared and what the own account lacks
}

// split is the centre's own: the patient's account, then the relatives by rank, then cash.
func (c *Centre) split(patient string, day settle.Date, w wanted) (settle.Figures, []Pay) {
	figures := settle.Figures{Total: w.total, Fund: w.fund}
	payable := w.own + w.shared
	var pays []Pay
	if own := c.accounts[patient]; own != nil {
		taken := own.take(patient, "", w.own, []settle.Pot{settle.PotBalance, settle.PotCurrent, settle.PotPrior})
		pays = append(pays, taken...)
		figures.Own = sum(taken)
	}
	for _, b := range c.givers(patient, day) {
		from := c.accounts[b.Giver]
		if from == nil || from.Status != settle.StatusNormal {
			continue
		}
		want := min(payable-figures.Own-figures.Shared, c.left(b))
		taken := from.take(b.Giver, b.ID, want, []settle.Pot{settle.PotBalance, settle.PotPrior, settle.PotCurrent})
		pays = append(pays, taken...)
		figures.Shared += sum(taken)
	}
	figures.Cash = figures.Total - figures.Fund - figures.Own - figures.Shared
	return figures, pays
}

func sum(pays []Pay) (all settle.Fen) {
	for _, pay := range pays {
		all += pay.Amount
	}
	return all
}

// take plans up to want from the pots in order; nothing is debited yet.
func (a *account) take(psn, binding string, want settle.Fen, order []settle.Pot) []Pay {
	balance, current, prior := a.usable()
	have := map[settle.Pot]settle.Fen{settle.PotBalance: balance, settle.PotCurrent: current, settle.PotPrior: prior}
	var pays []Pay
	for _, pot := range order {
		if amount := min(want, have[pot]); amount > 0 {
			pays = append(pays, Pay{psn, pot, amount, binding})
			want -= amount
		}
	}
	return pays
}

// left is what the limits that hold for a binding, and its quota, still let through.
func (c *Centre) left(b *binding) settle.Fen {
	left := settle.Fen(1) << 50
	for _, o := range c.limitedWith(b) {
		left = min(left, max(0, o.Limit.Max-o.LimitUsed))
	}
	if b.Mode == settle.Wallet {
		left = min(left, max(0, b.QuotaTotal-b.QuotaUsed))
	}
	return left
}

// move debits the pays of a row, or credits them where sign is -1.
func (c *Centre) move(pays []Pay, sign settle.Fen) {
	for _, pay := range pays {
		a := c.accounts[pay.PsnNo]
		*a.pot(pay.Pot) -= sign * pay.Amount
		a.change = c.changed()
		if b := c.bindings[pay.Binding]; b != nil {
			c.use(b, sign*pay.Amount)
		}
	}
}

// use counts money against the quota and the limits of a binding; a limit for all relatives together is used up by each.
func (c *Centre) use(b *binding, amount settle.Fen) {
	if b.Mode == settle.Wallet {
		b.QuotaUsed += amount
		b.change = c.changed()
	}
	for _, o := range c.limitedWith(b) {
		o.LimitUsed += amount
		o.change = c.changed()
	}
}

// limitedWith are the bindings that share the limit of b: b alone, or every one of the giver's where it is for all.
func (c *Centre) limitedWith(b *binding) []*binding {
	var shared []*binding
	if b.Limit.Set && !b.LimitAll {
		shared = append(shared, b)
	}
	for _, o := range c.bound[b.Giver] {
		if o.Giver == b.Giver && o.LimitAll && o.Limit.Set {
			shared = append(shared, o)
		}
	}
	return shared
}

// affordable reports whether the pays could be debited again.
func (c *Centre) affordable(pays []Pay) bool {
	need := map[Pay]settle.Fen{}
	for _, pay := range pays {
		key := Pay{PsnNo: pay.PsnNo, Pot: pay.Pot}
		need[key] += pay.Amount
		if a := c.accounts[pay.PsnNo]; a == nil || *a.pot(pay.Pot) < need[key] {
			return false
		}
	}
	return true
}

var errStrangePay = errors.New("is paid from an account that is not there")

// book writes a row. The rows of the journal come through here again at the next start.
func (c *Centre) book(row *Row) error {
	if c.bySetl[row.SetlID] != nil || c.byMsg[row.MsgID] != nil {
		return fmt.Errorf("row %s is booked already", row.SetlID)
	}
	if row.Cancels != "" {
		original := c.bySetl[row.Cancels]
		if original == nil {
			return fmt.Errorf("row %s cancels one that is not there", row.SetlID)
		}
		original.cancelled = true
	}
	for _, pay := range row.Pays {
		if c.accounts[pay.PsnNo] == nil {
			return fmt.Errorf("row %s %w", row.SetlID, errStrangePay)
		}
	}
	c.move(row.Pays, 1)
	c.rows = append(c.rows, row)
	c.bySetl[row.SetlID], c.byMsg[row.MsgID] = row, row
	c.serial = max(c.serial, serialOf(row.SetlID))
	if row.At.After(c.last) {
		c.last = row.At
	}
	return nil
}

// undo takes a row out of the count; what it moved moves back.
func (c *Centre) undo(msgid, by string) error {
	row := c.byMsg[msgid]
	if row == nil || row.Undone {
		return fmt.Errorf("nothing to undo under %s", msgid)
	}
	if row.Cancels != "" {
		c.bySetl[row.Cancels].cancelled = false
	}
	row.Undone, row.UndoneBy = true, by
	c.used[by] = true
	c.move(row.Pays, -1)
	return nil
}

// setl_ids and mdtrt_ids carry the serial, so that it goes on after a restart.
func (c *Centre) setlID(serial int64) string  { return fmt.Sprintf("S%s%012d", c.options.Area, serial) }
func (c *Centre) mdtrtID(serial int64) string { return fmt.Sprintf("M%s%012d", c.options.Area, serial) }

func serialOf(setlID string) (serial int64) {
	if len(setlID) > 12 {
		_, _ = fmt.Sscanf(setlID[len(setlID)-12:], "%d", &serial) // a foreign id has no serial to go on from
	}
	return serial
}
