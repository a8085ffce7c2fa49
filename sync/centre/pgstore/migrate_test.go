package pgstore_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"gongji/settle"
	"gongji/sync/centre"
	"gongji/sync/centre/pgstore"
	"gongji/sync/nhsa"
)

func open(t testing.TB, options pgstore.Options) *pgstore.Store {
	t.Helper()
	store, err := pgstore.Open(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	return store
}

// TestRollingUpgrade: a process of the older version goes on while the newer migrates and answers beside it; what the older
// one writes is completed. A step that takes something away stops the older one, and not before.
func TestRollingUpgrade(t *testing.T) {
	options := pgstore.Options{URL: server.URL(t), Key: key}
	older := startOn(t, open(t, pgstore.Until(t, options, 1)), centre.Options{})
	family := demo(t, older)
	old := newTill(t, "P43010000001", older)
	old.book(sale(family.Stranger, 500))

	newer := startOn(t, open(t, options), centre.Options{})
	both := newTill(t, "P43010000002", older, newer)
	for range 6 {
		both.book(sale(family.Stranger, 500))
	}
	old.book(sale(family.Patient, 1000))
	if a, b := older.Balances(), newer.Balances(); a[family.Stranger.PsnNo] != 20000-7*500 || b[family.Stranger.PsnNo] != a[family.Stranger.PsnNo] {
		t.Errorf("the older knows %s, the newer %s", a[family.Stranger.PsnNo], b[family.Stranger.PsnNo])
	}
	const missing, total = `SELECT count(*) FROM centre_booking WHERE total IS NULL`, `SELECT sum(total)::bigint FROM centre_booking`
	if n := newer.store.Sum(t.Context(), t, missing); n != 5 {
		t.Errorf("%d rows are without sums before", n)
	}
	if err := newer.Tidy(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n, sum := newer.store.Sum(t.Context(), t, missing), newer.store.Sum(t.Context(), t, total); n != 0 || sum != 7*500+1000 {
		t.Errorf("%d rows are without sums after, and they sum to %d", n, sum)
	}

	open(t, pgstore.Then(t, options, "-- lives-with: 2\nALTER TABLE centre_booking ALTER COLUMN total SET DEFAULT 0;\n"))
	if err := older.Ready(t.Context()); err == nil || !strings.Contains(err.Error(), "knows 1") {
		t.Errorf("the older one is ready: %v", err)
	}
	if outcome := old.ask(nhsa.PersonQuery{CertType: "02", CertNo: family.Patient.IDNumber}); outcome.Result != nhsa.Unknown {
		t.Errorf("the older one answers %+v", outcome)
	}
	if _, err := pgstore.Open(t.Context(), pgstore.Until(t, options, 1)); err == nil || !strings.Contains(err.Error(), "schema 2") {
		t.Errorf("the older one starts: %v", err)
	}
	if err := newer.Ready(t.Context()); err != nil {
		t.Error(err)
	}
	newTill(t, "P43010000003", newer).book(sale(family.Stranger, 500))
}

// TestManyStart: processes that start together on an empty database all come up.
func TestManyStart(t *testing.T) {
	options := pgstore.Options{URL: server.URL(t), Key: key}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			store, err := pgstore.Open(t.Context(), options)
			if err != nil {
				t.Error(err)
				return
			}
			defer store.Close()
			if err := store.Ready(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

// TestNobodyIsInTheDatabase: no identity lies there in clear, another key opens nothing, and a record in another's place is
// damage.
func TestNobodyIsInTheDatabase(t *testing.T) {
	options := pgstore.Options{URL: server.URL(t), Key: key}
	p := startOn(t, open(t, options), centre.Options{Allowances: centre.Allowances{Percent: 20}})
	family := demo(t, p)
	x := newTill(t, "P43010000001", p)
	x.page(nhsa.FamilyQuery{CertType: "02", CertNo: family.Patient.IDNumber})
	x.book(sale(family.Patient, 5000))
	x.page(nhsa.DeltaQuery{Limit: 100})
	x.must(nhsa.PersonQuery{CertType: "01", CertNo: centre.Evoucher(family.Spouse.PsnNo, time.Now())})
	dump := strings.Join(p.store.Dump(t.Context(), t), "\n")
	if !strings.Contains(dump, "P43010000001") {
		t.Fatal("the dump is empty")
	}
	for _, m := range family.Members() {
		for _, secret := range []string{m.Name, m.IDNumber, m.PsnNo, m.CardNumber, m.Identifier} {
			if strings.Contains(dump, secret) {
				t.Error("an identity is in clear in the database")
			}
		}
	}
	other := options
	other.Key = func(bool) ([]byte, error) { return []byte(strings.Repeat("k", 32)), nil }
	if _, err := pgstore.Open(t.Context(), other); err == nil || !strings.Contains(err.Error(), "not the one") {
		t.Errorf("another key: %v", err)
	}
	if n := p.store.Sum(t.Context(), t, `WITH x AS (UPDATE centre_account SET value = (SELECT value FROM centre_account ORDER BY id LIMIT 1) RETURNING 1) SELECT count(*) FROM x`); n != 4 {
		t.Fatalf("%d accounts", n)
	}
	if outcome := x.ask(nhsa.FamilyQuery{CertType: "02", CertNo: family.Patient.IDNumber}); outcome.Done() {
		t.Error("a record in another's place is taken for true")
	}
}

// TestAllowancesEnd: what nobody gave back is everybody's after the grace, and a process that tidies up tells the readers.
func TestAllowancesEnd(t *testing.T) {
	var mu sync.Mutex
	now := time.Now()
	clock := func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	options := centre.Options{Clock: clock, Allowances: centre.Allowances{Percent: 50}}
	database := server.URL(t)
	a, b := start(t, database, options), start(t, database, options)
	family := demo(t, a)
	x := newTill(t, "P43010000001", a, b)
	x.page(nhsa.FamilyQuery{CertType: "02", CertNo: family.Spouse.IDNumber})
	if held := a.Granted(); len(held) == 0 || held[0].Left == 0 {
		t.Fatalf("%+v", held)
	}
	s, _ := x.page(nhsa.DeltaQuery{Limit: 1000})
	mu.Lock()
	now = now.AddDate(0, 0, 9)
	mu.Unlock()
	if err := b.Tidy(t.Context()); err != nil {
		t.Fatal(err)
	}
	if held := a.Granted(); len(held) != 0 {
		t.Errorf("after the grace %+v", held)
	}
	after, _ := x.page(nhsa.DeltaQuery{Cursor: s.Cursor, Limit: 1000})
	if len(after.Accounts) == 0 {
		t.Error("nobody is told that the money is free")
	}
}

// TestNewProcessKnowsAll: whatever a process answered, one that starts later knows, sign-ins, serials and cursors included.
func TestNewProcessKnowsAll(t *testing.T) {
	database := server.URL(t)
	a := start(t, database, centre.Options{})
	family := demo(t, a)
	x := newTill(t, "P43010000001", a)
	booking, _ := x.book(sale(family.Patient, 5000))
	page, _ := x.page(nhsa.DeltaQuery{Limit: 1000})
	a.store.Close()

	b := start(t, database, centre.Options{})
	y := newTill(t, "P43010000002", b) // another venue's sign-in must not disturb
	y.must(nhsa.DictionaryQuery{Type: "insutype", Valid: "1"})
	client := connect(t, "P43010000001", b)
	client.signNo, client.serial = x.signNo, x.serial // the sign-in of before
	client.must(nhsa.Cancel{PsnNo: family.Patient.PsnNo, SetlID: booking.SetlID, MdtrtID: booking.MdtrtID})
	if got := b.Balances(); got[family.Patient.PsnNo] != family.Patient.Balance || got[family.Daughter.PsnNo] != family.Daughter.Balance {
		t.Errorf("%v", got)
	}
	again, _ := client.page(nhsa.DeltaQuery{Cursor: page.Cursor, Limit: 1000})
	if again.Full || len(again.Accounts) != 2 {
		t.Errorf("full %v, %d accounts", again.Full, len(again.Accounts))
	}
}

// TestLoad: a snapshot larger than a transaction goes in whole, and a reader gets all of it.
func TestLoad(t *testing.T) {
	p := start(t, server.URL(t), centre.Options{})
	x := newTill(t, "P43010000001", p)
	s := crowd(4100)
	if err := p.Seed(s); err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for cursor, more := "", true; more; {
		var page settle.Snapshot
		page, more = x.page(nhsa.DeltaQuery{Cursor: cursor, Limit: 3000})
		for _, account := range page.Accounts {
			known[account.PsnNo] = true
		}
		if cursor = page.Cursor; !page.Full {
			t.Fatal("a page of everything does not say so")
		}
	}
	if len(known) != len(s.Accounts) {
		t.Errorf("%d accounts of %d", len(known), len(s.Accounts))
	}
}
