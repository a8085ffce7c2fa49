package main

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"gongji/daemon"
	"gongji/daemon/localapi/client"
	"gongji/daemon/session"
	"gongji/settle"
	"gongji/settle/ledger"
)

// lockedLog collects log lines from many goroutines.
type lockedLog struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lockedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lockedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// startSandbox runs a whole demo: real daemon, real pseudo-terminal, real centre over HTTP.
func startSandbox(t *testing.T) (*sandbox, *lockedLog) {
	t.Helper()
	return startSandboxWith(t, sandboxOptions{dir: t.TempDir()})
}

// startSandboxWith is startSandbox with a directory, a clock or faults of the test's own.
func startSandboxWith(t *testing.T, o sandboxOptions) (*sandbox, *lockedLog) {
	t.Helper()
	log := &lockedLog{}
	o.listen, o.region = "127.0.0.1:0", "430100"
	o.log = slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	s, err := newSandbox(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.run(ctx) }()
	t.Cleanup(func() {
		stop()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("the daemon ended with %v", err)
			}
		case <-time.After(10 * time.Second):
			t.Error("the daemon did not end")
		}
	})
	return s, log
}

// counterTill is a scripted till on a running sandbox.
func counterTill(t *testing.T, s *sandbox) *scriptedTill {
	t.Helper()
	c := client.New(s.daemon.URL(), s.token)
	t.Cleanup(c.Close)
	events, err := c.Events(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	till := &scriptedTill{sandbox: s, client: c, out: &lockedLog{}, events: events}
	if err := till.waitForReader(t.Context()); err != nil {
		t.Fatal(err)
	}
	return till
}

// insert puts a card in and waits until it was read.
func (t *scriptedTill) insert(tb testing.TB, id string) {
	tb.Helper()
	if err := t.sandbox.Insert(id); err != nil {
		tb.Fatal(err)
	}
	err := t.until(tb.Context(), "the card", func(client.Event) (bool, error) {
		answer, err := t.client.Reader(tb.Context())
		return err == nil && answer.Readers[0].Card != nil && answer.Readers[0].State == "present", err
	})
	if err != nil {
		tb.Fatal(err)
	}
}

func TestDemoOnceIsTheMainJob(t *testing.T) {
	out := &lockedLog{}
	root := rootCommand()
	root.SetOut(out)
	root.SetArgs([]string{"demo", "--once", "--dir", t.TempDir()})
	if err := root.ExecuteContext(t.Context()); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{"本人账户 own", "38.60", "共济 shared · 子女", "120.00", "共济 shared · 配偶", "153.80", "现金 cash", "45.00",
		"accepted by the centre", "退货", "PERSON_CARD_MISMATCH", "完成 done"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the demo does not print %q:\n%s", want, out)
		}
	}
}

// TestSilentCentre settles while the centre's port is closed; the report is held and follows when it opens.
func TestSilentCentre(t *testing.T) {
	s, _ := startSandbox(t)
	till := counterTill(t, s)
	till.insert(t, "1")
	if _, err := till.client.Quote(t.Context(), till.bill("WARM")); err != nil {
		t.Fatal(err) // the family is in the ledger now
	}
	for _, g := range s.centre.book.Granted() { // half of each account is the counter's, whatever happens to the line
		want := map[string]settle.Fen{s.family.Patient.PsnNo: 1930, s.family.Daughter.PsnNo: 6000, s.family.Spouse.PsnNo: 25000}[g.PsnNo]
		if g.Left == 0 || g.Left != want {
			t.Errorf("an allowance of %s, want %s", g.Left, want)
		}
	}
	if n := len(s.centre.book.Granted()); n != 3 {
		t.Errorf("the centre grants %d allowances", n)
	}
	if err := s.SetCentre(false); err != nil {
		t.Fatal(err)
	}
	settled, _, err := till.client.Settle(t.Context(), session.SettleRequest{SaleRequest: till.bill("SILENT-1")})
	if err != nil {
		t.Fatal(err)
	}
	if settled.State != "settled" || settled.Report != "pending" {
		t.Errorf("state %s, report %s while the centre is silent", settled.State, settled.Report)
	}
	if err := till.until(t.Context(), "offline", func(client.Event) (bool, error) { return s.daemon.Offline(), nil }); err != nil {
		t.Fatal(err)
	}
	if err := s.SetCentre(true); err != nil {
		t.Fatal(err)
	}
	if err := till.accepted(t.Context(), settled.SettlementID, "accepted"); err != nil {
		t.Fatal(err)
	}
	if rows := s.centre.book.Standing(); len(rows) != 1 {
		t.Errorf("the centre has %d rows, want 1", len(rows))
	}

	// A return that the centre has not heard of takes the acceptance back.
	if err := s.SetCentre(false); err != nil {
		t.Fatal(err)
	}
	if _, _, err := till.client.Refund(t.Context(), settled.SettlementID, session.RefundRequest{
		RefundID: "SILENT-R", Operator: session.OperatorRequest{ID: "1"}, Lines: []session.RefundLineRequest{{ID: "1", Quantity: "1", TraceCodes: []string{"81234560000000000011"}}},
	}); err != nil {
		t.Fatal(err)
	}
	if now, err := till.client.Settlement(t.Context(), settled.SettlementID); err != nil || now.State != "partly_refunded" || now.Report != "pending" {
		t.Errorf("state %s, report %s before the centre knows of the return (%v)", now.State, now.Report, err)
	}
	if err := s.SetCentre(true); err != nil {
		t.Fatal(err)
	}
	if err := till.accepted(t.Context(), settled.SettlementID, "partly_refunded"); err != nil {
		t.Fatal(err)
	}
}

// TestUnpluggedReader names the reader's code while the cable is out and works again by itself afterwards.
func TestUnpluggedReader(t *testing.T) {
	s, _ := startSandbox(t)
	till := counterTill(t, s)
	till.insert(t, "1")
	if err := s.Unplug(); err != nil {
		t.Fatal(err)
	}
	if err := till.until(t.Context(), "the fault", func(client.Event) (bool, error) {
		answer, err := till.client.Reader(t.Context())
		return err == nil && answer.Readers[0].State == "down", err
	}); err != nil {
		t.Fatal(err)
	}
	_, _, err := till.client.Settle(t.Context(), session.SettleRequest{SaleRequest: till.bill("UNPLUGGED-1")})
	if client.CodeOf(err) != settle.ReaderDown {
		t.Errorf("settling without a reader: %v, want READER_DOWN", err)
	}
	if err := s.Replug(); err != nil {
		t.Fatal(err)
	}
	if err := till.until(t.Context(), "the reader", func(client.Event) (bool, error) {
		answer, err := till.client.Reader(t.Context())
		return err == nil && answer.Readers[0].State == "present", err
	}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := till.client.Settle(t.Context(), session.SettleRequest{SaleRequest: till.bill("UNPLUGGED-2")}); err != nil {
		t.Errorf("after replugging: %v", err)
	}
}

// TestSecondDaemonOnTheSameData is refused by name, and the first goes on.
func TestSecondDaemonOnTheSameData(t *testing.T) {
	s, _ := startSandbox(t)
	c, err := s.config(sandboxOptions{listen: "127.0.0.1:0", region: "430100"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err = daemon.New(t.Context(), daemonOptions(c, slog.New(slog.DiscardHandler))); !errors.Is(err, ledger.ErrInUse) {
		t.Fatalf("a second daemon on the directory: %v, want ErrInUse", err)
	}
	till := counterTill(t, s)
	till.insert(t, "1")
	if _, err := till.client.Quote(t.Context(), till.bill("FIRST")); err != nil {
		t.Error(err)
	}
}

func dataDir(s *sandbox) string { return filepath.Join(s.dir, "data") }

// TestNothingLeaksAnIdentity runs a purchase, a refund and a refusal, and then looks for every number and name of the
// family in everything the daemon wrote: its files, its log, its metrics.
func TestNothingLeaksAnIdentity(t *testing.T) {
	s, log := startSandbox(t)
	till := counterTill(t, s)
	for _, act := range []func(context.Context) error{till.purchase, till.stranger} {
		if err := act(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	var secrets []string
	for _, m := range s.family.Members() {
		secrets = append(secrets, m.IDNumber, m.PsnNo, m.CardNumber, m.Identifier, m.Name)
	}
	check := func(where, text string) {
		for _, secret := range secrets {
			if strings.Contains(text, secret) {
				t.Errorf("%s holds %s…", where, secret[:6])
			}
		}
	}
	check("the log", log.String())
	check("the metrics", scrape(t, s))
	err := filepath.WalkDir(dataDir(s), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // a journal that was just checkpointed
		}
		check(entry.Name(), string(data))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestWhateverTheTillMayWriteCanBeReported settles the widest and the barest bill that the API accepts: the centre must
// accept both, since the goods are gone by then.
func TestWhateverTheTillMayWriteCanBeReported(t *testing.T) {
	s, _ := startSandbox(t)
	till := counterTill(t, s)
	till.insert(t, "1")
	long := func(n int) string { return strings.Repeat("长", n) }
	digits := func(n int) string { return strings.Repeat("7", n) }
	widest := session.SaleRequest{
		SaleID: "W" + digits(63), Terminal: "counter-1", MedType: "41", Pharmacist: long(50), VenueKind: "pharmacy",
		Operator:     session.OperatorRequest{ID: digits(session.MaxOperatorID), Name: long(50)},
		Disease:      session.DiseaseRequest{Code: digits(30), Name: long(200)},
		Prescription: session.PrescriptionRequest{Number: digits(session.MaxPrescription), Doctor: long(50), Institution: long(200)},
		Lines: []session.LineRequest{{
			ID: digits(session.MaxLineID), Code: digits(50), ShopCode: digits(50), Name: long(200), Class: "drug_a", Quantity: "99999.9999",
			UnitPrice: "0.123456", Total: "12345.59", TraceCodes: []string{digits(20)}, SplitPack: true, UnitsPerPack: "100000",
			Batch: long(50), Manufacturer: long(200), Unit: long(session.MaxUnit), Spec: long(200), DoctorCode: digits(30), DeptCode: digits(30), Approval: "1",
		}, {ID: "2", Code: "C", Name: "a", Class: "device_reg", Quantity: "1", UnitPrice: "0.5", Total: "0.50", TraceCodes: []string{digits(30)}}},
	}
	barest := session.SaleRequest{
		SaleID: "B", Terminal: "c", MedType: "41", Operator: session.OperatorRequest{ID: "1"},
		Lines: []session.LineRequest{{ID: "1", Code: "C", Name: "a", Class: "consumable", Quantity: "1", UnitPrice: "0.5", Total: "0.50"}},
	}
	for name, sale := range map[string]session.SaleRequest{"widest": widest, "barest": barest} {
		settled, _, err := till.client.Settle(t.Context(), session.SettleRequest{SaleRequest: sale})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := till.accepted(t.Context(), settled.SettlementID, "accepted"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestWhomToAsk: a refusal by a rule, and every slip, name the region's own hotlines, and the slip where people bind.
func TestWhomToAsk(t *testing.T) {
	s, _ := startSandbox(t)
	till := counterTill(t, s)
	till.insert(t, "1")
	settled, _, err := till.client.Settle(t.Context(), session.SettleRequest{SaleRequest: till.bill("ASK-1")})
	if err != nil {
		t.Fatal(err)
	}
	slip, err := till.client.Receipt(t.Context(), settled.SettlementID)
	if err != nil || !strings.Contains(slip.Contact, "12393") || !strings.Contains(slip.Contact, "12333") {
		t.Errorf("the slip says %q (%v)", slip.Contact, err)
	}
	if len(slip.Channels) == 0 || !strings.Contains(strings.Join(slip.Channels, " "), "湘医保") {
		t.Errorf("the slip names the channels %q", slip.Channels)
	}
	bare := till.bill("ASK-2")
	bare.Lines[0].TraceCodes = nil
	_, err = till.client.Quote(t.Context(), bare)
	var problem *client.Problem
	if !errors.As(err, &problem) || problem.Reason != settle.ETraceMissing || !strings.Contains(string(problem.Members["contact"]), "12393") {
		t.Errorf("the refusal says %v: %s", err, problem.Members["contact"])
	}
}
