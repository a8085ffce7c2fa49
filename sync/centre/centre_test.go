package centre_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"gongji/settle"
	. "gongji/sync/centre"
	"gongji/sync/centre/pgstore"
	"gongji/sync/centre/pgstore/pgtest"
	"gongji/sync/feed"
	"gongji/sync/nhsa"
)

// server is the PostgreSQL of this package's tests.
var server *pgtest.Server

func TestMain(m *testing.M) {
	server = pgtest.Start()
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		server.Stop()
		os.Exit(code)
	}))
}

// onBoth runs a test on a centre in memory and on one over PostgreSQL.
func onBoth(t *testing.T, test func(t *testing.T)) {
	t.Run("memory", test)
	t.Run("postgres", test)
}

// openStore opens a database with a key that the tests share.
func openStore(t *testing.T, url string) *pgstore.Store {
	t.Helper()
	store, err := pgstore.Open(t.Context(), pgstore.Options{URL: url, Key: func(bool) ([]byte, error) { return bytes.Repeat([]byte{9}, 32), nil }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	return store
}

var cashier = settle.Operator{ID: "1001", Name: "李敏"}

// till speaks to a centre over real HTTP as a venue does.
type till struct {
	t      *testing.T
	centre *Centre
	client *nhsa.Client
	signNo string
	serial uint64
	url    string
}

func newTill(t *testing.T, options Options) *till {
	t.Helper()
	if strings.Contains(t.Name(), "/postgres") {
		options.Store = openStore(t, server.URL(t))
	}
	c, err := New(options)
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewServer(c.Handler())
	t.Cleanup(front.Close)
	x := &till{t: t, centre: c, url: front.URL}
	x.client, err = nhsa.NewClient(nhsa.Options{
		URL: front.URL + "/fsi/api/rsfComIfsService/callService", Venue: settle.Venue{Code: "P43010000001", Name: "示例大药房", Area: "430100"},
		Serials: func(context.Context) (uint64, error) { x.serial++; return x.serial, nil }, Timeout: 5 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(x.client.Close)
	return x
}

func (x *till) prepare(message nhsa.Message) nhsa.Prepared {
	x.t.Helper()
	prepared, err := x.client.Prepare(x.t.Context(), nhsa.Call{Message: message, Operator: cashier, SignNo: x.signNo, InsuredArea: "430100"})
	if err != nil {
		x.t.Fatal(err)
	}
	return prepared
}

func (x *till) ask(message nhsa.Message) nhsa.Outcome {
	x.t.Helper()
	return x.client.Send(x.t.Context(), x.prepare(message))
}

// must is a message that the centre has to do.
func (x *till) must(message nhsa.Message) *nhsa.Answer {
	x.t.Helper()
	outcome := x.ask(message)
	if !outcome.Done() {
		x.t.Fatalf("%s: %+v", message.Infno(), outcome)
	}
	return outcome.Answer
}

// refused holds a refusal to the tag that its text begins with.
func (x *till) refused(outcome nhsa.Outcome, tag string) {
	x.t.Helper()
	if !outcome.Refused() || !strings.HasPrefix(outcome.Answer.Text, tag) {
		x.t.Errorf("want a refusal %s, got %+v", tag, outcome)
	}
}

func (x *till) signIn() {
	x.t.Helper()
	result, err := nhsa.DecodeSignIn(x.must(nhsa.SignIn{Operator: cashier.ID, MAC: "02:00:00:00:00:01", IP: "192.0.2.1"}))
	if err != nil {
		x.t.Fatal(err)
	}
	x.signNo = result.SignNo
}

// sale is a dossier of one line.
func sale(m Member, figures settle.Figures) settle.Dossier {
	return settle.Dossier{
		Identity:   settle.Identity{PsnNo: m.PsnNo, IDNumber: m.IDNumber, Name: m.Name, Insurance: m.Insurance, Area: m.Area},
		Credential: settle.CredentialCard, Card: settle.CardNumbers{Number: m.CardNumber, Identifier: m.Identifier, IDNumber: m.IDNumber},
		Sale: settle.Sale{MedType: "41", UseAccounts: true, Lines: []settle.Line{
			{ID: "1", Code: "XA01", ShopCode: "69", Quantity: "1", UnitPrice: figures.Total.String(), Total: figures.Total}}},
		Figures: figures, At: time.Now(),
	}
}

var expected = nhsa.Extensions{ExpectedSplit: true}

func (x *till) book(d settle.Dossier, extensions nhsa.Extensions) settle.Booking {
	x.t.Helper()
	message := x.prepare(nhsa.PharmacySettle{Dossier: d, Extensions: extensions})
	outcome := x.client.Send(x.t.Context(), message)
	if !outcome.Done() {
		x.t.Fatalf("2102: %+v", outcome)
	}
	booking, err := nhsa.DecodeBooking(outcome.Answer, message.MsgID, &d)
	if err != nil {
		x.t.Fatal(err)
	}
	return booking
}

func demo(t *testing.T, options Options) (*till, Family) {
	t.Helper()
	x := newTill(t, options)
	family := DemoFamily(settle.DateOf(time.Now()))
	if err := x.centre.Seed(family.Snapshot(time.Now())); err != nil {
		t.Fatal(err)
	}
	x.signIn()
	return x, family
}

// TestSplit: own account, relatives by rank, cash; the till's expectation where the money is there.
func TestSplit(t *testing.T) { onBoth(t, testSplit) }

func testSplit(t *testing.T) {
	for name, c := range map[string]struct {
		member     func(Family) Member
		asked      settle.Figures
		extensions nhsa.Extensions
		noAccounts bool
		want       settle.Figures
	}{
		"as expected":          {patient, settle.Figures{Total: 25000, Fund: 1000, Own: 3860, Shared: 19000, Cash: 1140}, expected, false, settle.Figures{Total: 25000, Fund: 1000, Own: 3860, Shared: 19000, Cash: 1140}},
		"own lacks":            {patient, settle.Figures{Total: 5000, Own: 5000}, expected, false, settle.Figures{Total: 5000, Own: 3860, Shared: 1140}},
		"everybody lacks":      {patient, settle.Figures{Total: 100000, Own: 3860, Shared: 96140}, expected, false, settle.Figures{Total: 100000, Own: 3860, Shared: 62000, Cash: 34140}},
		"without expectation":  {patient, settle.Figures{Total: 5000, Fund: 2000, Own: 3000}, nhsa.Extensions{}, false, settle.Figures{Total: 5000, Own: 3860, Shared: 1140}},
		"no accounts":          {patient, settle.Figures{Total: 5000, Cash: 5000}, nhsa.Extensions{}, true, settle.Figures{Total: 5000, Cash: 5000}},
		"child by the patient": {func(f Family) Member { return f.Child }, settle.Figures{Total: 4000, Shared: 4000}, expected, false, settle.Figures{Total: 4000, Shared: 3860, Cash: 140}},
	} {
		t.Run(name, func(t *testing.T) {
			x, family := demo(t, Options{})
			d := sale(c.member(family), c.asked)
			d.Sale.UseAccounts = !c.noAccounts
			if got := x.book(d, c.extensions); got.Figures != c.want {
				t.Errorf("got %+v", got.Figures)
			}
		})
	}
}

func patient(f Family) Member { return f.Patient }

// TestCancelAndReverse walks the choices of the package comment.
func TestCancelAndReverse(t *testing.T) { onBoth(t, testCancelAndReverse) }

func testCancelAndReverse(t *testing.T) {
	x, family := demo(t, Options{})
	d := sale(family.Patient, settle.Figures{Total: 10000, Own: 3860, Shared: 6140})
	booking := x.book(d, expected)
	if now := x.centre.Balances(); now[family.Patient.PsnNo] != 0 || now[family.Daughter.PsnNo] != 12000-6140 {
		t.Errorf("balances %v", now)
	}
	undo := func(msgid, infno string) nhsa.Outcome {
		return x.ask(nhsa.Reverse{PsnNo: family.Patient.PsnNo, Original: msgid, OriginalInfno: infno})
	}
	x.refused(undo("P43010000001202601010000009999", "2102"), "[2601-NOTFOUND]")
	x.refused(undo(booking.MsgID, "2103"), "[2601-NOTREVERSIBLE]")
	cancel := nhsa.Cancel{PsnNo: family.Patient.PsnNo, SetlID: booking.SetlID, MdtrtID: booking.MdtrtID}
	wrong := cancel
	wrong.MdtrtID = "M0"
	x.refused(x.ask(wrong), "[SETL]")
	message := x.prepare(cancel)
	outcome := x.client.Send(t.Context(), message)
	cancelled := nhsa.DecodeCancel(outcome.Answer, message.MsgID)
	if !outcome.Done() || cancelled.SetlID == booking.SetlID || !cancelled.CentreTime.After(booking.CentreTime) {
		t.Errorf("2103: %+v", cancelled)
	}
	if now := x.centre.Balances(); now[family.Patient.PsnNo] != 3860 || now[family.Daughter.PsnNo] != 12000 {
		t.Errorf("balances after 2103 %v", now)
	}
	x.refused(x.ask(cancel), "[SETL]")
	x.refused(undo(booking.MsgID, "2102"), "[2601-NOTREVERSIBLE]")
	for range 2 { // repeated after success: accepted
		if outcome := undo(message.MsgID, "2103"); !outcome.Done() {
			t.Errorf("2601 of 2103: %+v", outcome)
		}
	}
	if now := x.centre.Balances(); now[family.Patient.PsnNo] != 0 || len(x.centre.Standing()) != 1 {
		t.Errorf("after the cancellation was undone: %v", now)
	}
	if outcome := undo(booking.MsgID, "2102"); !outcome.Done() || len(x.centre.Standing()) != 0 || x.centre.Balances()[family.Daughter.PsnNo] != 12000 {
		t.Errorf("2601 of 2102: %+v", outcome)
	}
	rows := x.centre.Book()
	if len(rows) != 2 || rows[1].Figures.Total != -10000 || rows[1].Cancels != rows[0].SetlID || !rows[0].Undone || !rows[1].Undone {
		t.Errorf("book %+v", rows)
	}
}

// TestRefusals: each has a text of its own and books nothing.
func TestRefusals(t *testing.T) { onBoth(t, testRefusals) }

func testRefusals(t *testing.T) {
	x, family := demo(t, Options{Without: []string{"G102"}})
	good := sale(family.Stranger, settle.Figures{Total: 100, Own: 100})
	message := x.prepare(nhsa.PharmacySettle{Dossier: good})
	if outcome := x.client.Send(t.Context(), message); !outcome.Done() {
		t.Fatalf("%+v", outcome)
	}
	x.refused(x.client.Send(t.Context(), message), "[MSGID-REPEATED]")
	foreign := message
	foreign.Body = bytes.ReplaceAll(bytes.Clone(message.Body), []byte(message.MsgID), []byte("Q"+message.MsgID[1:]))
	x.refused(x.client.Send(t.Context(), foreign), "[FORMAT]")
	x.refused(x.ask(nhsa.DeltaQuery{Limit: 1}), "[INFNO]")
	mismatch := good
	mismatch.Card.Number = family.Patient.CardNumber
	x.refused(x.ask(nhsa.PharmacySettle{Dossier: mismatch}), "[CARD]")
	unknown := good
	unknown.Identity.PsnNo = "1"
	x.refused(x.ask(nhsa.PharmacySettle{Dossier: unknown}), "[PERSON]")
	insurance := good
	insurance.Identity.Insurance = "390"
	x.refused(x.ask(nhsa.PharmacySettle{Dossier: insurance}), "[PERSON]")
	x.refused(x.ask(nhsa.PersonQuery{CertType: "03", CertNo: family.Patient.CardNumber, Identifier: "00"}), "[PERSON]")

	lost := family.Snapshot(time.Now())
	lost.People[4].Cards[0].Status = settle.CardLost
	lost.People[4].Status = settle.StatusDeceased
	lost.Accounts, lost.Bindings = nil, nil
	if err := x.centre.Seed(lost); err != nil {
		t.Fatal(err)
	}
	x.refused(x.ask(nhsa.PharmacySettle{Dossier: good}), "[CARD]")
	x.refused(x.ask(nhsa.PersonQuery{CertType: "03", CertNo: family.Stranger.CardNumber, Identifier: family.Stranger.Identifier}), "[CARD]")
	by := good
	by.Credential = settle.CredentialID
	x.refused(x.ask(nhsa.PharmacySettle{Dossier: by}), "[PERSON]")
	x.signNo = "0"
	x.refused(x.ask(nhsa.PharmacySettle{Dossier: good}), "[SIGNIN]")
	if len(x.centre.Book()) != 1 {
		t.Errorf("book %+v", x.centre.Book())
	}
	response, err := http.Post(x.url, "application/json", strings.NewReader("{"))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	if answer, err := nhsa.DecodeAnswer(body); err != nil || !answer.Refused() {
		t.Errorf("no JSON: %s", body)
	}
}

// TestContainsThrough: a snapshot contains a booking exactly if the booking's respond_time is not later than what the
// snapshot says, even where the clock stands still.
func TestContainsThrough(t *testing.T) { onBoth(t, testContainsThrough) }

func testContainsThrough(t *testing.T) {
	still := time.Date(2026, 11, 22, 10, 0, 0, 0, settle.Beijing)
	x, family := demo(t, Options{Clock: func() time.Time { return still }})
	spent, acknowledged := settle.Fen(0), []time.Time{}
	for i := range 5 {
		answer, err := nhsa.DecodeSnapshotAnswer(x.must(nhsa.FamilyQuery{CertType: "02", CertNo: family.Stranger.IDNumber}))
		if err != nil {
			t.Fatal(err)
		}
		s, err := feed.DecodeSnapshot(answer.Snapshot)
		if err != nil {
			t.Fatal(err)
		}
		through := s.Accounts[0].ContainsThrough["P43010000001"]
		for _, at := range acknowledged {
			if at.After(through) {
				t.Errorf("a booking inside the balance is acknowledged at %v, after %v", at, through)
			}
		}
		if s.Accounts[0].Balance != 20000-spent {
			t.Errorf("balance %s", s.Accounts[0].Balance)
		}
		booking := x.book(sale(family.Stranger, settle.Figures{Total: 100, Own: 100}), expected)
		if !booking.CentreTime.After(through) {
			t.Errorf("round %d: a booking outside the balance is acknowledged at %v, not after %v", i, booking.CentreTime, through)
		}
		spent, acknowledged = spent+100, append(acknowledged, booking.CentreTime)
	}
}

// TestJournal: what was answered is there after a restart, byte for byte in the money; a torn end is cut, other damage
// is named; a second centre on the folder is refused.
func TestJournal(t *testing.T) {
	dir := t.TempDir()
	journal, err := OpenJournal(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenJournal(dir); err == nil {
		t.Error("two centres on one folder")
	}
	x, family := demo(t, Options{Journal: journal})
	booking := x.book(sale(family.Patient, settle.Figures{Total: 10000, Own: 3860, Shared: 6140}), expected)
	second := x.book(sale(family.Stranger, settle.Figures{Total: 500, Own: 500}), expected)
	x.must(nhsa.Reverse{PsnNo: family.Stranger.PsnNo, Original: second.MsgID, OriginalInfno: "2102"})
	x.must(nhsa.Cancel{PsnNo: family.Patient.PsnNo, SetlID: booking.SetlID, MdtrtID: booking.MdtrtID})
	x.book(sale(family.Child, settle.Figures{Total: 100, Shared: 100}), expected)
	balances, rows := x.centre.Balances(), len(x.centre.Standing())
	if err := journal.Close(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "centre.jsonl")
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	reopen := func(content []byte) (*Centre, *Journal, error) {
		t.Helper()
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
		journal, err := OpenJournal(dir)
		if err != nil {
			t.Fatal(err)
		}
		c, err := New(Options{Journal: journal})
		return c, journal, err
	}
	c, journal, err := reopen(append(bytes.Clone(whole), `{"kind":"book","row":{"setl_id":"S4301`...))
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Balances(); fmt.Sprint(got) != fmt.Sprint(balances) || len(c.Standing()) != rows || c.Empty() {
		t.Errorf("after the restart %v, before %v", got, balances)
	}
	journal.Close()
	if now, _ := os.ReadFile(file); !bytes.Equal(now, whole) {
		t.Error("the torn line is still there")
	}
	// The msgids and serials go on.
	journal, err = OpenJournal(dir)
	if err != nil {
		t.Fatal(err)
	}
	y := newTill(t, Options{Journal: journal})
	y.serial = x.serial
	y.signIn()
	third := y.book(sale(family.Stranger, settle.Figures{Total: 500, Own: 500}), expected)
	if third.SetlID <= booking.SetlID || !y.ask(nhsa.Reverse{PsnNo: family.Stranger.PsnNo, Original: second.MsgID, OriginalInfno: "2102"}).Done() {
		t.Errorf("after the restart: %+v", third)
	}
	journal.Close()
	if outcome := y.ask(nhsa.PharmacySettle{Dossier: sale(family.Stranger, settle.Figures{Total: 500, Own: 500})}); outcome.Result != nhsa.Unknown {
		t.Errorf("a booking that cannot be written is answered with %+v", outcome)
	}
	for _, m := range family.Members() {
		for _, secret := range []string{m.Name, m.IDNumber, m.PsnNo, m.CardNumber, m.Identifier} {
			if bytes.Contains(whole, []byte(secret)) {
				t.Error("an identity is in clear on the disk")
			}
		}
	}
	lines := bytes.SplitAfter(whole, []byte("\n"))
	for name, damaged := range map[string][]byte{
		"garbled": bytes.Join([][]byte{lines[0], []byte("{\"kind\n"), lines[2]}, nil),
		"missing": bytes.Join([][]byte{lines[0], lines[1], lines[3]}, nil),
		"doubled": bytes.Join([][]byte{lines[0], lines[1], lines[1]}, nil),
		"no seed": bytes.Join([][]byte{lines[1]}, nil),
		"clear":   bytes.Join([][]byte{lines[0], []byte("{\"kind\":\"undo\"}\n")}, nil),
		"swapped": bytes.Join([][]byte{lines[0], lines[2], lines[1]}, nil),
	} {
		_, journal, err := reopen(damaged)
		if err == nil || !strings.Contains(err.Error(), "journal line ") {
			t.Errorf("%s: %v", name, err)
		}
		journal.Close()
	}
}

// TestJournalKey: a clear journal, a missing key, a key that others may read and another key are refused, each by name.
func TestJournalKey(t *testing.T) {
	dir := t.TempDir()
	key := filepath.Join(dir, "keys", "centre.key")
	journal, err := OpenJournal(dir)
	if err != nil {
		t.Fatal(err)
	}
	demo(t, Options{Journal: journal})
	journal.Close()
	secret, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	refused := func(what, says string) {
		t.Helper()
		journal, err := OpenJournal(dir)
		if err == nil {
			_, err = New(Options{Journal: journal})
			journal.Close()
		}
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", what, err)
		}
	}
	set := func(data []byte, mode os.FileMode) {
		t.Helper()
		if err := errors.Join(os.WriteFile(key, data, 0o600), os.Chmod(key, mode)); err != nil {
			t.Fatal(err)
		}
	}
	if runtime.GOOS != "windows" {
		set(secret, 0o640)
		refused("readable by others", "mode 0600")
	}
	set(secret[:5], 0o600)
	refused("short", "32 bytes")
	set(bytes.Repeat([]byte{7}, 32), 0o600)
	refused("another key", "journal line 1 is damaged")
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	refused("no key", "is missing")
	if err := os.WriteFile(filepath.Join(dir, "centre.jsonl"), []byte("{\"kind\":\"seed\"}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	refused("clear", "is in clear")
	set(secret, 0o600)
	refused("clear with a key", "is in clear")
}

// TestInspect: the two pages show everything and nobody.
func TestInspect(t *testing.T) { onBoth(t, testInspect) }

func testInspect(t *testing.T) {
	out := &bytes.Buffer{}
	x, family := demo(t, Options{Logger: slog.New(slog.NewTextHandler(out, nil))})
	x.book(sale(family.Patient, settle.Figures{Total: 10000, Own: 3860, Shared: 6140}), expected)
	x.ask(nhsa.PersonQuery{CertType: "02", CertNo: family.Patient.IDNumber})
	text := out.String()
	for _, path := range []string{"/centre/book", "/centre/people"} {
		response, err := http.Get(x.url + path)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(response.Body)
		response.Body.Close()
		var rows []map[string]any
		if err := json.Unmarshal(body, &rows); err != nil || len(rows) == 0 {
			t.Errorf("%s: %s", path, body)
		}
		text += string(body)
	}
	for _, m := range family.Members() {
		for _, secret := range []string{m.Name, m.IDNumber, m.PsnNo, m.CardNumber, m.Identifier} {
			if strings.Contains(text, secret) {
				t.Errorf("%s is shown", secret)
			}
		}
	}
}

// TestRequests: bindings and contributions keep to the centre's rules, and a restart knows all of them.
func TestRequests(t *testing.T) {
	dir := t.TempDir()
	journal, err := OpenJournal(dir)
	if err != nil {
		t.Fatal(err)
	}
	x, family := demo(t, Options{Journal: journal})
	who := func(m Member) settle.Identity { return settle.Identity{PsnNo: m.PsnNo, Area: m.Area} }
	ask := func(id string, action settle.BindingAction, giver, beneficiary Member, rank int) nhsa.BindingAnswer {
		t.Helper()
		answer, err := nhsa.DecodeBindingAnswer(x.must(nhsa.BindingChange{
			Request: settle.BindingRequest{ID: id, Action: action, Relation: settle.Sibling, Rank: rank}, Giver: who(giver), Beneficiary: who(beneficiary)}))
		if err != nil {
			t.Fatal(err)
		}
		return answer
	}
	ranks := func(c *Centre) (order []string) {
		for i, b := range GiversOf(t, c, family.Patient.PsnNo) {
			if b.Rank != i+1 {
				t.Errorf("place %d has rank %d", i+1, b.Rank)
			}
			order = append(order, b.Giver[18:])
		}
		return order
	}
	if a := ask("1", settle.BindingBind, family.Stranger, family.Patient, 2); a.State != settle.RequestConfirmed {
		t.Fatalf("%+v", a)
	}
	if got := fmt.Sprint(ranks(x.centre)); got != "[02 05 03]" {
		t.Errorf("order %s", got)
	}
	if a := ask("2", settle.BindingReorder, family.Stranger, family.Patient, 1); a.State != settle.RequestConfirmed || fmt.Sprint(ranks(x.centre)) != "[05 02 03]" {
		t.Errorf("%+v", a)
	}
	if a := ask("1", settle.BindingBind, family.Stranger, family.Patient, 2); a.State != settle.RequestConfirmed || len(ranks(x.centre)) != 3 {
		t.Errorf("a repeat: %+v", a)
	}
	for id, refused := range map[string]nhsa.BindingAnswer{
		"duplicate":  ask("3", settle.BindingBind, family.Stranger, family.Patient, 0),
		"no account": ask("4", settle.BindingBind, family.Child, family.Patient, 0),
		"not bound":  ask("5", settle.BindingUnbind, family.Child, family.Stranger, 0),
		"unknown":    ask("6", settle.BindingBind, Member{PsnNo: "1", Area: "430100"}, family.Patient, 0),
	} {
		if refused.State != settle.RequestRefused || refused.Reason == "" {
			t.Errorf("%s: %+v", id, refused)
		}
	}
	conflict := nhsa.BindingChange{Request: settle.BindingRequest{ID: "1", Action: settle.BindingUnbind}, Giver: who(family.Stranger), Beneficiary: who(family.Patient)}
	x.refused(x.ask(conflict), "[REQUEST-CONFLICT]")
	premium := nhsa.PremiumReport{Premium: settle.Premium{ID: "P", Year: 2027, Amount: 25000, At: time.Now()}, Payer: who(family.Stranger), Beneficiary: who(family.Patient)}
	for range 2 {
		if a, err := nhsa.DecodePremiumAnswer(x.must(premium), "P"); err != nil || a.State != settle.RequestConfirmed {
			t.Errorf("%+v, %v", a, err)
		}
	}
	other := premium
	other.Premium.Amount++
	x.refused(x.ask(other), "[PREMIUM-CONFLICT]")
	balances := x.centre.Balances()
	if balances[family.Stranger.PsnNo] != 0 || balances[family.Daughter.PsnNo] != 12000-5000 {
		t.Errorf("%v", balances)
	}
	order := ranks(x.centre)
	if err := journal.Close(); err != nil {
		t.Fatal(err)
	}
	if journal, err = OpenJournal(dir); err != nil {
		t.Fatal(err)
	}
	defer journal.Close()
	c, err := New(Options{Journal: journal})
	if err != nil || fmt.Sprint(c.Balances()) != fmt.Sprint(balances) || fmt.Sprint(ranks(c)) != fmt.Sprint(order) {
		t.Errorf("after the restart: %v, %v", c.Balances(), err)
	}
}

// TestDemoFamily: the people pass the rules that cards and tills apply.
func TestDemoFamily(t *testing.T) {
	family := DemoFamily(20261122)
	var cards []string
	for _, m := range family.Members() {
		id, err := settle.ParseIDNumber(m.IDNumber)
		if err != nil || id.Birth() != m.Born {
			t.Errorf("%s: %v", m.Name, err)
		}
		if (m.IDNumber[16]-'0')%2 != m.Sex[0]%2 {
			t.Errorf("%s: the number says another sex", m.Name)
		}
		if len(m.Identifier) != 32 || len(m.CardNumber) != 9 || len(m.PsnNo) != 20 || m.Issued != 20231122 || m.Expires != 20331122 || slices.Contains(cards, m.CardNumber) {
			t.Errorf("%+v", m)
		}
		cards = append(cards, m.CardNumber)
	}
	encoded, err := feed.EncodeSnapshot(family.Snapshot(time.Now()))
	if err != nil {
		t.Fatal(err)
	}
	c, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Load(bytes.NewReader(encoded)); err != nil || len(c.Balances()) != 4 {
		t.Errorf("%v", err)
	}
	if err := c.Load(strings.NewReader(`{}`)); settle.CodeOf(err) != settle.BadRequest {
		t.Errorf("an empty file: %v", err)
	}
	stray := family.Snapshot(time.Now())
	stray.Bindings[0].Giver = "nobody"
	if err := c.Seed(stray); settle.CodeOf(err) != settle.BadRequest || !strings.Contains(err.Error(), "bindings[0]") {
		t.Errorf("a stray binding: %v", err)
	}
}

// TestLimitAndQuota: a binding's own limit and a wallet's quota are used up and given back.
func TestLimitAndQuota(t *testing.T) { onBoth(t, testLimitAndQuota) }

func testLimitAndQuota(t *testing.T) {
	x, family := demo(t, Options{})
	s := family.Snapshot(time.Now())
	s.Bindings[0].Limit = settle.CapOf(1000)
	s.Bindings[1].Mode, s.Bindings[1].QuotaTotal = settle.Wallet, 500
	s.People, s.Accounts = nil, nil
	if err := x.centre.Seed(s); err != nil {
		t.Fatal(err)
	}
	asked := settle.Figures{Total: 5000, Own: 3860, Shared: 1140}
	if got := x.book(sale(family.Patient, asked), expected); got.Figures != asked {
		t.Errorf("first %+v", got.Figures)
	}
	second := x.book(sale(family.Patient, settle.Figures{Total: 5000, Shared: 5000}), expected)
	if second.Figures.Shared != 500-140 {
		t.Errorf("second %+v", second.Figures)
	}
	x.must(nhsa.Reverse{PsnNo: family.Patient.PsnNo, Original: second.MsgID, OriginalInfno: "2102"})
	if third := x.book(sale(family.Patient, settle.Figures{Total: 5000, Shared: 5000}), expected); third.Figures != second.Figures {
		t.Errorf("third %+v", third.Figures)
	}
}

func TestPlanFaults(t *testing.T) {
	faults, err := PlanFaults([]string{"2102=lose-answer:2", "2102=502-before", "2601=delay-after:1:3s"})
	if err != nil {
		t.Fatal(err)
	}
	var got []FaultKind
	for range 5 {
		got = append(got, faults("2102").Kind)
	}
	if want := []FaultKind{FaultLoseAnswer, FaultLoseAnswer, FaultBadBefore, FaultNone, FaultNone}; !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
	if fault := faults("2601"); fault.Delay != 3*time.Second {
		t.Errorf("%+v", fault)
	}
	for _, bad := range []string{"2102", "2102=", "2102=explode", "2102=502-after:0", "2102=502-after:x", "2102=delay-after:1:soon", "2102=502-after:1:1s:1"} {
		if _, err := PlanFaults([]string{bad}); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

// TestSigned: a centre that wants signatures takes signed messages and no others; encryption goes both ways.
func TestSigned(t *testing.T) { onBoth(t, testSigned) }

func testSigned(t *testing.T) {
	verifier, err := nhsa.NewVerifier(nhsa.SignatureOptions{Kind: nhsa.SignSM3Input})
	if err != nil {
		t.Fatal(err)
	}
	signer, err := nhsa.NewSigner(nhsa.SignatureOptions{Kind: nhsa.SignSM3Input})
	if err != nil {
		t.Fatal(err)
	}
	body, err := nhsa.NewSM4Body([]byte("0123456789abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	x := newTill(t, Options{Verifier: verifier, Body: body})
	x.refused(x.ask(nhsa.SignIn{Operator: cashier.ID, MAC: "02:00:00:00:00:01", IP: "192.0.2.1"}), "[SIGNATURE]")
	for _, encrypted := range []*nhsa.SM4Body{nil, body} {
		client, err := nhsa.NewClient(nhsa.Options{
			URL: x.url, Venue: settle.Venue{Code: "P43010000001", Name: "示例大药房", Area: "430100"}, Signer: signer, Body: encrypted,
			Serials: func(context.Context) (uint64, error) { x.serial++; return x.serial, nil },
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(client.Close)
		x.client = client
		x.signIn()
		if x.signNo == "" {
			t.Error("no sign-in number")
		}
	}
}
