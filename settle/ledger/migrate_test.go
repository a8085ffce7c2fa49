package ledger

import (
	"database/sql"
	"path/filepath"
	"testing"
)

// TestFamilyMigrationKeepsWhatWasThere: a database of the first schema, with rows that refer to each other, reads the same
// under the second, and the references are still enforced.
func TestFamilyMigrationKeepsWhatWasThere(t *testing.T) {
	steps, err := loadMigrations(migrationFiles)
	if err != nil {
		t.Fatal(err)
	}
	db, err := openWriter(filepath.Join(t.TempDir(), databaseName))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if version, err := migrate(t.Context(), db, steps[:1]); err != nil || version != 1 {
		t.Fatalf("first schema: %d, %v", version, err)
	}
	for _, statement := range []string{
		"INSERT INTO person VALUES (1, x'01', x'02', x'03', '王*', '310', 'normal', '430100', 0, 1, 1, 0)",
		"INSERT INTO chain VALUES (1, 'settlement', 'a', x'00', x'00')",
		`INSERT INTO settlement (id, ref, pos, sale_id, receipt, person, at, day, med_type, med_group, disease, area, total, fund, own,
			shared, cash, shop, offline, at_risk, record)
			VALUES (1, 'a', 'till', 'S1', 'R1', 1, 1, 20261122, '41', 'pharmacy', '', '430100', 100, 0, 100, 0, 0, 'settled', 0, 0, 1)`,
		`INSERT INTO report (id, kind, settlement, person, state, done, created, attempts, next, fault, amount, record)
			VALUES (7, 'settle', 1, 1, 'pending', 0, 1, 2, 3, 'line cut', 100, 1)`,
		"INSERT INTO posting VALUES (3, 1, 7, 1, 0, 1, 1, 'balance', 20261122, 100, 900, 5)",
		"INSERT INTO presence VALUES (1, 1, 'counter', 4, 'card', x'05', 'card_read', 9)",
		"INSERT INTO dispatch (msgid, report, infno, original, state, body, sent, ended, fault) VALUES ('m', 7, '2102', '', 'sent', x'', 1, 0, '')",
		"INSERT INTO attention (id, kind, settlement, report, opened, detail) VALUES (1, 'unknown', 1, 7, 1, x'')",
	} {
		if _, err := db.Exec(statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	if version, err := migrate(t.Context(), db, steps); err != nil || version != len(steps) {
		t.Fatalf("newest schema: %d, %v", version, err)
	}
	var fault, reader string
	var attempts, after int
	var premium sql.NullInt64
	err = db.QueryRow(`SELECT r.fault, r.attempts, o.after, o.premium, p.reader FROM report r JOIN posting o ON o.report = r.id
		JOIN presence p ON p.record = r.record JOIN dispatch d ON d.report = r.id WHERE r.id = 7`).Scan(&fault, &attempts, &after, &premium, &reader)
	if err != nil || fault != "line cut" || attempts != 2 || after != 900 || premium.Valid || reader != "counter" {
		t.Errorf("read back %q %d %d %v %q: %v", fault, attempts, after, premium, reader, err)
	}
	if _, err := db.Exec("UPDATE dispatch SET report = 99"); err == nil {
		t.Error("a reference to nothing was taken: foreign keys stayed off")
	}
	if _, err := db.Exec("UPDATE posting SET settlement = NULL"); err == nil {
		t.Error("a posting of nothing was taken")
	}
	if _, err := db.Exec(`INSERT INTO report (kind, settlement, person, state, done, created, attempts, next, fault, amount, record)
		VALUES ('settle', 1, 1, 'pending', 0, 1, 0, 1, '', 0, 2)`); err == nil {
		t.Error("a report of no record was taken")
	}
}
