package ledger

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gongji/settle"
)

// busy is a ledger with something of everything; it returns the settlements.
func busy(t *testing.T) (*house, []settle.Settlement) {
	h := newHouse(t)
	var sold []settle.Settlement
	for i := range 4 {
		sold = append(sold, h.settle(h.order(h.patient, line("1", settle.Fen(500+i)), line("2", 300))))
	}
	h.giveBack(giveBack("R1", sold[0].ID, settle.ReturnLine{ID: "2", Quantity: "1"}))
	h.giveBack(giveBack("R2", sold[1].ID))
	for range 3 {
		h.accept(h.due(), noon)
	}
	return h, sold
}

func TestVerifyDirOfAClosedAndOfARunningLedger(t *testing.T) {
	h, _ := busy(t)
	check := func() {
		t.Helper()
		last := 0
		report, err := VerifyDir(t.Context(), h.options.Dir, func(done, total int) {
			if last = done; done > total {
				t.Errorf("progress %d of %d", done, total)
			}
		})
		if err != nil || !report.OK() || report.Settlements != 4 || report.Returns != 2 || report.Outcomes != 3 || last != report.Records {
			t.Errorf("report %+v, %v", report, err)
		}
	}
	check()
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	check()
	_, err := VerifyDir(t.Context(), t.TempDir(), nil)
	wantCode(t, err, settle.StoreBroken)
}

func TestTamperingIsNamed(t *testing.T) {
	for name, c := range map[string]struct {
		statement string
		kind      FindingKind
		where     string // %s: the settlement concerned
	}{
		"shared part":         {"UPDATE settlement SET shared = shared - 1, cash = cash + 1 WHERE ref = '%s'", FoundChanged, "settlement %s"},
		"patient":             {"UPDATE settlement SET person = 5 WHERE ref = '%s'", FoundChanged, "settlement %s"},
		"posting":             {"UPDATE posting SET amount = amount - 1 WHERE record = (SELECT record FROM settlement WHERE ref = '%s')", FoundChanged, "settlement %s"},
		"payer":               {"UPDATE posting SET person = 5 WHERE record = (SELECT record FROM settlement WHERE ref = '%s')", FoundChanged, "settlement %s"},
		"posting removed":     {"DELETE FROM posting WHERE record = (SELECT record FROM settlement WHERE ref = '%s')", FoundRemoved, "settlement %s"},
		"posting inserted":    {"INSERT INTO posting SELECT NULL, record, report, settlement, premium, leg, person, patient, pot, day, amount, after, centre, covered FROM posting WHERE record = (SELECT record FROM settlement WHERE ref = '%s')", FoundInserted, "settlement %s"},
		"acknowledgement":     {"UPDATE posting SET centre = 5 WHERE record = (SELECT record FROM settlement WHERE ref = '%s')", FoundChanged, "settlement %s"},
		"line":                {"UPDATE line SET total = total + 1 WHERE n = 1 AND settlement = (SELECT id FROM settlement WHERE ref = '%s')", FoundChanged, "settlement %s"},
		"presence":            {"UPDATE presence SET seq = seq + 1 WHERE settlement = (SELECT id FROM settlement WHERE ref = '%s')", FoundChanged, "settlement %s"},
		"presence removed":    {"DELETE FROM presence WHERE settlement = (SELECT id FROM settlement WHERE ref = '%s')", FoundRemoved, "settlement %s"},
		"report removed":      {"DELETE FROM report WHERE record = (SELECT record FROM settlement WHERE ref = '%s')", FoundRemoved, "settlement %s"},
		"settlement removed":  {"DELETE FROM settlement WHERE ref = '%s'", FoundRemoved, "settlement %s"},
		"settlement inserted": {"INSERT INTO settlement (ref, pos, sale_id, receipt, person, at, day, med_type, med_group, disease, area, total, fund, own, shared, cash, shop, offline, at_risk, record) SELECT 'forged', pos, 'forged', 'forged', person, at, day, med_type, med_group, disease, area, total, fund, own, shared, cash, shop, offline, at_risk, 900 FROM settlement WHERE ref = '%s'", FoundInserted, "settlement forged"},
		"given back":          {"UPDATE settlement SET back_total = 1, back_shared = 1 WHERE ref = '%s'", FoundChanged, "settlement %s"},
		"state":               {"UPDATE settlement SET shop = 'reversed' WHERE ref = '%s'", FoundChanged, "settlement %s"},
		"refund":              {"UPDATE refund SET own = own + 1, total = total + 1 WHERE return_id = 'R1' AND '%s' <> ''", FoundChanged, "return R1"},
		"refund removed":      {"DELETE FROM refund WHERE return_id = 'R2' AND '%s' <> ''", FoundRemoved, "return R2"},
		"journal":             {"UPDATE dispatch SET state = 'refused' WHERE record = 7 AND '%s' <> ''", FoundChanged, "dispatch "},
		"record hash":         {"UPDATE chain SET hash = zeroblob(32) WHERE ref = '%s'", FoundChanged, "settlement %s"},
		"record":              {"UPDATE chain SET doc = (SELECT doc FROM chain WHERE seq = 1) WHERE ref = '%s'", FoundChanged, "settlement %s"},
		"record body":         {"UPDATE chain SET doc = zeroblob(40) WHERE ref = '%s'", FoundChanged, "settlement %s"},
		"record removed":      {"DELETE FROM chain WHERE ref = '%s'", FoundRemoved, "chain record 4"},
		"end removed":         {"DELETE FROM chain WHERE seq = (SELECT MAX(seq) FROM chain) AND '%s' <> ''", FoundRemoved, "chain record 9"},
		"record inserted":     {"INSERT INTO chain SELECT 10, kind, ref, doc, hash FROM chain WHERE ref = '%s'", FoundInserted, "settlement %s"},
		"head":                {"UPDATE meta SET value = zeroblob(72) WHERE name = 'chain_head' AND '%s' <> ''", FoundChanged, "head of the chain"},
	} {
		t.Run(name, func(t *testing.T) {
			h, sold := busy(t)
			victim := sold[3].ID
			if err := h.Close(); err != nil {
				t.Fatal(err)
			}
			db, err := sql.Open("sqlite3", filepath.Join(h.options.Dir, databaseName))
			if err != nil {
				t.Fatal(err)
			}
			result, err := db.Exec(fmt.Sprintf(c.statement, victim))
			if err != nil {
				t.Fatal(err)
			}
			if n, err := result.RowsAffected(); err != nil || n == 0 {
				t.Fatalf("nothing was tampered with: %v", err)
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			report, err := VerifyDir(t.Context(), h.options.Dir, nil)
			if err != nil {
				t.Fatal(err)
			}
			where := c.where
			if strings.Contains(where, "%s") {
				where = fmt.Sprintf(where, victim)
			}
			for _, f := range report.Findings {
				if f.Kind == c.kind && strings.HasPrefix(f.Where, where) {
					return
				}
			}
			t.Errorf("not named as %s %s: %v", c.kind, where, report.Findings)
		})
	}
}

func TestVerifiedIsRemembered(t *testing.T) {
	h, _ := busy(t)
	h.wantVerified()
	h.clock.add(time.Hour)
	h.reopen()
	var at int64
	err := h.read(t.Context(), func(t *tx) (err error) {
		at, err = t.metaInt(metaVerified)
		return err
	})
	if err != nil || at != millis(noon) {
		t.Errorf("verified at %d, %v", at, err)
	}
}
