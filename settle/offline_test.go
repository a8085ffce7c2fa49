package settle

import (
	"errors"
	"testing"
	"time"
)

func TestCheckOfflineNamesTheFirstLimit(t *testing.T) {
	limits := OfflineLimits{
		MaxAge: 24 * time.Hour, MaxSale: CapOf(50000), MaxPersonTotal: CapOf(100000), MaxTotal: CapOf(2000000),
		MaxCount: 200, Allowed: true, Shared: true,
	}
	forbidden := limits
	forbidden.Allowed = false
	for _, c := range []struct {
		name   string
		limits OfflineLimits
		state  OfflineState
		asked  Fen
		code   Code
		limit  any
	}{
		{"inside every limit", limits, OfflineState{Age: time.Hour}, 50000, "", nil},
		{"exactly at each limit", limits, OfflineState{24 * time.Hour, 50000, 1950000, 199}, 50000, "", nil},
		{"ledger too old, whatever is asked", limits, OfflineState{Age: 24*time.Hour + 1}, 0, LedgerStale, "offline.max_age"},
		{"sale too large", limits, OfflineState{}, 50001, OfflineLimit, "offline.max_sale"},
		{"person's total", limits, OfflineState{PersonTotal: 99999}, 2, OfflineLimit, "offline.max_person_total"},
		{"everybody's total", limits, OfflineState{Total: 1999999}, 2, OfflineLimit, "offline.max_total"},
		{"count", limits, OfflineState{Count: 200}, 1, OfflineLimit, "offline.max_count"},
		{"cash only is no risk", limits, OfflineState{Total: 2000000, Count: 200}, 0, "", nil},
		{"region forbids", forbidden, OfflineState{}, 1, RuleRefused, nil},
		{"age before amount", limits, OfflineState{Age: 48 * time.Hour}, 99999999, LedgerStale, "offline.max_age"},
		{"no limits set", OfflineLimits{Allowed: true}, OfflineState{Age: 1e6 * time.Hour, Total: 1 << 40}, 1 << 40, "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := CheckOffline(c.limits, c.state, c.asked)
			if c.code == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			var e *Error
			if !errors.As(err, &e) || e.Code != c.code || e.Members["limit"] != c.limit {
				t.Fatalf("got %v, want %s at %v", err, c.code, c.limit)
			}
			if lift, _ := e.Members["lift"].(string); lift == "" {
				t.Error("nothing says what would let the sale through")
			}
		})
	}
}
