package session_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"gongji/cardreader"
	"gongji/cardreader/virtual"
	"gongji/daemon/session"
	. "gongji/daemon/session/sessiontest"
	"gongji/settle"
)

// counterRig is a rig with a scanner and an identity card reader on pseudo-terminals beside its card reader.
type counterRig struct {
	*rig
	gun, idGun *virtual.Reader
	codes, ids *cardreader.Reader
	serial     int
	people     sync.Map // code → Member, as the centre knows them
}

func newCounterRig(t *testing.T) *counterRig {
	t.Helper()
	return newCounterRigUnder(t, nil)
}

// newCounterRigUnder is a rig whose region has rules of its own; nil is the baseline.
func newCounterRigUnder(t *testing.T, rules *settle.Rules) *counterRig {
	t.Helper()
	x := &counterRig{}
	x.rig = newRig(t, func(r *rig, o *session.Options) {
		if rules != nil {
			r.ledger = OpenLedgerUnder(t, r.clock, rules)
			o.Ledger = r.ledger
		}
		x.gun, x.codes = device(t, r, o, "scanner", virtual.KindScanner, cardreader.RoleScanner)
		x.idGun, x.ids = device(t, r, o, "id", virtual.KindSDT, cardreader.RoleID)
	})
	x.centre.AnswerCode(func(_ context.Context, code string) (session.Resolved, error) {
		m, known := x.people.LoadAndDelete(code)
		if !known {
			return session.Resolved{}, settle.NewError(settle.PersonUnknown, errors.New("the centre refused the query"))
		}
		return x.resolved(m.(Member)), nil
	})
	eventually(t, "the readers are up", func() bool {
		return x.codes.Status().State == cardreader.StateAbsent && x.ids.Status().State == cardreader.StateAbsent
	})
	return x
}

// device is a virtual reader with a real driver on it.
func device(t *testing.T, r *rig, o *session.Options, name, kind string, role cardreader.Role) (*virtual.Reader, *cardreader.Reader) {
	t.Helper()
	there, err := virtual.NewReader(virtual.Options{Kind: kind})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = there.Close() })
	here, err := cardreader.New(cardreader.Options{
		Name: name, Terminal: "counter-1", Kind: kind, Port: there.Path(), Role: role, Logger: o.Logger,
		Registerer: prometheus.NewRegistry(), Clock: r.clock.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- here.Run(ctx) }()
	t.Cleanup(func() { stop(); <-ended })
	o.Readers = append(o.Readers, session.NamedReader{Name: name, Terminal: "counter-1", Role: role, Reader: here})
	return there, here
}

func (x *counterRig) resolved(m Member) session.Resolved {
	number, err := settle.ParseIDNumber(m.IDNumber)
	if err != nil {
		x.t.Fatal(err)
	}
	return session.Resolved{Person: x.ledger.PersonID(m.PsnNo), Number: number, Name: m.Name}
}

// scan shows a fresh code of a member and waits until the scanner has it.
func (x *counterRig) scan(m Member) (code string) {
	x.t.Helper()
	x.serial++
	code = fmt.Sprintf("424%017d12430000", x.serial)
	x.people.Store(code, m)
	before := x.codes.Seq()
	x.gun.Insert(virtual.Code{Text: code})
	eventually(x.t, "the code is read", func() bool { s := x.codes.Status(); return s.Scan != nil && s.Seq > before })
	return code
}

// lay puts a member's identity card on its reader.
func (x *counterRig) lay(m Member) {
	x.t.Helper()
	document, err := virtual.NewIdentity(virtual.Holder{
		Name: m.Name, Sex: "2", Ethnicity: "01", Birth: m.IDNumber[6:14], Address: "某市某路1号", Number: m.IDNumber, Issuer: "某市公安局",
		From: "20200101", To: "长期",
	})
	if err != nil {
		x.t.Fatal(err)
	}
	x.idGun.Remove() // a document of the same number that follows at once counts as the same
	eventually(x.t, "the identity card reader is empty", func() bool { return x.ids.Status().State == cardreader.StateAbsent })
	before := x.ids.Seq()
	x.idGun.Insert(document)
	eventually(x.t, "the identity card is read", func() bool {
		s := x.ids.Status()
		return s.State == cardreader.StatePresent && s.Credential != nil && s.Seq > before
	})
}

func (x *counterRig) settle(request session.SettleRequest) (settle.Settlement, error) {
	result, _, err := x.Settle(context.Background(), request)
	return result, err
}

// wantMessage holds the sentence for the cashier against a part of it.
func wantMessage(t *testing.T, err *settle.Error, part string) {
	t.Helper()
	if text, _ := err.Members["reader_message"].(string); !strings.Contains(text, part) {
		t.Errorf("the cashier reads %q, want %q in it", text, part)
	}
}

func TestVoucherSettlesOneSale(t *testing.T) {
	x := newCounterRig(t)
	x.scan(Patient)
	request := sale("S1", "60.00")
	quote, err := x.Quote(context.Background(), request.SaleRequest)
	if err != nil {
		t.Fatal(err)
	}
	request.QuoteDigest = quote.Digest
	got := x.mustSettle(request)
	p := got.Presence
	if p.Kind != settle.CredentialEvoucher || p.Reader != "scanner" || p.Seq == 0 || p.EvidenceSource != "code+number+name" || p.CardHash != "" ||
		len(p.CardSealed) == 0 || p.MaskedHolder != "王*" {
		t.Errorf("presence %+v", p)
	}
	if c := got.Sale.Credential; c.Kind != settle.CredentialEvoucher || c.Owner != got.Sale.Patient || c.ShownBy != got.Sale.Patient {
		t.Errorf("credential %+v", c)
	}
	if got.Figures.Own != 5000 || got.Figures.Shared != 1000 || x.centre.Asked() != 1 {
		t.Errorf("figures %+v after %d questions", got.Figures, x.centre.Asked())
	}
	again, replayed, err := x.Settle(context.Background(), request)
	if err != nil || !replayed || again.ID != got.ID {
		t.Errorf("repeat: %v %v", replayed, err)
	}
	_, err = x.settle(sale("S2", "1.00"))
	wantMessage(t, wantCode(t, err, settle.CardAbsent), "60 秒内只能用一次")
	if x.centre.Asked() != 1 {
		t.Errorf("%d questions", x.centre.Asked())
	}
}

func TestVoucherStandsForItsSaleAMinute(t *testing.T) {
	x := newCounterRig(t)
	x.scan(Patient)
	if _, err := x.Quote(context.Background(), sale("S1", "60.00").SaleRequest); err != nil {
		t.Fatal(err)
	}
	_, err := x.settle(sale("S2", "60.00"))
	wantCode(t, err, settle.CardAbsent) // another sale
	x.clock.Add(59 * time.Second)
	if _, err := x.Quote(context.Background(), sale("S1", "61.00").SaleRequest); err != nil {
		t.Fatalf("changed basket: %v", err)
	}
	x.clock.Add(time.Second)
	_, err = x.settle(sale("S1", "61.00"))
	wantMessage(t, wantCode(t, err, settle.CardAbsent), "重新扫码")
	x.scan(Patient)
	if got := x.mustSettle(sale("S1", "61.00")); got.Presence.Kind != settle.CredentialEvoucher || x.centre.Asked() != 2 {
		t.Errorf("%s after %d questions", got.Presence.Kind, x.centre.Asked())
	}
}

func TestVoucherTooOld(t *testing.T) {
	x := newCounterRig(t)
	x.scan(Patient)
	x.clock.Add(cardreader.ScanLife)
	_, err := x.settle(sale("S1", "1.00"))
	wantMessage(t, wantCode(t, err, settle.CardAbsent), "重新扫码")
	if x.centre.Asked() != 0 {
		t.Error("a code that is too old was sent")
	}
}

// TestVoucherBesideACard: a card goes first; it must be the same person's.
func TestVoucherBesideACard(t *testing.T) {
	x := newCounterRig(t)
	x.reader.Insert(Stranger.Card())
	x.scan(Patient)
	request := sale("S1", "1.00")
	request.Patient = session.PatientRequest{} // whoever the credential names
	_, err := x.settle(request)
	wantCode(t, err, settle.PersonCardMismatch)
	x.reader.Swap(Patient.Card())
	x.scan(Patient)
	if got := x.mustSettle(request); got.Presence.Kind != settle.CredentialCard || got.Presence.Reader != "counter" {
		t.Errorf("presence %+v", got.Presence)
	}
	x.reader.Remove()
	x.scan(Daughter)
	_, err = x.settle(sale("S3", "1.00")) // the till says it is the patient
	wantCode(t, err, settle.PersonCardMismatch)
	locked := Newcomer.Card()
	locked.NeedsAuthentication, locked.IDNumber, locked.Name = true, "", ""
	x.reader.Insert(locked)
	x.scan(Patient)
	if got := x.mustSettle(sale("S4", "1.00")); got.Presence.Kind != settle.CredentialEvoucher {
		t.Errorf("presence %+v", got.Presence)
	}
}

// TestCardComesWhileTheCodeIsAsked: nobody has looked at that card, so nothing is written.
func TestCardComesWhileTheCodeIsAsked(t *testing.T) {
	x := newCounterRig(t)
	x.centre.AnswerCode(func(context.Context, string) (session.Resolved, error) {
		x.reader.Insert(Stranger.Card())
		return x.resolved(Patient), nil
	})
	x.scan(Patient)
	_, err := x.settle(sale("S1", "1.00"))
	wantCode(t, err, settle.CardRemoved)
	x.reader.Remove()
	if _, err := x.settle(sale("S1", "1.00")); err != nil {
		t.Errorf("with the card away again: %v", err)
	}
}

func TestVoucherOffline(t *testing.T) {
	x := newCounterRig(t)
	x.centre.SetOffline(true)
	x.scan(Patient)
	_, err := x.settle(sale("S1", "1.00"))
	wantMessage(t, wantCode(t, err, settle.UpstreamSilent), "要联网才能识别")
	x.centre.SetOffline(false)
	if got := x.mustSettle(sale("S1", "1.00")); got.Presence.Kind != settle.CredentialEvoucher {
		t.Errorf("the code was lost: %+v", got.Presence)
	}
	x.centre.AnswerCode(func(ctx context.Context, _ string) (session.Resolved, error) {
		return session.Resolved{}, settle.NewError(settle.UpstreamSilent, errors.New("no answer"))
	})
	x.scan(Patient)
	_, err = x.settle(sale("S2", "1.00"))
	wantMessage(t, wantCode(t, err, settle.UpstreamSilent), "重新扫码")
}

func TestVoucherRefusedByTheCentre(t *testing.T) {
	x := newCounterRig(t)
	code := x.scan(Patient)
	x.people.Delete(code)
	_, err := x.settle(sale("S1", "1.00"))
	wantMessage(t, wantCode(t, err, settle.PersonUnknown), "不认这个医保码")
	_, err = x.settle(sale("S1", "1.00"))
	wantCode(t, err, settle.CardAbsent)
	if x.centre.Asked() != 1 {
		t.Errorf("%d questions about one code", x.centre.Asked())
	}
	if logs := x.logs.String(); strings.Contains(logs, code) || !strings.Contains(logs, "about a code in vain") {
		t.Error("the log holds the code, or nothing")
	}
}

// TestTwoAsksOneCode: a till that asks twice at once sends the code once.
func TestTwoAsksOneCode(t *testing.T) {
	x := newCounterRig(t)
	x.scan(Patient)
	ends := make(chan error, 2)
	for range 2 {
		go func() {
			_, err := x.Quote(context.Background(), sale("S1", "1.00").SaleRequest)
			ends <- err
		}()
	}
	for range 2 {
		if err := <-ends; err != nil {
			t.Error(err)
		}
	}
	if x.centre.Asked() != 1 {
		t.Errorf("%d questions", x.centre.Asked())
	}
}

// TestWaitForAnyCredential: a sale that waits is woken by a code, also where the card reader is broken.
func TestWaitForAnyCredential(t *testing.T) {
	x := newCounterRig(t)
	x.reader.Unplug()
	idle := x.reader.Subscribers()
	request := sale("S1", "1.00")
	request.WaitSeconds = 60
	done := make(chan error, 1)
	go func() {
		_, err := x.settle(request)
		done <- err
	}()
	eventually(t, "the sale waits", func() bool { return x.reader.Subscribers() > idle })
	x.scan(Patient)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestIdentityCardSettles(t *testing.T) {
	x := newCounterRig(t)
	x.lay(Patient)
	got := x.mustSettle(sale("S1", "1.00"))
	p := got.Presence
	if p.Kind != settle.CredentialID || p.Reader != "id" || p.Seq != x.ids.Seq() || p.EvidenceSource != "number+name" || p.CardHash != "" {
		t.Errorf("presence %+v", p)
	}
	x.centre.SetOffline(true)
	if got := x.mustSettle(sale("S2", "1.00")); !got.Offline || got.Presence.Kind != settle.CredentialID {
		t.Errorf("offline: %v %+v", got.Offline, got.Presence)
	}
	x.lay(Newcomer)
	newcomer := sale("S3", "1.00")
	newcomer.Patient = session.PatientRequest{}
	_, err := x.settle(newcomer)
	wantCode(t, err, settle.PersonUnknown)
}

func TestIdentityCardOfSomebodyElse(t *testing.T) {
	x := newCounterRig(t)
	x.lay(Stranger)
	_, err := x.settle(sale("S1", "1.00"))
	wantCode(t, err, settle.PersonCardMismatch)
	x.reader.Insert(Patient.Card())
	_, err = x.settle(sale("S1", "1.00")) // the patient's card, a stranger's document beside it
	wantCode(t, err, settle.PersonCardMismatch)
	namesake := Patient
	namesake.Name = "王方"
	x.reader.Remove()
	x.lay(namesake)
	if e := wantCode(t, func() error { _, err := x.settle(sale("S1", "1.00")); return err }(), settle.PersonCardMismatch); e.Members["differs"] != "name" {
		t.Errorf("differs %v", e.Members["differs"])
	}
	x.lay(Patient)
	x.reader.Insert(Patient.Card())
	if got := x.mustSettle(sale("S1", "1.00")); got.Presence.Kind != settle.CredentialCard {
		t.Errorf("presence %+v", got.Presence)
	}
}

// TestIdentityCardLifted: the document must lie there until everything is written.
func TestIdentityCardLifted(t *testing.T) {
	x := newCounterRig(t)
	x.lay(Patient)
	x.centre.Answer(func(context.Context, cardreader.Credential) error {
		events, stop := x.ids.Subscribe(4)
		defer stop()
		x.idGun.Remove()
		<-events
		return nil
	})
	_, err := x.settle(sale("S1", "1.00"))
	wantCode(t, err, settle.CardRemoved)
}

// TestScanIsShownWithoutItsCode is what a till sees of a scan.
func TestScanIsShownWithoutItsCode(t *testing.T) {
	x := newCounterRig(t)
	code := x.scan(Patient)
	for _, view := range x.ReaderViews() {
		if view.Role != cardreader.RoleScanner {
			continue
		}
		if view.State != cardreader.StatePresent || view.Card == nil || view.Card.Kind != "evoucher" || view.Card.Holder+view.Card.Number != "" {
			t.Errorf("view %+v", view)
		}
		if strings.Contains(fmt.Sprintf("%+v %+v", view, view.Card), code) {
			t.Error("the view holds the code")
		}
	}
}

// TestSharedScanner: a code that was shown at a device of two tills may be the other till's, unless the sale names its patient.
func TestSharedScanner(t *testing.T) {
	for terminal, wants := range map[string]struct{ named, unnamed settle.Code }{
		"":          {"", settle.CardAbsent},
		"counter-1": {"", ""},
		"counter-2": {settle.CardAbsent, settle.CardAbsent},
	} {
		t.Run("scanner of "+terminal, func(t *testing.T) {
			x := &counterRig{}
			x.rig = newRig(t, func(r *rig, o *session.Options) {
				x.gun, x.codes = device(t, r, o, "scanner", virtual.KindScanner, cardreader.RoleScanner)
				o.Readers[1].Terminal = terminal
				o.Readers = append(o.Readers, session.NamedReader{Name: "counter-b", Terminal: "counter-2", Role: cardreader.RoleCard,
					Reader: NewReader("counter-b", "counter-2", cardreader.RoleCard)})
			})
			x.centre.AnswerCode(func(context.Context, string) (session.Resolved, error) { return x.resolved(Patient), nil })
			eventually(t, "the scanner is up", func() bool { return x.codes.Status().State == cardreader.StateAbsent })
			for id, want := range map[string]settle.Code{"named": wants.named, "unnamed": wants.unnamed} {
				x.scan(Patient)
				request := sale(id, "1.00")
				if id == "unnamed" {
					request.Patient = session.PatientRequest{}
				}
				if _, err := x.settle(request); err == nil && want != "" || err != nil && settle.CodeOf(err) != want {
					t.Errorf("%s: got %v, want %q", id, err, want)
				}
			}
		})
	}
}

// TestScannerOnly: a shop without a card reader settles by code, and says so where there is none.
func TestScannerOnly(t *testing.T) {
	x := &counterRig{}
	x.rig = newRig(t, func(r *rig, o *session.Options) {
		o.Readers = nil
		x.gun, x.codes = device(t, r, o, "scanner", virtual.KindScanner, cardreader.RoleScanner)
	})
	x.centre.AnswerCode(func(context.Context, string) (session.Resolved, error) { return x.resolved(Patient), nil })
	eventually(t, "the scanner is up", func() bool { return x.codes.Status().State == cardreader.StateAbsent })
	_, err := x.settle(sale("S1", "1.00"))
	wantMessage(t, wantCode(t, err, settle.CardAbsent), "扫码")
	x.scan(Patient)
	x.mustSettle(sale("S1", "1.00"))
	_, err = x.Accounts(context.Background(), "till", "counter-1")
	wantCode(t, err, settle.NotConfigured)
}

// TestRegionDecidesWhichCredentials: what a region does not take is refused by its rule, after the person was found.
func TestRegionDecidesWhichCredentials(t *testing.T) {
	rules := settle.DefaultRules()
	rules.Credential.Kinds = []settle.CredentialKind{settle.CredentialCard, settle.CredentialID}
	rules.Credential.FaceRequiredAbove = settle.CapOf(500)
	x := newCounterRigUnder(t, rules)
	x.scan(Patient)
	_, err := x.settle(sale("S1", "1.00"))
	if e := wantCode(t, err, settle.RuleRefused); e.Reason != settle.ECredentialKind {
		t.Errorf("reason %s", e.Reason)
	}
	x.lay(Patient)
	_, err = x.settle(sale("S2", "6.00"))
	if e := wantCode(t, err, settle.RuleRefused); e.Reason != settle.EFaceRequired {
		t.Errorf("reason %s", e.Reason)
	}
	x.mustSettle(sale("S3", "5.00"))
}
