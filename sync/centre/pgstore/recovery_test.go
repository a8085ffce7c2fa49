package pgstore_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"gongji/settle"
	"gongji/settle/ledger"
	"gongji/sync/centre"
	"gongji/sync/centre/pgstore"
	"gongji/sync/centre/pgstore/pgtest"
	"gongji/sync/feed"
	"gongji/sync/nhsa"
	"gongji/sync/outbox"
	"gongji/sync/reconcile"
)

// venue is a shop with its real ledger, and outbox, feed and reconciliation towards a centre.
type venue struct {
	*ledger.Ledger
	t      *testing.T
	worker *outbox.Worker
	feed   *feed.Feed
	days   *reconcile.Runner
	sales  int
}

func openVenue(t *testing.T) *venue {
	t.Helper()
	rules := settle.DefaultRules()
	l, err := ledger.Open(t.Context(), ledger.Options{
		Dir: t.TempDir(), Clock: time.Now, Registerer: prometheus.NewRegistry(), Logger: slog.New(slog.DiscardHandler),
		Venue:    settle.Venue{Code: "P43010000001", Name: "示例大药房", Kind: "pharmacy", Area: "430100", AgreementUntil: 20991231},
		RulesFor: func(settle.Date) (*settle.Rules, error) { return rules, nil },
		Offline:  settle.OfflineLimits{MaxAge: 24 * time.Hour, MaxSale: settle.CapOf(1 << 40), MaxPersonTotal: settle.CapOf(1 << 40), MaxTotal: settle.CapOf(1 << 40), MaxCount: 1 << 30, Allowed: true, Shared: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return &venue{Ledger: l, t: t}
}

// connect points everything at a centre until the returned function is called.
func (v *venue) connect(p *process) (end func()) {
	v.t.Helper()
	client, err := nhsa.NewClient(nhsa.Options{
		URL: p.url + "/fsi", Venue: settle.Venue{Code: "P43010000001", Name: "示例大药房", Area: "430100"}, Timeout: 10 * time.Second, Serials: v.NextMessageSerial,
	})
	must(v.t, err)
	signIns := nhsa.NewSignIns(client)
	v.feed, err = feed.New(feed.Options{Store: v.Ledger, Client: client, SignIns: signIns, Extension: true, OnSwipe: true})
	must(v.t, err)
	v.days, err = reconcile.New(reconcile.Options{Store: v.Ledger, Client: client, SignIns: signIns})
	must(v.t, err)
	v.worker, err = outbox.New(outbox.Options{
		Store: v.Ledger, Client: client, SignIns: signIns, Prover: v.days, Extensions: nhsa.Extensions{ExpectedSplit: true},
		LeastWait: 2 * time.Millisecond, MostWait: 100 * time.Millisecond, ProbeEvery: 10 * time.Millisecond,
	})
	must(v.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- v.worker.Run(ctx) }()
	return func() {
		cancel()
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			v.t.Error(err)
		}
		client.Close()
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (v *venue) sell(m centre.Member, total settle.Fen) settle.Settlement {
	v.t.Helper()
	v.sales++
	person := v.PersonID(m.PsnNo)
	card, err := json.Marshal(settle.CardNumbers{Number: m.CardNumber, Identifier: m.Identifier, IDNumber: m.IDNumber})
	must(v.t, err)
	sealed, err := v.Seal(ledger.KindCard, card)
	must(v.t, err)
	sold, _, err := v.Settle(v.t.Context(), settle.SettleOrder{
		Sale: settle.Sale{
			POS: "till-1", ID: fmt.Sprintf("R1-%06d", v.sales), Terminal: "counter-1", Operator: cashier, MedType: "41", Patient: person,
			Presenter:  settle.Presenter{SamePerson: true, PatientPresent: true},
			Credential: settle.Credential{Kind: settle.CredentialCard, Owner: person}, UseAccounts: true, PersonCheck: "card_read",
			Lines: []settle.Line{{
				ID: "1", Code: "XA01", ShopCode: "6901", Name: "阿莫西林胶囊", Class: "service_in", Quantity: "1", UnitPrice: total.String(),
				Total: total, Batch: "B7", Personal: [settle.BucketCount]settle.Fen{settle.Coinsurance: total},
			}},
		},
		Presence: settle.Presence{
			Reader: "counter-1", Seq: uint64(v.sales), Kind: settle.CredentialCard, CardHash: v.Index(ledger.KindCard, m.CardNumber+"|"+m.Identifier),
			CardSealed: sealed, MaskedHolder: settle.MaskName(m.Name), MatchedAt: time.Now(), PersonCheck: "card_read", EvidenceSource: "number+name",
		},
	})
	must(v.t, err)
	v.worker.Wake()
	return sold
}

func (v *venue) rest() {
	v.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(2 * time.Millisecond) {
		totals, err := v.OutboxTotals(v.t.Context())
		must(v.t, err)
		if totals.Unsent == 0 {
			return
		}
		if time.Now().After(deadline) {
			v.t.Fatalf("the outbox does not come to rest: %+v", totals)
		}
	}
}

// reReport decides every row of the work list that the centre has lost.
func (v *venue) reReport() (count int) {
	v.t.Helper()
	day, err := v.days.Day(v.t.Context(), settle.DateOf(time.Now()))
	must(v.t, err)
	items, err := v.AttentionList(v.t.Context(), 100)
	must(v.t, err)
	for _, item := range items {
		if item.Kind == ledger.AttentionOneSided {
			must(v.t, v.Decide(v.t.Context(), settle.AttentionOrder{ID: item.ID, Decision: settle.DecideReReport, Operator: cashier, Note: "中心恢复后补报"}))
			count++
		}
	}
	v.worker.Wake()
	if count > 0 && day.Balanced() {
		v.t.Error("the day balances though rows are lost")
	}
	return count
}

// TestRecoverToAMoment: the database is lost and restored from a base backup and the archived log to a moment before the last
// bookings. The centre starts on it, knows no allowance that was granted afterwards, and gives no number twice. The venue's
// comparison of the day shows what the centre lacks; reported again, each sale stands exactly once, a return stays returned, and
// what was never reported comes once. Balances are the same on both sides.
func TestRecoverToAMoment(t *testing.T) {
	database := pgtest.StartArchiving()
	t.Cleanup(database.Stop)
	url := database.URL(t)
	database.Backup(t)
	options := centre.Options{Allowances: centre.Allowances{Percent: 20}}
	before := start(t, url, options)
	family := demo(t, before)
	members := family.Members()
	v := openVenue(t)
	end := v.connect(before)
	_, err := v.feed.Pull(t.Context())
	must(t, err)
	kept := map[string]settle.Fen{}
	first := v.sell(members[4], 100)
	kept[first.ID] = 100
	v.rest()
	restorePoint(t, url, "moment")

	// All of this the recovered centre will not know, and the numbers come from a block of later.
	end()
	before.store.Close()
	before = start(t, url, options)
	end = v.connect(before)
	for i, total := range []settle.Fen{250, 400} {
		kept[v.sell(members[i], total).ID] = total
		v.rest()
	}
	_, _, err = v.Return(t.Context(), settle.ReturnOrder{ID: "RET-1", POS: "till-1", Settlement: first.ID, Operator: cashier, Reason: "退货", WithoutCard: true})
	must(t, err)
	kept[first.ID] = 0
	v.worker.Wake()
	v.rest()
	_, err = v.feed.Refresh(t.Context(), feed.Holder{Kind: settle.CredentialCard, Number: members[4].CardNumber, Identifier: members[4].Identifier, IDNumber: members[4].IDNumber, Name: members[4].Name})
	must(t, err)
	if len(before.Granted()) == 0 {
		t.Fatal("no allowance was granted")
	}
	ids := map[string]bool{}
	for _, row := range before.Book() {
		ids[row.SetlID] = true
	}
	archived(t, url)
	end()
	before.store.Close()
	kept[v.sell(members[3], 700).ID] = 700 // while there is no centre

	database.Recover(t, "moment")
	store, err := pgstore.Open(t.Context(), pgstore.Options{URL: url, Key: key, Restored: true})
	must(t, err)
	t.Cleanup(store.Close)
	after := startOn(t, store, options)
	if held := after.Granted(); len(held) != 0 {
		t.Errorf("allowances of later are known: %+v", held)
	}
	if n := len(after.Book()); n != 1 {
		t.Fatalf("%d rows were recovered, want 1", n)
	}
	end = v.connect(after)
	defer end()
	v.rest()
	_, err = v.feed.Pull(t.Context())
	must(t, err)
	if n := v.reReport(); n != 3 {
		t.Errorf("%d rows were reported again, want two sales and a return", n)
	}
	v.rest()
	if n := v.reReport(); n != 0 {
		t.Errorf("%d rows are lost still", n)
	}
	v.verify(after, members, kept, ids)
}

// verify holds the recovered book against what was sold.
func (v *venue) verify(p *process, members []centre.Member, kept map[string]settle.Fen, before map[string]bool) {
	v.t.Helper()
	var sum, want settle.Fen
	rows := map[string]bool{}
	for _, row := range p.Book() {
		if rows[row.SetlID] {
			v.t.Errorf("%s is there twice", row.SetlID)
		}
		if rows[row.SetlID] = true; !row.Undone {
			sum += row.Figures.Total
		}
	}
	reused := 0
	for id := range before {
		if rows[id] {
			reused++
		}
	}
	if reused != 1 { // the one that was recovered
		v.t.Errorf("%d numbers of before are in use", reused)
	}
	standing := 0
	for id, total := range kept {
		want += total
		s, err := v.Settlement(v.t.Context(), id)
		if err != nil || s.Report != settle.ReportAccepted {
			v.t.Errorf("%s is %s, %v", id, s.Report, err)
		}
		if total > 0 {
			standing++
		}
	}
	if got := len(p.Standing()); sum != want || got != standing {
		v.t.Errorf("%d rows over %s stand, want %d over %s", got, sum, standing, want)
	}
	if _, err := v.feed.Pull(v.t.Context()); err != nil {
		v.t.Fatal(err)
	}
	balances := p.Balances()
	for _, m := range members {
		views, err := v.Accounts(v.t.Context(), v.PersonID(m.PsnNo))
		must(v.t, err)
		for _, view := range views {
			if view.Person == v.PersonID(m.PsnNo) && view.Available != balances[m.PsnNo] {
				v.t.Errorf("…%s has %s here and %s at the centre", m.PsnNo[18:], view.Available, balances[m.PsnNo])
			}
		}
	}
	if found, err := v.Verify(v.t.Context(), nil); err != nil || len(found.Findings) > 0 {
		v.t.Errorf("the ledger: %+v, %v", found, err)
	}
}

func restorePoint(t *testing.T, url, name string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	must(t, err)
	defer conn.Close(t.Context()) //nolint:errcheck // nothing is left to lose
	_, err = conn.Exec(t.Context(), "SELECT pg_create_restore_point($1)", name)
	must(t, err)
}

// archived waits until the log up to now is in the archive.
func archived(t *testing.T, url string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	must(t, err)
	defer conn.Close(t.Context()) //nolint:errcheck // nothing is left to lose
	var segment string
	must(t, conn.QueryRow(t.Context(), "SELECT pg_walfile_name(pg_current_wal_lsn())").Scan(&segment))
	_, err = conn.Exec(t.Context(), "SELECT pg_switch_wal()")
	must(t, err)
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		var done bool
		must(t, conn.QueryRow(t.Context(), "SELECT COALESCE(last_archived_wal >= $1, false) FROM pg_stat_archiver", segment).Scan(&done))
		if done {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the log is not archived")
		}
	}
}
