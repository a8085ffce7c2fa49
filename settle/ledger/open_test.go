package ledger

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"gongji/settle"
	"gongji/settle/ledger/lite"
)

func TestOptionsNameEveryMissingField(t *testing.T) {
	_, err := Open(t.Context(), Options{})
	if err == nil {
		t.Fatal("opened without options")
	}
	for _, field := range []string{"Dir", "Venue.Code", "RulesFor", "Clock", "Registerer", "Logger"} {
		if !strings.Contains(err.Error(), "Options."+field) {
			t.Errorf("%q does not name %s", err, field)
		}
	}
}

func TestSecondDaemonIsRefusedByName(t *testing.T) {
	h := newHouse(t)
	_, err := Open(t.Context(), testOptions(h.options.Dir, h.clock, h.rules))
	e := wantCode(t, err, settle.StoreBroken)
	if !errors.Is(err, ErrInUse) || !strings.Contains(e.Error(), fmt.Sprintf("pid %d", os.Getpid())) {
		t.Errorf("error %v does not name the holder", err)
	}
	h.buy(h.patient, 100)
	h.reopen()
}

func TestKeys(t *testing.T) {
	h := newHouse(t)
	key := filepath.Join(h.options.Dir, keyDirName, keyFileName)
	if info, err := os.Stat(key); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("key file: %v, %v", info, err)
	}
	text, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	attempt := func(want error) {
		t.Helper()
		_, err := Open(t.Context(), h.options)
		wantCode(t, err, settle.StoreBroken)
		if !errors.Is(err, want) {
			t.Errorf("open: %v, want %v", err, want)
		}
		if _, err := VerifyDir(t.Context(), h.options.Dir, nil); !errors.Is(err, want) {
			t.Errorf("verify: %v, want %v", err, want)
		}
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.Chmod(key, 0o640))
	attempt(ErrKeyOpen)
	must(os.Remove(key))
	attempt(ErrKeyMissing)
	other := openHouse(t)
	foreign, err := os.ReadFile(filepath.Join(other.options.Dir, keyDirName, keyFileName))
	must(err)
	must(os.WriteFile(key, foreign, 0o600))
	attempt(ErrKeyWrong)
	must(os.WriteFile(key, []byte("nonsense"), 0o600))
	if _, err := Open(t.Context(), h.options); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("a damaged key: %v", err)
	}
	must(os.WriteFile(key, text, 0o600))
	h.open()
	h.wantAvailable(h.patient, 1000)
}

func TestSealsAreBoundToTheirKind(t *testing.T) {
	h := openHouse(t)
	sealed, err := h.Seal(KindAgent, []byte("secret"))
	if err != nil || strings.Contains(string(sealed), "secret") {
		t.Fatalf("sealed %q, %v", sealed, err)
	}
	if data, err := h.Unseal(KindAgent, sealed); err != nil || string(data) != "secret" {
		t.Errorf("unsealed %q, %v", data, err)
	}
	_, err = h.Unseal(KindCard, sealed)
	wantCode(t, err, settle.StoreBroken)
	sealed[len(sealed)-1] ^= 1
	if _, err = h.Unseal(KindAgent, sealed); !errors.Is(err, ErrSealBroken) {
		t.Errorf("a changed seal opened: %v", err)
	}
	if _, err = h.Unseal(KindAgent, nil); !errors.Is(err, ErrSealBroken) {
		t.Errorf("an empty seal opened: %v", err)
	}
	if a, b := h.Index(KindAgent, "x"), h.Index(KindCard, "x"); a == b || a != h.Index(KindAgent, "x") || len(a) != 32 {
		t.Errorf("indexes %s %s", a, b)
	}
}

func TestNewerDatabaseIsRefused(t *testing.T) {
	h := newHouse(t)
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := openWriter(filepath.Join(h.options.Dir, databaseName))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("PRAGMA user_version = 999"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = Open(t.Context(), h.options)
	wantCode(t, err, settle.StoreBroken)
	if !errors.Is(err, ErrNewer) || !strings.Contains(err.Error(), "999") {
		t.Errorf("open: %v", err)
	}
}

func TestMigrationsApplyInOrderOrNotAtAll(t *testing.T) {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	if _, err := loadMigrations(fstest.MapFS{"migrations/0002_x.sql": file("")}); err == nil {
		t.Error("a gap in the numbers was accepted")
	}
	steps, err := loadMigrations(fstest.MapFS{
		"migrations/0001_a.sql": file("CREATE TABLE a (x)"), "migrations/0002_b.sql": file("CREATE TABLE b (x); BROKEN"),
	})
	if err != nil {
		t.Fatal(err)
	}
	db, err := openWriter(filepath.Join(t.TempDir(), "m.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if version, err := migrate(t.Context(), db, steps); err == nil || version != 1 {
		t.Errorf("version %d, %v", version, err)
	}
	var tables int
	if err := db.QueryRow("SELECT COUNT(*) FROM sqlite_schema").Scan(&tables); err != nil || tables != 1 {
		t.Errorf("a broken step left %d tables, %v", tables, err)
	}
	if version, err := migrate(t.Context(), db, steps[:1]); err != nil || version != 1 {
		t.Errorf("again: %d, %v", version, err)
	}
}

func TestWriteConnectionIsDurable(t *testing.T) {
	h := openHouse(t)
	for pragma, want := range map[string]string{"synchronous": "2", "journal_mode": "wal", "foreign_keys": "1", "wal_autocheckpoint": "0"} {
		var got string
		err := h.write(t.Context(), func(t *tx) error { return t.get("PRAGMA "+pragma, nil, &got) })
		if err != nil || got != want {
			t.Errorf("%s is %s, want %s (%v)", pragma, got, want, err)
		}
	}
	weak, err := lite.Open(filepath.Join(t.TempDir(), "weak.db") + "?_journal_mode=WAL")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = weak.Close() }()
	if err := assertDurable(weak); err == nil {
		t.Error("a connection that the driver left at synchronous=NORMAL passed")
	}
	if err := h.read(t.Context(), func(t *tx) error { return t.run("DELETE FROM person") }); err == nil {
		t.Error("the read pool can write")
	}
}

func TestFullDiskSettlesNothing(t *testing.T) {
	h := newHouse(t)
	h.buy(h.patient, 1)
	limit := func(pages string) {
		t.Helper()
		var got int64
		err := h.write(t.Context(), func(t *tx) error { return t.get("PRAGMA max_page_count = "+pages, nil, &got) })
		if err != nil {
			t.Fatal(err)
		}
	}
	limit("1") // SQLite takes the present size for a limit that is smaller
	done, full := 0, settle.SettleOrder{}
	for range 2000 {
		order := h.order(h.patient, line("1", 1))
		_, _, err := h.Settle(t.Context(), order)
		if err == nil {
			done++
			continue
		}
		wantCode(t, err, settle.StoreFull)
		full = order
		break
	}
	if full.Sale.ID == "" {
		t.Fatal("the disk never filled")
	}
	if _, err := h.SettlementBySale(t.Context(), "till-1", full.Sale.ID); settle.CodeOf(err) != settle.NotFound {
		t.Errorf("the refused sale is there: %v", err)
	}
	if r := h.wantVerified; r().Settlements != done+1 {
		t.Errorf("%d sales acknowledged", done+1)
	}
	limit("1000000")
	h.settle(full)
	h.wantVerified()
}

func TestClosedLedgerRefuses(t *testing.T) {
	h := newHouse(t)
	order := h.order(h.patient, line("1", 1))
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	if err := h.Close(); err != nil {
		t.Errorf("closing again: %v", err)
	}
	_, _, err := h.Settle(t.Context(), order)
	wantCode(t, err, settle.StoreBroken)
}

func TestCancelledBeforeItsTurnWritesNothing(t *testing.T) {
	h := newHouse(t)
	entered, leave := make(chan struct{}), make(chan struct{})
	go func() {
		_ = h.write(context.Background(), func(*tx) error {
			close(entered)
			<-leave
			return nil
		})
	}()
	<-entered
	ctx, cancel := context.WithCancel(t.Context())
	order := h.order(h.patient, line("1", 1))
	result := make(chan error)
	go func() {
		_, _, err := h.Settle(ctx, order)
		result <- err
	}()
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	close(leave)
	h.settle(order)
}

// TestNoIdentityOnDisk settles, returns, sends and refuses, and then looks for every clear identity in every file.
func TestNoIdentityOnDisk(t *testing.T) {
	h := newHouse(t)
	for range 5 {
		h.buy(h.patient, 900)
	}
	back := giveBack("R1", h.buy(h.child, 300).ID)
	h.giveBack(back)
	mismatch := h.order(h.patient, line("1", 5))
	mismatch.Sale.Credential.Owner = h.id(h.stranger)
	if _, _, err := h.Settle(t.Context(), mismatch); err == nil {
		t.Fatal("a stranger's card was taken")
	}
	for range 6 {
		report := h.due()
		h.accept(report, h.clock.now())
	}
	h.settle(h.byAgent(h.order(h.patient, line("1", 5)), h.stranger.certno))
	h.request(h.bindOrder("Q1", h.stranger, h.patient, settle.Sibling))
	report := h.dueOf(h.stranger)
	h.finish(settle.DispatchResult{
		MsgID: h.send(report.ID, "G103"), State: settle.DispatchAccepted, Report: report.ID, ReportState: settle.ReportAccepted, Done: true,
		RequestState: settle.RequestRefused, RequestAnswer: h.stranger.name + h.stranger.certno, // a centre that quotes what it must not
	})
	h.pay(h.premiumOrder("P1", h.spouse, h.child, 100))
	if _, _, err := h.CancelPremium(t.Context(), h.cancelOrder("X1", "P1", h.spouse)); err != nil {
		t.Fatal(err)
	}
	look := func() (files int) {
		t.Helper()
		err := filepath.WalkDir(h.options.Dir, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || filepath.Base(filepath.Dir(path)) == keyDirName {
				return err
			}
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			files++
			for _, who := range []human{h.patient, h.daughter, h.spouse, h.child, h.stranger} {
				for _, secret := range []string{who.psnNo, who.certno, who.name, who.card, who.identifier(), "李敏"} {
					if strings.Contains(string(data), secret) {
						t.Errorf("%s holds %q in clear", filepath.Base(path), secret)
					}
				}
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		return files
	}
	if files := look(); files < 4 { // database, log, its index, lock
		t.Errorf("looked into %d files only", files)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	look()
}

func TestClockOnlyRises(t *testing.T) {
	wall := &testClock{at: noon}
	jumps := 0
	c := newClock(wall.now, time.Time{}, func(time.Duration) { jumps++ })
	want := func(at time.Time) {
		t.Helper()
		if got := c.now(); !got.Equal(at) {
			t.Errorf("clock shows %s, want %s", got, at)
		}
	}
	wall.add(-48 * time.Hour)
	want(noon)
	wall.add(time.Hour)
	want(noon.Add(time.Hour)) // an hour has passed, whatever the wall clock says
	wall.add(47 * time.Hour)
	late := noon.Add(48 * time.Hour)
	want(late)
	if by := c.correct(late.Add(3 * time.Second)); by != 0 {
		t.Errorf("a difference within the tolerance was corrected by %s", by)
	}
	if by := c.correct(late.Add(-24 * time.Hour)); by != -24*time.Hour {
		t.Errorf("corrected by %s", by)
	}
	want(late.Add(-24 * time.Hour)) // although the wall clock is still a day ahead
	wall.add(time.Minute)
	want(late.Add(-24*time.Hour + time.Minute))
	c.raise(late)
	want(late)
	restarted := newClock(wall.now, late.Add(time.Hour), func(time.Duration) {})
	if got := restarted.now(); !got.Equal(late.Add(time.Hour)) {
		t.Errorf("after a restart the clock shows %s", got)
	}
}

// TestNobodyReadsAfterTheEnd: a closed ledger refuses, and does not let its caller wait.
func TestNobodyReadsAfterTheEnd(t *testing.T) {
	h := openHouse(t)
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := h.Person(t.Context(), h.id(h.patient))
	wantCode(t, err, settle.StoreBroken)
}
