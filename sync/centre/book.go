package centre

import (
	"errors"
	"fmt"
	"slices"
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
	Cancelled bool           `json:"cancelled,omitempty"` // by a standing 2103
	Took      []Took         `json:"took,omitempty"`      // of its venue's allowances

	Leave promised `json:"leave,omitempty"` // of its venue's allowances to other sales
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

	accounts []nhsa.ExpectedAccount // the till has debited these and no others; nil: this centre chooses
	leave    promised
}

// ownPots is the order in which this centre draws on the patient's own account.
var ownPots = []settle.Pot{settle.PotBalance, settle.PotCurrent, settle.PotPrior, settle.PotMutual}

// sharedPots are the pots of a giver's account that relatives are paid from, in the planner's order: a mutual account pays for
// relatives where the region shares nothing else, and not at all where it shares the rest.
func (w *work) sharedPots(from *account) []settle.Pot {
	rules := settle.Rules{ShareFrom: w.options.ShareFrom}
	return rules.SharedPots(&settle.Account{TwoPots: from.TwoPots})
}

// split is the centre's own: the patient's account, then the relatives by rank, then cash. Where the till names the accounts,
// those pay what it says as far as they may, and nobody stands in for them: another relative's money may be promised for
// another sale.
func (w *work) split(patient string, day settle.Date, ask wanted) (settle.Figures, []Pay) {
	if len(ask.accounts) > 0 {
		return w.splitAs(patient, day, ask)
	}
	figures := settle.Figures{Total: ask.total, Fund: ask.fund}
	payable := ask.own + ask.shared
	var pays []Pay
	if own := w.accounts.at(patient); own != nil {
		taken := own.take(patient, "", ask.own, w.withheld(patient, patient, nil, ask.leave), ownPots)
		pays = append(pays, taken...)
		figures.Own = sum(taken)
	}
	for _, b := range w.givers(patient, day) {
		from := w.accounts.at(b.Giver)
		if from == nil || from.Status != settle.StatusNormal {
			continue
		}
		want := min(payable-figures.Own-figures.Shared, w.left(b))
		taken := from.take(b.Giver, b.ID, want, w.withheld(b.Giver, patient, b, ask.leave), w.sharedPots(from))
		pays = append(pays, taken...)
		figures.Shared += sum(taken)
	}
	figures.Cash = figures.Total - figures.Fund - figures.Own - figures.Shared
	return figures, pays
}

// splitAs is split among the accounts that the till names.
func (w *work) splitAs(patient string, day settle.Date, ask wanted) (settle.Figures, []Pay) {
	figures := settle.Figures{Total: ask.total, Fund: ask.fund}
	var pays []Pay
	givers := w.givers(patient, day)
	for _, named := range ask.accounts {
		from := w.accounts.at(named.PsnNo)
		if from == nil {
			continue
		}
		if named.PsnNo == patient {
			taken := from.take(patient, "", min(named.Amount, ask.own), w.withheld(patient, patient, nil, ask.leave), ownPots)
			pays = append(pays, taken...)
			figures.Own += sum(taken)
			continue
		}
		i := slices.IndexFunc(givers, func(b *binding) bool { return b.Giver == named.PsnNo })
		if i < 0 || from.Status != settle.StatusNormal {
			continue
		}
		b := givers[i]
		taken := from.take(b.Giver, b.ID, min(named.Amount, ask.shared-figures.Shared, w.left(b)), w.withheld(b.Giver, patient, b, ask.leave), w.sharedPots(from))
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

// withheld is what of an account a patient's sale must leave alone: what other venues hold, what is kept for this venue's
// rebookings of others, and of this venue's allowance what it leaves to other sales; through a wallet all of the allowance,
// since the till covers no quota with it. through is nil for the own account.
func (w *work) withheld(psn, patient string, through *binding, leave promised) settle.Fen {
	here := w.heldHere(psn)
	if through == nil || through.Mode != settle.Wallet {
		here = min(here, leave[psn])
	}
	return w.heldElsewhere(psn) + w.keptHere(psn, patient) + here
}

// take plans up to want from the pots in order, and leaves what is held; nothing is debited yet.
func (a *account) take(psn, binding string, want, held settle.Fen, order []settle.Pot) []Pay {
	have := a.usable(held)
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
func (w *work) left(b *binding) settle.Fen {
	left := settle.Fen(1) << 50
	for _, o := range w.limitedWith(b) {
		left = min(left, max(0, o.Limit.Max-o.LimitUsed))
	}
	if b.Mode == settle.Wallet {
		left = min(left, max(0, b.QuotaTotal-b.QuotaUsed))
	}
	return left
}

// move debits the pays of a row, or credits them where sign is -1. What a venue debits comes out of what is kept for its
// patient's rebooking, and then out of its allowance but for what it leaves to other sales; what it credits is everybody's.
func (w *work) move(venue, patient string, pays []Pay, sign settle.Fen, leave promised) {
	kept := w.keptFor(venue, patient, pays, sign)
	for _, pay := range pays {
		*w.accounts.at(pay.PsnNo).pot(pay.Pot) -= sign * pay.Amount
		w.tell(changedAccount, pay.PsnNo)
		var b *binding
		if pay.Binding != "" {
			b = w.bindings.at(pay.Binding)
		}
		if b != nil {
			w.use(b, sign*pay.Amount)
		}
		if b == nil || b.Mode != settle.Wallet {
			covered := max(0, min(kept[pay.PsnNo], sign*pay.Amount))
			kept[pay.PsnNo] -= covered
			w.spend(venue, pay.PsnNo, sign*pay.Amount-covered, leave[pay.PsnNo])
		}
	}
}

// use counts money against the quota and the limits of a binding; a limit for all relatives together is used up by each.
func (w *work) use(b *binding, amount settle.Fen) {
	if b.Mode == settle.Wallet {
		b.QuotaUsed = max(0, b.QuotaUsed+amount)
		w.tell(changedBinding, b.ID)
	}
	for _, o := range w.limitedWith(b) {
		o.LimitUsed = max(0, o.LimitUsed+amount) // a return of what was bought before the limit was set frees nothing of it
		w.tell(changedBinding, o.ID)
	}
}

// limitedWith are the bindings that share the limit of b: b alone, or every one of the giver's where it is for all.
func (w *work) limitedWith(b *binding) []*binding {
	var shared []*binding
	if b.Limit.Set && !b.LimitAll {
		shared = append(shared, b)
	}
	for _, o := range w.bindings.find("giver", b.Giver) {
		if o.LimitAll && o.Limit.Set {
			shared = append(shared, o)
		}
	}
	return shared
}

// affordable reports whether the pays could be debited again without touching what is promised to anybody, the venue that asks
// included: it may have sold within its allowance since, and counts on it.
func (w *work) affordable(patient string, pays []Pay) bool {
	need := map[Pay]settle.Fen{}
	for _, pay := range pays {
		key := Pay{PsnNo: pay.PsnNo, Pot: pay.Pot}
		need[key] += pay.Amount
		if a := w.accounts.at(pay.PsnNo); a == nil || *a.pot(pay.Pot)-w.heldElsewhere(pay.PsnNo)-w.keptHere(pay.PsnNo, patient)-w.heldHere(pay.PsnNo) < need[key] {
			return false
		}
	}
	return true
}

var errStrangePay = errors.New("is paid from an account that is not there")

// book writes a row. The rows of the journal come through here again at the next start.
func (w *work) book(row *Row) error {
	if w.tx == nil && (w.rows.has(row.SetlID) || w.used.has(row.MsgID)) { // a Store gave the number and was asked for the msgid
		return fmt.Errorf("row %s is booked already", row.SetlID)
	}
	if row.Cancels != "" {
		original := w.rows.at(row.Cancels)
		if original == nil {
			return fmt.Errorf("row %s cancels one that is not there", row.SetlID)
		}
		original.Cancelled = true
	}
	for _, pay := range row.Pays {
		if !w.accounts.has(pay.PsnNo) {
			return fmt.Errorf("row %s %w", row.SetlID, errStrangePay)
		}
	}
	before := w.grantsOf(row)
	w.move(row.Venue, row.PsnNo, row.Pays, 1, row.Leave)
	row.Took = w.takenSince(row, before)
	w.saw(row.Venue, row.At, row.PsnNo)
	for _, pay := range row.Pays {
		w.saw(row.Venue, row.At, pay.PsnNo)
	}
	w.touchPerson(row.PsnNo)
	w.rows.put(row.SetlID, row)
	if w.used.put(row.MsgID, true); row.Cancels == "" {
		w.tally.settled++
	} else {
		w.tally.cancelled++
	}
	w.serial = max(w.serial, serialOf(row.SetlID))
	if row.At.After(w.last) {
		w.last = row.At
	}
	return nil
}

// rowUnder is the row of a msgid, or nil.
func (w *work) rowUnder(msgid string) *Row {
	if rows := w.rows.find("msgid", msgid); len(rows) > 0 {
		return rows[0]
	}
	return nil
}

// undo takes a row out of the count; what it moved moves back.
func (w *work) undo(msgid, by string) error {
	row := w.rowUnder(msgid)
	if row == nil || row.Undone {
		return fmt.Errorf("nothing to undo under %s", msgid)
	}
	if row.Cancels != "" {
		w.rows.at(row.Cancels).Cancelled = false
	}
	row.Undone, row.UndoneBy = true, by
	w.used.put(by, true)
	w.tally.undone++
	var leave promised
	if row.Cancels != "" { // what was cancelled stands again, paid with money that was nobody's; the allowance is others'
		leave = w.heldBy(row)
	}
	w.move(row.Venue, row.PsnNo, row.Pays, -1, leave)
	w.giveAgain(row)
	w.touchPerson(row.PsnNo)
	return nil
}

// setl_ids and mdtrt_ids carry the serial, so that it goes on after a restart.
func (w *work) setlID(serial int64) string  { return fmt.Sprintf("S%s%012d", w.options.Area, serial) }
func (w *work) mdtrtID(serial int64) string { return fmt.Sprintf("M%s%012d", w.options.Area, serial) }

func serialOf(setlID string) (serial int64) {
	if len(setlID) > 12 {
		_, _ = fmt.Sscanf(setlID[len(setlID)-12:], "%d", &serial) // a foreign id has no serial to go on from
	}
	return serial
}
