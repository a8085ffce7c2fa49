package ledger

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"gongji/settle"
)

// notSealed are the blob columns that hold nothing sealed, and why.
var notSealed = map[string]string{
	"person.pid": "covered", "person.certno": "covered", "card.hash": "covered", "word.hash": "covered", "proxy.agent": "covered",
	"chain.hash": "a hash over records", "meta.value": "by name; what is sealed of it is sealed anew by the change itself",
	"staged.pid": "of a large snapshot", "staged.giver": "of a large snapshot", "staged.doc": "of a large snapshot",
	"staged_key.hash": "of a large snapshot", "staged_key.pid": "of a large snapshot",
}

// TestEveryBlobIsKnownToTheChangeOfKeys: a column that a migration adds must say whether it is sealed, covered or neither.
func TestEveryBlobIsKnownToTheChangeOfKeys(t *testing.T) {
	h := openHouse(t)
	known := map[string]bool{}
	for _, c := range sealedColumns {
		known[c.table+"."+c.column] = true
	}
	for _, c := range coveredColumns {
		if notSealed[c.table+"."+c.column] != "covered" {
			t.Errorf("%s.%s is covered and not in the list", c.table, c.column)
		}
	}
	var columns []string
	err := h.read(t.Context(), func(tx *tx) error {
		return tx.each(`SELECT s.name || '.' || c.name FROM sqlite_schema s JOIN pragma_table_info(s.name) c WHERE s.type = 'table' AND c.type = 'BLOB'`, nil,
			func(scan func(dest ...any) error) error {
				var name string
				err := scan(&name)
				columns = append(columns, name)
				return err
			})
	})
	if err != nil || len(columns) < 20 {
		t.Fatalf("%v %v", columns, err)
	}
	for _, name := range columns {
		if !known[name] && notSealed[name] == "" {
			t.Errorf("nobody knows whether %s is sealed", name)
		}
	}
}

// rich is a ledger with something in every sealed column but those of uploads and in-line messages.
func rich(t *testing.T) (*house, []settle.Settlement) {
	h, sold := busy(t)
	order := h.order(h.patient, line("1", 400))
	order.Sale.Operator.Name, order.Sale.Presenter = "李敏", settle.Presenter{PatientPresent: true}
	sold = append(sold, h.settle(order))
	if err := h.RecordIncident(t.Context(), "TEST", map[string]string{"person": string(h.id(h.patient)), "card_hash": order.Presence.CardHash}); err != nil {
		t.Fatal(err)
	}
	return h, sold
}

// sealedWith are all values of the database that a key opens, by column.
func sealedWith(t testing.TB, dir string, set *keySet) (found []string) {
	t.Helper()
	db, err := sql.Open("sqlite3", filepath.Join(dir, databaseName))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	v := &vault{seals: set}
	for _, c := range sealedColumns {
		rows, err := db.Query(fmt.Sprintf("SELECT %s FROM %s", c.column, c.table))
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			var data []byte
			if err := rows.Scan(&data); err != nil {
				t.Fatal(err)
			}
			if len(data) > 0 && v.current(c.kind, data) {
				found = append(found, c.table+"."+c.column)
			}
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			t.Fatal(err)
		}
	}
	return found
}

// wantPassed fails unless the ledger does everything under its new key and nothing of the old one opens anything.
func (h *house) wantPassed(old *keySet, sold []settle.Settlement) {
	h.t.Helper()
	t := h.t
	h.wantVerified()
	for _, s := range sold {
		if there, err := h.Settlement(t.Context(), s.ID); err != nil || there.Figures != s.Figures || there.Sale.Patient != s.Sale.Patient {
			t.Errorf("settlement %s: %v", s.ID, err)
		}
	}
	person, err := h.PersonByNumber(t.Context(), h.Index(KindCertno, h.patient.certno))
	if err != nil || person.ID != h.id(h.patient) {
		t.Errorf("by number: %+v %v", person, err)
	}
	card, ok, err := h.CardByHash(t.Context(), h.Index(KindCard, h.patient.card+"|"+h.patient.identifier()))
	if err != nil || !ok || card.Owner != h.id(h.patient) {
		t.Errorf("by card: %+v %v %v", card, ok, err)
	}
	page, err := h.Records(t.Context(), settle.RecordQuery{Name: h.patient.name, Limit: 20})
	if err != nil || len(page.Records) < len(sold) {
		t.Errorf("by name: %d records, %v", len(page.Records), err)
	}
	again := h.order(h.patient, line("1", 250))
	again.Sale.ID = fmt.Sprintf("AFTER-%d", h.sales)
	h.settle(again)
	if found := sealedWith(t, h.options.Dir, old); len(found) > 0 {
		t.Errorf("%d values open with the old key still: %v", len(found), slices.Compact(found))
	}
	for _, who := range []human{h.patient, h.daughter} {
		for kind, value := range map[string]string{KindPerson: who.psnNo, KindCertno: who.certno, KindCard: who.card + "|" + who.identifier()} {
			guess := old.index.mac(kind, value)[:hashBytes]
			for _, c := range []string{"person WHERE pid = ?1 OR certno", "card WHERE hash", "word WHERE hash"} {
				var n int
				err := h.read(t.Context(), func(tx *tx) error { return tx.get("SELECT COUNT(*) FROM "+c+" = ?1", []any{guess}, &n) })
				if err != nil || n > 0 {
					t.Errorf("a guess of %s with the old key meets %d rows, %v", kind, n, err)
				}
			}
		}
	}
}

func keySetOf(t *testing.T, dir string) *keySet {
	t.Helper()
	ring, err := readKeys(dir)
	if err != nil {
		t.Fatal(err)
	}
	set, err := deriveKeys(ring[len(ring)-1])
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func (h *house) rotate() {
	h.t.Helper()
	if asked, err := AskRotation(h.options.Dir, ""); err != nil || !asked {
		h.t.Fatalf("ask: %v %v", asked, err)
	}
	if done, err := h.Rotate(h.t.Context()); err != nil || !done {
		h.t.Fatalf("rotate: %v %v", done, err)
	}
}

// TestKeysChangeTwice: everything is there under the third key, also after a restart, what the records call people is what it
// was, and a sale that is repeated after the change is the same sale.
func TestKeysChangeTwice(t *testing.T) {
	h, sold := rich(t)
	repeated := h.order(h.patient, line("1", 350))
	first := h.settle(repeated)
	if done, err := h.Rotate(t.Context()); done || err != nil {
		t.Errorf("nobody asked: %v %v", done, err)
	}
	for range 2 {
		old := keySetOf(t, h.options.Dir)
		h.rotate()
		h.wantPassed(old, sold)
		if pending, err := RotationPending(h.options.Dir); pending || err != nil {
			t.Errorf("pending %v %v", pending, err)
		}
		h.reopen()
		h.wantPassed(old, sold)
		again, replayed, err := h.Settle(t.Context(), repeated)
		if err != nil || !replayed || again.ID != first.ID {
			t.Errorf("repeated: %s %v %v", again.ID, replayed, err)
		}
		incidents, err := h.Incidents(t.Context(), noon.AddDate(-1, 0, 0), 10)
		if err != nil || len(incidents) != 1 || incidents[0].CardHash != h.Index(KindCard, h.patient.card+"|"+h.patient.identifier()) {
			t.Errorf("incidents %+v %v", incidents, err)
		}
		d, err := h.Dossier(t.Context(), h.due().ID) // it holds the card, sealed inside a record that never changes
		if err != nil || d.Card.Number != h.patient.card {
			t.Errorf("dossier: %+v %v", d.Card, err)
		}
		if report, err := VerifyDir(t.Context(), h.options.Dir, nil); err != nil || !report.OK() {
			t.Errorf("verify beside: %+v %v", report.Findings, err)
		}
	}
}

// copyDir copies a data directory as a kill would leave it.
func copyDir(t *testing.T, from string) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(to, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Chmod(path, map[bool]os.FileMode{true: 0o700, false: 0o600}[d.IsDir()])
	})
	if err != nil {
		t.Fatal(err)
	}
	return to
}

// TestKeysChangeThroughKills: killed after any step that is on disk, the ledger opens, verifies, sells, and ends the change.
func TestKeysChangeThroughKills(t *testing.T) {
	h, sold := rich(t)
	old := keySetOf(t, h.options.Dir)
	var killed []string
	h.afterRotationStep = func() { killed = append(killed, copyDir(t, h.options.Dir)) }
	if asked, err := AskRotation(h.options.Dir, filepath.Join(t.TempDir(), "old.key")); err != nil || !asked {
		t.Fatal(asked, err)
	}
	h.rotationStep() // a kill between asking and beginning
	if done, err := h.Rotate(t.Context()); err != nil || !done {
		t.Fatal(done, err)
	}
	if len(killed) < 12 {
		t.Fatalf("only %d steps", len(killed))
	}
	for i, dir := range killed {
		k := *h
		k.t, k.options.Dir, k.options.Registerer = t, dir, prometheus.NewRegistry()
		if report, err := VerifyDir(t.Context(), dir, nil); err != nil || !report.OK() {
			t.Fatalf("step %d: verify %+v %v", i, report.Findings, err)
		}
		k.open()
		k.wantVerified()
		s := k.order(k.patient, line("1", 200))
		s.Sale.ID = "AFTER-KILL"
		k.settle(s)
		if _, err := k.Rotate(t.Context()); err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
		k.wantPassed(old, sold)
		if ring, err := readKeys(dir); err != nil || len(ring) != 1 {
			t.Errorf("step %d: %d keys, %v", i, len(ring), err)
		}
		if err := k.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestOldSealsLeaveTheFiles: after scrubbing, what was sealed with the old key is in no page of the database and in no frame of its log.
func TestOldSealsLeaveTheFiles(t *testing.T) {
	h, _ := rich(t)
	var before [][]byte
	err := h.read(t.Context(), func(tx *tx) error {
		for i := range sealedColumns {
			rows, err := tx.sealedRows(&sealedColumns[i], nil)
			if err != nil {
				return err
			}
			for _, r := range rows {
				if len(r.data) > 40 {
					before = append(before, r.data[:40])
				}
			}
		}
		return nil
	})
	if err != nil || len(before) < 20 {
		t.Fatal(len(before), err)
	}
	h.rotate()
	if err := h.Scrub(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.wantVerified()
	for _, name := range []string{databaseName, databaseName + "-wal"} {
		content, err := os.ReadFile(filepath.Join(h.options.Dir, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, seal := range before {
			if bytes.Contains(content, seal) {
				t.Fatalf("%s still holds an old seal", name)
			}
		}
	}
}

// TestKeysChangeWhileTillsSell: sales and reads go on through the whole of it.
func TestKeysChangeWhileTillsSell(t *testing.T) {
	h, sold := rich(t)
	for i := range 60 {
		order := h.order(h.patient, line("1", 1))
		order.Sale.ID = fmt.Sprintf("BEFORE-%d", i)
		h.settle(order)
	}
	old := keySetOf(t, h.options.Dir)
	ctx, stop := context.WithCancel(t.Context())
	failed := make(chan error, 2)
	orders := make([]settle.SettleOrder, 2000)
	for i := range orders {
		orders[i] = h.order(h.patient, line("1", 1))
	}
	go func() {
		for i := 0; ctx.Err() == nil && i < len(orders); i++ {
			if _, _, err := h.Settle(t.Context(), orders[i]); err != nil {
				failed <- err
				return
			}
		}
		failed <- nil
	}()
	go func() {
		number, card := h.Index(KindCertno, h.patient.certno), h.Index(KindCard, h.patient.card+"|"+h.patient.identifier())
		for ctx.Err() == nil {
			person, err := h.PersonByNumber(t.Context(), number)
			found, ok, cardErr := h.CardByHash(t.Context(), card)
			if err = errors.Join(err, cardErr); err == nil && (person.ID != h.id(h.patient) || !ok || found.Owner != person.ID) {
				err = fmt.Errorf("it was somebody else: %s, %s", person.ID, found.Owner)
			}
			if err == nil {
				_, err = h.Settlement(t.Context(), sold[0].ID)
			}
			if err != nil {
				failed <- err
				return
			}
		}
		failed <- nil
	}()
	for range 2 {
		h.rotate()
	}
	stop()
	for range 2 {
		if err := <-failed; err != nil {
			t.Error(err)
		}
	}
	h.wantPassed(old, sold)
}

func TestKeyFilesThatAreWrongAreNamed(t *testing.T) {
	h, _ := rich(t)
	keep := filepath.Join(t.TempDir(), "old.key")
	dir := h.options.Dir
	if asked, err := AskRotation(dir, keep); err != nil || !asked {
		t.Fatal(asked, err)
	}
	if asked, err := AskRotation(dir, ""); err != nil || asked {
		t.Errorf("asked twice: %v %v", asked, err)
	}
	if _, err := AskRotation(dir, keep); !errors.Is(err, os.ErrExist) {
		t.Errorf("the file for the old key exists: %v", err)
	}
	var begun string
	h.afterRotationStep = func() {
		if begun == "" {
			begun = copyDir(t, dir)
		}
	}
	if _, err := h.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	oldKey, err := os.ReadFile(keep)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		dir, text string
		want      error
	}{
		"the old key after the change":    {dir, string(oldKey), ErrKeyWrong},
		"the old key during the change":   {begun, string(oldKey), ErrKeyWrong},
		"one key under the header of two": {dir, strings.Replace(string(oldKey), keyHeader, keyHeaderNext, 1), errKeyDamaged},
		"nothing":                         {dir, "", errKeyDamaged},
	} {
		place := filepath.Join(c.dir, keyDirName, keyFileName)
		if err := os.WriteFile(place, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		options := testOptions(c.dir, h.clock, h.rules)
		if l, err := Open(t.Context(), options); !errors.Is(err, c.want) {
			if err == nil {
				_ = l.Close()
			}
			t.Errorf("%s: %v", name, err)
		}
		if _, err := ReadDir(t.Context(), c.dir); !errors.Is(err, c.want) {
			t.Errorf("%s, reading: %v", name, err)
		}
	}
}
