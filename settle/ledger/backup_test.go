package ledger

import (
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"gongji/settle"
)

// shelf is where a test keeps backups.
type shelf struct{ backup, key string }

func (h *house) backUp(attach ...string) (shelf, Backup) {
	h.t.Helper()
	dir := h.t.TempDir()
	s := shelf{backup: filepath.Join(dir, "gongji.backup"), key: filepath.Join(dir, "gongji.key")}
	b, err := MakeBackup(h.t.Context(), BackupOptions{Dir: h.options.Dir, To: s.backup, Attach: attach, Clock: h.clock.now})
	if err != nil {
		h.t.Fatalf("backup: %v", err)
	}
	if err := CopyKey(h.options.Dir, s.key); err != nil {
		h.t.Fatalf("key: %v", err)
	}
	return s, b
}

func (h *house) restore(s shelf, dir string) (Restored, error) {
	return RestoreBackup(h.t.Context(), RestoreOptions{From: s.backup, Key: s.key, Dir: dir, Clock: h.clock.now})
}

// moveTo opens the ledger of another directory instead.
func (h *house) moveTo(dir string) {
	h.t.Helper()
	if err := h.Close(); err != nil {
		h.t.Fatal(err)
	}
	h.options.Dir, h.options.Registerer = dir, prometheus.NewRegistry()
	h.open()
}

// TestBackupUnderLoadRestores: sales go on while the copy is made, and whatever was acknowledged before it began is in it.
func TestBackupUnderLoadRestores(t *testing.T) {
	h := newHouse(t)
	before := h.buy(h.patient, 300)
	stop, stopped, sold := make(chan struct{}), make(chan int), make(chan struct{})
	go func() {
		n := 0
		for {
			select {
			case <-stop:
				stopped <- n
				return
			default:
				h.buy(h.patient, 1)
				if n++; n == 1 {
					close(sold)
				}
			}
		}
	}()
	<-sold // a small copy may be made before anybody has come
	s, _ := h.backUp()
	close(stop)
	if n := <-stopped; n == 0 {
		t.Error("nobody settled while the backup was made")
	}
	if info, err := os.Stat(s.backup); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the backup: %v %v", info, err)
	}
	dir := filepath.Join(t.TempDir(), "data")
	r, err := h.restore(s, dir)
	if err != nil {
		t.Fatalf("restore: %v", err)
	}
	if !r.Verify.OK() || r.Verify.Settlements == 0 {
		t.Errorf("verified %+v", r.Verify)
	}
	h.moveTo(dir)
	if _, err := h.Settlement(t.Context(), before.ID); err != nil {
		t.Errorf("the sale before the backup: %v", err)
	}
	h.wantVerified()
}

// TestRestoredReportsAreHeld: what was unsent in the backup may have been sent since. Nothing of it is sent before a person
// has decided, not even what the same person buys afterwards; then all of it is, in order.
func TestRestoredReportsAreHeld(t *testing.T) {
	h := newHouse(t)
	accepted := h.buy(h.patient, 100)
	h.accept(h.due(), h.clock.now())
	unsent := h.buy(h.patient, 200)
	s, info := h.backUp()
	if info.Unsent != 1 || info.UnsentAmount != 200 {
		t.Errorf("the backup says of itself %+v", info)
	}
	dir := filepath.Join(t.TempDir(), "data")
	r, err := h.restore(s, dir)
	if err != nil || r.Held != 1 {
		t.Fatalf("restore: %+v %v", r, err)
	}
	h.moveTo(dir)
	h.clock.add(48 * time.Hour)
	h.apply(h.next("S-9", h.clock.now()))
	later := h.buy(h.patient, 300)
	if due, err := h.DueReports(t.Context(), h.clock.now(), 10); err != nil || len(due) != 0 {
		t.Fatalf("reports were due without a decision: %+v %v", due, err)
	}
	if next, err := h.NextDue(t.Context()); err != nil || !next.IsZero() {
		t.Errorf("next due %v %v", next, err)
	}
	items, err := h.AttentionList(t.Context(), 10)
	if err != nil || len(items) != 1 || items[0].Kind != AttentionHeld || items[0].Settlement != unsent.ID {
		t.Fatalf("work list: %+v %v", items, err)
	}
	if later.ReceiptNo == accepted.ReceiptNo || later.ReceiptNo == unsent.ReceiptNo {
		t.Errorf("a receipt number was given twice: %s", later.ReceiptNo)
	}
	h.wantVerified()
}

// TestRestoredBalancesAreTooOldForOffline: after a restore nobody is settled offline before the centre has spoken.
func TestRestoredBalancesAreTooOldForOffline(t *testing.T) {
	h := newHouse(t)
	s, _ := h.backUp()
	dir := filepath.Join(t.TempDir(), "data")
	if _, err := h.restore(s, dir); err != nil {
		t.Fatal(err)
	}
	h.moveTo(dir)
	order := h.order(h.patient, line("1", 100))
	order.Offline = true
	if _, _, err := h.Settle(t.Context(), order); settle.CodeOf(err) != settle.LedgerStale {
		t.Errorf("offline after a restore: %v", err)
	}
}

// TestRestoreRefuses: an occupied directory, another key, no key, a file that is no backup, and a backup that was tampered with;
// and leaves the directory as it was.
func TestRestoreRefuses(t *testing.T) {
	h := newHouse(t)
	h.buy(h.patient, 300)
	s, _ := h.backUp()
	other := openHouse(t)
	strange, _ := other.backUp()
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte("not a database, but long enough to be looked at as one"), 0o600); err != nil {
		t.Fatal(err)
	}
	tampered := filepath.Join(t.TempDir(), "tampered")
	tamper(t, s.backup, tampered)
	for name, c := range map[string]struct {
		shelf shelf
		cause error
	}{
		"another key":        {shelf{s.backup, strange.key}, ErrKeyWrong},
		"no key":             {shelf{s.backup, filepath.Join(t.TempDir(), "none")}, ErrKeyMissing},
		"no backup":          {shelf{text, s.key}, ErrNoBackup},
		"tampered with":      {shelf{tampered, s.key}, ErrBackupBroken},
		"a running database": {shelf{filepath.Join(h.options.Dir, databaseName), s.key}, ErrNoBackup},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			_, err := h.restore(c.shelf, dir)
			if !errors.Is(err, c.cause) || settle.CodeOf(err) != settle.StoreBroken {
				t.Fatalf("got %v", err)
			}
			for _, left := range []string{databaseName, keyDirName, "restoring"} {
				if _, err := os.Stat(filepath.Join(dir, left)); !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("%s was left behind: %v", left, err)
				}
			}
		})
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := h.restore(s, h.options.Dir); !errors.Is(err, ErrOccupied) {
		t.Errorf("over a ledger: %v", err)
	}
}

// tamper copies a backup and changes an amount in it.
func tamper(t *testing.T, from, to string) {
	t.Helper()
	content, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, content, 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite3", to)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if _, err := db.Exec("UPDATE posting SET amount = amount + 1"); err != nil {
		t.Fatal(err)
	}
}

// TestBackupRefusesToOverwrite: neither a backup nor a key is ever written over; and a backup that fails leaves nothing.
func TestBackupRefusesToOverwrite(t *testing.T) {
	h := newHouse(t)
	s, _ := h.backUp()
	_, err := MakeBackup(t.Context(), BackupOptions{Dir: h.options.Dir, To: s.backup, Clock: h.clock.now})
	if !errors.Is(err, fs.ErrExist) {
		t.Errorf("over a backup: %v", err)
	}
	if err := CopyKey(h.options.Dir, s.key); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over a key: %v", err)
	}
	to := filepath.Join(t.TempDir(), "none", "b")
	if _, err := MakeBackup(t.Context(), BackupOptions{Dir: h.options.Dir, To: to, Clock: h.clock.now}); err == nil {
		t.Error("into no directory")
	}
	empty := t.TempDir()
	if _, err := MakeBackup(t.Context(), BackupOptions{Dir: empty, To: filepath.Join(empty, "b"), Clock: h.clock.now}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("of no ledger: %v", err)
	}
	if entries, err := os.ReadDir(empty); err != nil || len(entries) != 0 {
		t.Errorf("left behind: %v %v", entries, err)
	}
}

// TestBackupCarriesTheTokens: the tills of a restored shop need no new tokens; a file that is there already is kept.
func TestBackupCarriesTheTokens(t *testing.T) {
	h := newHouse(t)
	if err := os.WriteFile(filepath.Join(h.options.Dir, "tokens.json"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, _ := h.backUp("tokens.json", "missing.json")
	dir := filepath.Join(t.TempDir(), "data")
	if _, err := h.restore(s, dir); err != nil {
		t.Fatal(err)
	}
	if content, err := os.ReadFile(filepath.Join(dir, "tokens.json")); err != nil || string(content) != "{}" {
		t.Errorf("tokens: %q %v", content, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "missing.json")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that was not there: %v", err)
	}
}
