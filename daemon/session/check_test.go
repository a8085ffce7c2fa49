package session_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"gongji/daemon/session"
	. "gongji/daemon/session/sessiontest"
	"gongji/settle"
)

func fieldsOf(faults []settle.FieldFault) string {
	var names []string
	for _, f := range faults {
		names = append(names, f.Field)
	}
	return strings.Join(names, " ")
}

func bad(_ session.CheckedSale, faults []settle.FieldFault) []settle.FieldFault { return faults }

func TestEveryBadFieldAtOnce(t *testing.T) {
	request := sale("bad id", "10.00")
	request.Terminal, request.MedType, request.WaitSeconds = "", "4 1", 121
	request.Operator = session.OperatorRequest{}
	request.Patient.IDNumber = Patient.IDNumber[:17] + "0"
	request.Lines = []session.LineRequest{
		{ID: "1", Code: "C", Name: "a", Class: "drug_a", Quantity: "3", UnitPrice: "1.115", Total: "3.37"}, // 3.345 → 3.35
		{ID: "1", Code: "C", Name: "b", Class: "drug_a", Quantity: "0", UnitPrice: "5", Total: "5", MadeOn: "2026-13-01"},
		{
			ID: "3", Code: "", Name: "c\n", Class: "drug_a", Quantity: "1", UnitPrice: "5.00", Total: "5.00",
			Split: &session.SplitRequest{Fund: "3.00", Coinsurance: "1.99"}, TraceCodes: []string{"81 0", "4240000000000000001243000012"}, // the second is a 医保码, which is never kept
		},
		{ID: "4", Code: "C", Name: "d", Class: "drug_a", Quantity: "1", UnitPrice: "5.00", Total: "5.00", Split: &session.SplitRequest{Fund: "-1.00"}},
	}
	request.Selected, request.PersonCheck = []string{"a", "a"}, "foo"
	request.Lines[3].NoCode, request.Lines[3].TraceCodes, request.Lines[3].UnitsPerPack = true, []string{"81"}, "0"
	got := fieldsOf(bad(request.Check()))
	want := "sale_id terminal operator.id med_type patient.id_number lines[0].total lines[1].made_on lines[1].quantity lines[1].unit_price " +
		"lines[1].total lines[1].id lines[2].code lines[2].name lines[2].trace_codes[0] lines[2].trace_codes[1] lines[2].split lines[3].split.fund " +
		"lines[3].no_code lines[3].units_per_pack selected_givers[1] person_check wait_for_card_s"
	if sorted(got) != sorted(want) {
		t.Fatalf("got  %s\nwant %s", got, want)
	}
}

func sorted(text string) string {
	words := strings.Fields(text)
	slices.Sort(words)
	return strings.Join(words, " ")
}

// TestLineTotals: quantity times price is rounded half up for each line, and one fen of difference is allowed.
func TestLineTotals(t *testing.T) {
	for _, c := range []struct {
		quantity, price, total string
		good                   bool
	}{
		{"3", "1.115", "3.35", true}, {"3", "1.115", "3.34", true}, {"3", "1.115", "3.36", true}, {"3", "1.115", "3.33", false},
		{"0.3333", "10.00", "3.33", true}, {"2", "12.50", "25.00", true}, {"2", "12.50", "25.02", false}, {"1", "0.0049", "0.00", true},
	} {
		request := sale("S1", "1.00")
		line := &request.Lines[0]
		line.Quantity, line.UnitPrice, line.Total = c.quantity, c.price, c.total
		if faults := bad(request.Check()); (len(faults) == 0) != c.good {
			t.Errorf("%s × %s = %s: %v", c.quantity, c.price, c.total, faults)
		}
	}
}

func TestMissingSplit(t *testing.T) {
	r := newRig(t, nil)
	r.reader.Insert(Daughter.Card())
	for class, bucket := range map[string]settle.Bucket{
		"drug_a": settle.Coinsurance, "drug_b": settle.Coinsurance, "tcm_slices": settle.Coinsurance, "service_in": settle.Coinsurance,
		"drug_out": settle.OwnExpense, "consumable": settle.OwnExpense, "food": settle.OwnExpense,
	} {
		request := sale("S-"+class, "1.00")
		request.Patient = session.PatientRequest{}
		request.Lines[0].Class, request.Lines[0].TraceCodes = class, []string{TraceCode(class)}
		got := r.mustSettle(request)
		if got.Sale.Lines[0].Personal[bucket] != 100 || got.Sale.Lines[0].PersonalSum() != 100 {
			t.Errorf("%s: %v", class, got.Sale.Lines[0].Personal)
		}
	}
}

func TestClinicNeedsAVisit(t *testing.T) {
	request := sale("S1", "1.00")
	request.MedType = "11"
	if got := fieldsOf(bad(request.Check())); got != "visit" {
		t.Fatalf("got %s", got)
	}
	request.Visit = &session.VisitRequest{BeganAt: "yesterday"}
	want := "visit.ipt_otp_no visit.doctor_code visit.doctor_name visit.dept_code visit.dept_name visit.caty visit.began_at visit.diagnoses"
	if got := fieldsOf(bad(request.Check())); got != want {
		t.Fatalf("got  %s\nwant %s", got, want)
	}
	request.Visit = &session.VisitRequest{
		Number: "M1", DoctorCode: "D1", DoctorName: "医生", DeptCode: "01", DeptName: "内科", Caty: "A03", BeganAt: "2026-03-10T09:00:00+08:00",
		Diagnoses: []session.DiagnosisRequest{{Code: "J00", Name: "感冒"}},
	}
	if faults := bad(request.Check()); len(faults) != 0 {
		t.Fatalf("faults %v", faults)
	}
}

// TestRefusalsAreCounted compares the whole exposition: every value of the label is there from the start.
func TestRefusalsAreCounted(t *testing.T) {
	r := newRig(t, nil)
	ctx := context.Background()
	_, _, _ = r.Settle(ctx, sale("S1", "1.00"))
	r.reader.Insert(Stranger.Card())
	_, _, _ = r.Settle(ctx, sale("S1", "1.00"))
	_, _ = r.Quote(ctx, sale("S1", "1.00").SaleRequest)
	want := `# HELP gongji_match_refusals_total Requests refused because no card, or not the right card, was at the counter.
# TYPE gongji_match_refusals_total counter
gongji_match_refusals_total{reason="CARD_ABSENT"} 1
gongji_match_refusals_total{reason="CARD_EXPIRED"} 0
gongji_match_refusals_total{reason="CARD_NEEDS_AUTHENTICATION"} 0
gongji_match_refusals_total{reason="CARD_NOT_SOCIAL_SECURITY"} 0
gongji_match_refusals_total{reason="CARD_REMOVED"} 0
gongji_match_refusals_total{reason="CARD_REPORTED_LOST"} 0
gongji_match_refusals_total{reason="CARD_UNREADABLE"} 0
gongji_match_refusals_total{reason="PERSON_CARD_MISMATCH"} 2
gongji_match_refusals_total{reason="PERSON_UNKNOWN"} 0
gongji_match_refusals_total{reason="READER_DOWN"} 0
`
	if err := testutil.GatherAndCompare(r.reg, strings.NewReader(want)); err != nil {
		t.Fatal(err)
	}
	for _, secret := range Secrets() {
		if strings.Contains(r.logs.String(), secret) {
			t.Fatalf("the log holds an identity")
		}
	}
	if !strings.Contains(r.logs.String(), "card is not the patient's") {
		t.Fatal("a mismatch was not logged")
	}
}
