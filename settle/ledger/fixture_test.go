package ledger

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"gongji/settle"
)

const venueCode = "P43010000001"

// noon is when every test starts, Beijing time.
var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, settle.Beijing)

// testClock is a wall clock that a test sets.
type testClock struct {
	mu sync.Mutex
	at time.Time
}

func (c *testClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *testClock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// human is an invented person.
type human struct {
	psnNo, certno, name, card string
}

// invent makes the n-th person: the number is a birth in 1980 in area 430102 and passes GB 11643.
func invent(n int) human {
	body := fmt.Sprintf("43010219800101%03d", n%1000)
	return human{
		psnNo: fmt.Sprintf("4301000000000%07d", n), certno: body + string(settle.CheckCharacter(body)),
		name: fmt.Sprintf("测试%s%d", []string{"甲", "乙", "丙", "丁"}[n%4], n), card: fmt.Sprintf("T%08d", n),
	}
}

func (h human) identifier() string { return "639900D15600000500BF7C7A" + h.card[1:] }

func (h human) snapshot() settle.SnapshotPerson {
	return settle.SnapshotPerson{
		PsnNo: h.psnNo, IDNumber: h.certno, Name: h.name, Insurance: settle.InsuranceEmployee, Status: settle.StatusNormal,
		Area: "430100", Cards: []settle.SnapshotCard{{Number: h.card, Identifier: h.identifier(), Status: settle.CardValid, Expires: 20351231}},
	}
}

func (h human) account(balance settle.Fen) settle.SnapshotAccount {
	return settle.SnapshotAccount{PsnNo: h.psnNo, Status: settle.StatusNormal, Balance: balance}
}

func bind(id string, giver, beneficiary human, relation settle.Relation, rank int) settle.SnapshotBinding {
	return settle.SnapshotBinding{
		ID: id, Giver: giver.psnNo, Beneficiary: beneficiary.psnNo, Relation: relation, Rank: rank,
		BoundAt: 20250101, ValidFrom: 20250101, Mode: settle.Direct, Active: true,
	}
}

// house is an open ledger with the family of every test: a patient with a small balance, a daughter and a spouse bound
// in this order, a child without an account, a stranger.
type house struct {
	*Ledger
	t       testing.TB
	clock   *testClock
	rules   *settle.Rules
	options Options

	patient, daughter, spouse, child, stranger human
	sales                                      int
}

func testOptions(dir string, clock *testClock, rules *settle.Rules) Options {
	return Options{
		Dir: dir, Clock: clock.now, Registerer: prometheus.NewRegistry(), Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Venue:    settle.Venue{Code: venueCode, Name: "示例大药房", Kind: "pharmacy", Area: "430100", AgreementUntil: 20271231},
		RulesFor: func(settle.Date) (*settle.Rules, error) { return rules, nil },
		Offline: settle.OfflineLimits{
			MaxAge: 24 * time.Hour, MaxSale: settle.CapOf(50000), MaxPersonTotal: settle.CapOf(100000),
			MaxTotal: settle.CapOf(2000000), MaxCount: 200, Allowed: true, Shared: true,
		},
	}
}

// openHouse opens an empty ledger.
func openHouse(t testing.TB) *house {
	t.Helper()
	h := openHouseIn(t, t.TempDir())
	t.Cleanup(func() { _ = h.Close() })
	return h
}

// openHouseIn opens a ledger in a directory; whoever asks for it closes it.
func openHouseIn(t testing.TB, dir string) *house {
	t.Helper()
	h := &house{
		t: t, clock: &testClock{at: noon}, rules: anyCode(settle.DefaultRules()),
		patient: invent(1), daughter: invent(2), spouse: invent(3), child: invent(4), stranger: invent(5),
	}
	h.options = testOptions(dir, h.clock, h.rules)
	h.open()
	return h
}

func (h *house) open() {
	h.t.Helper()
	l, err := Open(h.t.Context(), h.options)
	if err != nil {
		h.t.Fatalf("open: %v", err)
	}
	h.Ledger = l
}

func (h *house) reopen() {
	h.t.Helper()
	if err := h.Close(); err != nil {
		h.t.Fatalf("close: %v", err)
	}
	h.open()
}

// family is the snapshot of the demo family: 10.00 of the patient's own, 50.00 of the daughter's, 200.00 of the spouse's.
func (h *house) family() settle.Snapshot {
	return settle.Snapshot{
		ID: "S-1", CentreTime: noon.Add(-time.Minute), Cursor: "1",
		People: []settle.SnapshotPerson{
			h.patient.snapshot(), h.daughter.snapshot(), h.spouse.snapshot(), resident(h.child.snapshot()), h.stranger.snapshot(),
		},
		Accounts: []settle.SnapshotAccount{h.patient.account(1000), h.daughter.account(5000), h.spouse.account(20000), h.stranger.account(9900)},
		Bindings: []settle.SnapshotBinding{
			bind("B-1", h.daughter, h.patient, settle.Parent, 1), bind("B-2", h.spouse, h.patient, settle.Spouse, 2),
			bind("B-3", h.spouse, h.child, settle.Child, 1),
		},
	}
}

// newHouse opens a ledger that knows the family.
func newHouse(t testing.TB) *house {
	t.Helper()
	h := openHouse(t)
	h.apply(h.family())
	return h
}

func (h *house) apply(s settle.Snapshot) {
	h.t.Helper()
	if err := h.ApplySnapshot(h.t.Context(), s); err != nil {
		h.t.Fatalf("snapshot: %v", err)
	}
}

func (h *house) id(who human) settle.PersonID { return h.PersonID(who.psnNo) }

// resident is somebody who is insured as a resident.
func resident(person settle.SnapshotPerson) settle.SnapshotPerson {
	person.Insurance = settle.InsuranceResident
	return person
}

// anyCode lets the tests write trace codes that can be read.
func anyCode(rules *settle.Rules) *settle.Rules {
	rules.Trace.CodeForms = nil
	return rules
}

// line is a line of a class that needs no trace codes and is all co-insurance.
func line(id string, total settle.Fen) settle.Line {
	return settle.Line{
		ID: id, Code: "C0100", Name: "检查", Class: "service_in", Quantity: "1", UnitPrice: total.String(), Total: total,
		Personal: [settle.BucketCount]settle.Fen{settle.Coinsurance: total},
	}
}

// order asks to settle lines for somebody who shows their own card.
func (h *house) order(who human, lines ...settle.Line) settle.SettleOrder {
	h.sales++
	id := h.id(who)
	card, err := json.Marshal(settle.CardNumbers{Number: who.card, Identifier: who.identifier(), IDNumber: who.certno})
	if err != nil {
		h.t.Fatal(err)
	}
	sealed, err := h.Seal(KindCard, card)
	if err != nil {
		h.t.Fatal(err)
	}
	return settle.SettleOrder{
		Sale: settle.Sale{
			POS: "till-1", ID: fmt.Sprintf("C1-%06d", h.sales), Terminal: "counter-1", Operator: settle.Operator{ID: "1001", Name: "李敏"},
			MedType: "41", Patient: id, Presenter: settle.Presenter{SamePerson: true, PatientPresent: true},
			Credential: settle.Credential{Kind: settle.CredentialCard, Owner: id}, Lines: lines, UseAccounts: true, PersonCheck: "card_read",
		},
		Presence: settle.Presence{
			Reader: "counter-1", Seq: uint64(h.sales), Kind: settle.CredentialCard, CardHash: h.Index(KindCard, who.card+"|"+who.identifier()),
			CardSealed: sealed, MaskedHolder: settle.MaskName(who.name), MatchedAt: h.clock.now(), PersonCheck: "card_read",
			EvidenceSource: "number+name",
		},
	}
}

func (h *house) settle(order settle.SettleOrder) settle.Settlement {
	h.t.Helper()
	s, replayed, err := h.Settle(h.t.Context(), order)
	if err != nil || replayed {
		h.t.Fatalf("settle: %v (replayed %v)", err, replayed)
	}
	return s
}

func (h *house) buy(who human, total settle.Fen) settle.Settlement {
	h.t.Helper()
	return h.settle(h.order(who, line("1", total)))
}

// giveBack orders the return of a settlement with the patient's card.
func giveBack(id, settlement string, lines ...settle.ReturnLine) settle.ReturnOrder {
	return settle.ReturnOrder{
		ID: id, POS: "till-1", Settlement: settlement, Operator: settle.Operator{ID: "1001"}, Reason: "退货", Lines: lines,
		Presence: &settle.Presence{Reader: "counter-1", Seq: 9, Kind: settle.CredentialCard, MatchedAt: noon},
	}
}

func (h *house) giveBack(order settle.ReturnOrder) settle.Return {
	h.t.Helper()
	back, replayed, err := h.Return(h.t.Context(), order)
	if err != nil || replayed {
		h.t.Fatalf("return: %v (replayed %v)", err, replayed)
	}
	return back
}

// available is what somebody's own account offers.
func (h *house) available(who human) settle.Fen {
	h.t.Helper()
	views, err := h.Accounts(h.t.Context(), h.id(who))
	if err != nil {
		h.t.Fatalf("accounts: %v", err)
	}
	if len(views) == 0 || views[0].Person != h.id(who) {
		return 0
	}
	return views[0].Available
}

func (h *house) wantAvailable(who human, want settle.Fen) {
	h.t.Helper()
	if got := h.available(who); got != want {
		h.t.Errorf("available of %s is %s, want %s", who.card, got, want)
	}
}

// due is the one report that is due now.
func (h *house) due() settle.Report {
	h.t.Helper()
	reports, err := h.DueReports(h.t.Context(), h.clock.now(), 1)
	if err != nil || len(reports) != 1 {
		h.t.Fatalf("due reports: %d, %v", len(reports), err)
	}
	return reports[0]
}

// send writes a message of a report to the journal.
func (h *house) send(report int64, infno string) string {
	h.t.Helper()
	return h.sendAbout(report, infno, "")
}

// sendAbout begins a message about an earlier one, as 2601 is.
func (h *house) sendAbout(report int64, infno, original string) string {
	h.t.Helper()
	serial, err := h.NextMessageSerial(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	msgid := fmt.Sprintf("%s%s%04d", venueCode, h.clock.now().Format("20060102150405"), serial)
	err = h.BeginDispatch(h.t.Context(), settle.Dispatch{
		MsgID: msgid, Report: report, Infno: infno, Original: original, Body: []byte(`{"psn_no":"` + h.patient.psnNo + `"}`), SentAt: h.clock.now(),
	})
	if err != nil {
		h.t.Fatalf("begin: %v", err)
	}
	return msgid
}

func (h *house) finish(r settle.DispatchResult) {
	h.t.Helper()
	if err := h.FinishDispatch(h.t.Context(), r); err != nil {
		h.t.Fatalf("finish: %v", err)
	}
}

// accept sends whatever a report needs and lets the centre acknowledge it at a centre time.
func (h *house) accept(report settle.Report, centre time.Time) {
	h.t.Helper()
	d, err := h.Dossier(h.t.Context(), report.ID)
	if err != nil {
		h.t.Fatalf("dossier: %v", err)
	}
	if report.Kind != settle.ReportSettle {
		last := len(d.Sale.Lines) == 0
		state := settle.ReportPending
		if last {
			state = settle.ReportAccepted
		}
		h.finish(settle.DispatchResult{
			MsgID: h.send(report.ID, "2103"), State: settle.DispatchAccepted, Booking: &settle.Booking{CentreTime: centre}, Unbooked: true,
			At: h.clock.now(), Report: report.ID, ReportState: state, Done: last,
		})
		if last {
			return
		}
	}
	msgid := h.send(report.ID, "2102")
	h.finish(settle.DispatchResult{
		MsgID: msgid, State: settle.DispatchAccepted, At: h.clock.now(), Report: report.ID, ReportState: settle.ReportAccepted, Done: true,
		Booking: &settle.Booking{SetlID: "SETL" + msgid, MdtrtID: "M1", MsgID: msgid, CentreTime: centre, Figures: d.Figures},
	})
}

// wantCode fails unless err has the code and, where given, the reason.
func wantCode(t testing.TB, err error, code settle.Code, reason ...settle.Reason) *settle.Error {
	t.Helper()
	var e *settle.Error
	if !errors.As(err, &e) || e.Code != code || (len(reason) > 0 && e.Reason != reason[0]) {
		t.Fatalf("error is %v, want %s %v", err, code, reason)
	}
	return e
}

// wantVerified fails unless the ledger verifies.
func (h *house) wantVerified() VerifyReport {
	h.t.Helper()
	report, err := h.Verify(h.t.Context(), nil)
	if err != nil {
		h.t.Fatalf("verify: %v", err)
	}
	for _, f := range report.Findings {
		h.t.Errorf("verify: %s", f)
	}
	return report
}

func TestMain(m *testing.M) {
	if dir := os.Getenv(victimEnv); dir != "" {
		victim(dir)
		return
	}
	os.Exit(m.Run())
}
