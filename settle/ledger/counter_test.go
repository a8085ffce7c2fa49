package ledger

import (
	"testing"
	"time"

	"gongji/settle"
)

// TestCardThatTheCentreNeverNamed: whoever its chip names, such a card settles nothing, online as little as offline.
func TestCardThatTheCentreNeverNamed(t *testing.T) {
	h := newHouse(t)
	for _, offline := range []bool{false, true} {
		order := h.order(h.patient, line("1", 100))
		order.Offline = offline
		order.Presence.CardHash = h.Index(KindCard, "X99999999|0000")
		_, _, err := h.Settle(t.Context(), order)
		wantCode(t, err, settle.PersonUnknown)
	}
	h.wantAvailable(h.patient, 1000)
}

// TestPartialReturnNamesWholePacks: a code stands for a pack, so neither half a pack nor a pack without its code comes
// back, or a pack that somebody keeps could be sold again and one that came back could not.
func TestPartialReturnNamesWholePacks(t *testing.T) {
	h := newHouse(t)
	l := line("1", 300)
	l.Class, l.Quantity, l.UnitPrice, l.TraceCodes = "drug_a", "3", "1.00", []string{"8101", "8102", "8103"}
	sold := h.settle(h.order(h.patient, l))
	for name, back := range map[string]settle.ReturnLine{
		"half a pack":        {ID: "1", Quantity: "0.5", TraceCodes: []string{"8101"}},
		"a pack and a half":  {ID: "1", Quantity: "1.5", TraceCodes: []string{"8101"}},
		"no code":            {ID: "1", Quantity: "1"},
		"too few":            {ID: "1", Quantity: "2", TraceCodes: []string{"8101"}},
		"more than returned": {ID: "1", Quantity: "1", TraceCodes: []string{"8101", "8102"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := h.Return(t.Context(), giveBack("R-"+name, sold.ID, back))
			wantCode(t, err, settle.BadRequest)
		})
	}
	h.giveBack(giveBack("R1", sold.ID, settle.ReturnLine{ID: "1", Quantity: "1", TraceCodes: []string{"8101"}}))
	h.giveBack(giveBack("R2", sold.ID, settle.ReturnLine{ID: "1", Quantity: "2"})) // the whole rest needs no codes
}

// TestQuoteChangesOnlyWithWhatItSays: a relative's purchase that this bill would not touch leaves the quote standing, one
// that takes the money it counted on does not.
func TestQuoteChangesOnlyWithWhatItSays(t *testing.T) {
	h := newHouse(t)
	small, large := h.order(h.patient, line("1", 100)), h.order(h.patient, line("1", 9_000_00))
	quote := func(order settle.SettleOrder) string {
		t.Helper()
		q, err := h.Quote(t.Context(), order.Sale, false)
		if err != nil {
			t.Fatal(err)
		}
		return q.Digest
	}
	small.QuoteDigest, large.QuoteDigest = quote(small), quote(large)
	s := h.family()
	s.ID, s.CentreTime = "S-2", s.CentreTime.Add(time.Second)
	for i := range s.Accounts {
		if h.PersonID(s.Accounts[i].PsnNo) != h.id(h.patient) {
			s.Accounts[i].Balance -= 100
		}
	}
	h.apply(s)
	_, _, err := h.Settle(t.Context(), large)
	wantCode(t, err, settle.QuoteChanged)
	h.settle(small)
}
