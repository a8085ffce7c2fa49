package settle

import (
	"testing"
	"time"
)

func TestDateIsBeijings(t *testing.T) {
	at := time.Date(2026, 3, 10, 17, 30, 0, 0, time.UTC)
	if got := DateOf(at); got != 20260311 || got.String() != "2026-03-11" {
		t.Errorf("17:30 UTC is %s in Beijing, want 2026-03-11", got)
	}
	last := time.Date(2026, 12, 31, 15, 59, 59, 0, time.UTC)
	if DateOf(last).Year() != 2026 || DateOf(last.Add(time.Second)).Year() != 2027 {
		t.Error("the year turns at Beijing midnight")
	}
}

func TestParseDateIsStrict(t *testing.T) {
	if d, err := ParseDate("2028-02-29"); err != nil || d != 20280229 {
		t.Errorf("leap day: %v %v", d, err)
	}
	if d, err := ParseDate(""); err != nil || d != 0 || d.String() != "" {
		t.Errorf("no date: %v %v", d, err)
	}
	for _, bad := range []string{"2027-02-29", "2026-13-01", "20260101", "2026-1-1", "2026-01-01T00:00:00Z"} {
		if d, err := ParseDate(bad); err == nil {
			t.Errorf("%q read as %s", bad, d)
		}
	}
	if got := Date(20261231).AddDays(1); got != 20270101 {
		t.Errorf("the day after is %s", got)
	}
}
