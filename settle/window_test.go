package settle

import "testing"

func TestCheckRefundWindow(t *testing.T) {
	for _, c := range []struct {
		window Count
		today  Date
		open   bool
	}{
		{Count{}, 20300101, true},
		{Count{Set: true}, 20251231, true},
		{Count{Set: true}, 20260101, false},
		{Count{Set: true, Max: 7}, 20260107, true},
		{Count{Set: true, Max: 7}, 20260108, false},
	} {
		rules := DefaultRules()
		rules.Refund.MaxDays = c.window
		want := ERefundWindow
		if c.open {
			want = ""
		}
		wantReason(t, c.today.String(), CheckRefundWindow(rules, 20251231, c.today), want, "refund.max_days")
	}
}

func TestRollover(t *testing.T) {
	twoPots := Account{ID: "P", TwoPots: true, Current: 300, Prior: 500, Frozen: 600}
	for _, c := range []struct {
		name         string
		start, mode  string
		account      Account
		last, today  Date
		moves        bool
		prior, total Fen
	}{
		{"the year turned", "01-01", RolloverCurrentToPrior, twoPots, 20251231, 20260101, true, 800, 800},
		{"years later", "01-01", RolloverCurrentToPrior, twoPots, 20221231, 20260310, true, 800, 800},
		{"the same year", "01-01", RolloverCurrentToPrior, twoPots, 20260101, 20261231, false, 500, 800},
		{"June belongs to the old year", "07-01", RolloverCurrentToPrior, twoPots, 20250701, 20260630, false, 500, 800},
		{"July begins the new one", "07-01", RolloverCurrentToPrior, twoPots, 20260630, 20260701, true, 800, 800},
		{"no rollover here", "01-01", "none", twoPots, 20251231, 20260101, false, 500, 800},
		{"one pot", "01-01", RolloverCurrentToPrior, Account{ID: "P", Balance: 800}, 20251231, 20260101, false, 0, 800},
		{"balances of an unknown day", "01-01", RolloverCurrentToPrior, twoPots, 0, 20260101, false, 500, 800},
		{"the clock went back", "01-01", RolloverCurrentToPrior, twoPots, 20260101, 20251231, false, 500, 800},
	} {
		rules := DefaultRules()
		rules.Year.Start, rules.Year.Rollover = c.start, c.mode
		got, moved := Rollover(rules, c.account, c.last, c.today)
		if moved != c.moves || got.Prior != c.prior || got.money() != c.total || got.Frozen != c.account.Frozen {
			t.Errorf("%s: moved %v, %+v", c.name, moved, got)
		}
		again, movedAgain := Rollover(rules, got, c.today, c.today)
		if movedAgain || again != got {
			t.Errorf("%s: a second rollover on the same day changed %+v to %+v", c.name, got, again)
		}
	}
}
