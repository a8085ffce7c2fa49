package centre_test

import (
	"strings"
	"testing"
	"time"

	"gongji/settle"
	. "gongji/sync/centre"
	"gongji/sync/nhsa"
)

// TestEvoucherIsGoodOnceAndForAMinute: the reference centre is as strict as a platform about the codes it is shown.
func TestEvoucherIsGoodOnceAndForAMinute(t *testing.T) {
	onBoth(t, testEvoucherIsGoodOnceAndForAMinute)
}

func testEvoucherIsGoodOnceAndForAMinute(t *testing.T) {
	now := time.Date(2026, 3, 10, 10, 0, 0, 0, settle.Beijing)
	x := newTill(t, Options{Clock: func() time.Time { return now }})
	family := DemoFamily(settle.DateOf(now))
	if err := x.centre.Seed(family.Snapshot(now)); err != nil {
		t.Fatal(err)
	}
	ask := func(code string) nhsa.Outcome { return x.ask(nhsa.PersonQuery{CertType: "01", CertNo: code}) }

	code := Evoucher(family.Patient.PsnNo, now)
	if len(code) != 28 || !strings.HasPrefix(code, "424") || strings.Trim(code, "0123456789") != "" || code[22:24] != "43" {
		t.Errorf("the code has another form: %d characters", len(code))
	}
	answer := ask(code)
	if !answer.Done() {
		t.Fatalf("%+v", answer)
	}
	info, err := nhsa.DecodePerson(answer.Answer)
	if err != nil || info.PsnNo != family.Patient.PsnNo || info.IDNumber != family.Patient.IDNumber {
		t.Fatalf("the code is somebody else's: %v", err)
	}
	x.refused(ask(code), "[EVOUCHER-USED]")

	other := Evoucher(family.Spouse.PsnNo, now)
	if other == code {
		t.Error("two people share a code")
	}
	now = now.Add(EvoucherLife - time.Second)
	if answer := ask(other); !answer.Done() {
		t.Errorf("refused within its life: %+v", answer)
	}
	old := Evoucher(family.Child.PsnNo, now)
	now = now.Add(EvoucherLife)
	x.refused(ask(old), "[EVOUCHER-EXPIRED]")
	x.refused(ask(Evoucher(family.Child.PsnNo, now.Add(time.Minute))), "[EVOUCHER-EXPIRED]") // from a clock far ahead
	x.refused(ask(Evoucher("430100000000009999", now)), "[EVOUCHER]")                        // of nobody
	x.refused(ask("opc"+old[3:]), "[EVOUCHER]")
	if answer := ask(Evoucher(family.Patient.PsnNo, now)); !answer.Done() {
		t.Errorf("a renewed code is refused: %+v", answer)
	}
}
