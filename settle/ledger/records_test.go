package ledger

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"gongji/settle"
)

// found are the sale ids of everything a query finds, over all its pages.
func (h *house) found(q settle.RecordQuery) (ids []string) {
	h.t.Helper()
	for range 10_000 {
		page, err := h.Records(h.t.Context(), q)
		if err != nil {
			h.t.Fatalf("records: %v", err)
		}
		for i := range page.Records {
			ids = append(ids, page.Records[i].Sale.ID)
		}
		if q.Cursor = page.Next; q.Cursor == "" {
			return ids
		}
	}
	h.t.Fatal("pages without end")
	return nil
}

// TestRecordsFindByEverything: each filter finds exactly the settlement that differs in it, whichever way is walked.
func TestRecordsFindByEverything(t *testing.T) {
	h := newHouse(t)
	for i, change := range []func(*settle.Sale){
		func(s *settle.Sale) { s.Terminal, s.MedType = "counter-9", "11" },
		func(s *settle.Sale) { s.Operator = settle.Operator{ID: "77", Name: "周立"} },
		func(s *settle.Sale) { s.Prescription.Doctor = "欧阳明" },
		func(s *settle.Sale) { s.Disease = settle.Disease{Code: "M03900", Name: "高血压"} },
		func(s *settle.Sale) { s.Lines[0].Name = "阿莫西林 胶囊" },
		func(s *settle.Sale) {
			s.Visit = []byte(`{"doctor_name":"秦越人","diagnoses":[{"code":"J00","name":"急性鼻咽炎"},{"code":"E11","name":"糖尿病"}]}`)
		},
	} {
		order := h.order(h.patient, line("1", settle.Fen(10+i)))
		change(&order.Sale)
		h.settle(order)
		h.clock.add(time.Minute)
	}
	h.buy(h.stranger, 300)
	h.giveBack(giveBack("F1", h.sale("C1-000001").ID))
	number, err := settle.ParseIDNumber(h.stranger.certno)
	if err != nil {
		t.Fatal(err)
	}
	first := h.sale("C1-000001")
	for want, queries := range map[string][]settle.RecordQuery{
		"C1-000001": {
			{Terminal: "counter-9"}, {MedType: "11"}, {State: "reversed"}, {Settlement: first.ID}, {Settlement: first.ReceiptNo},
			{Settlement: "C1-000001"}, {Person: h.id(h.patient), MedType: "11"},
		},
		"C1-000002": {{Operator: "77"}, {Words: "周立"}, {Words: "周立 检查"}},
		"C1-000003": {{Doctor: "欧阳"}, {Doctor: "欧阳明", Name: h.patient.name}, {Words: "阳明"}},
		"C1-000004": {{Disease: "血压"}, {Disease: "m03900"}, {Words: "高血压"}},
		"C1-000005": {{Words: "阿莫西林胶囊"}, {Words: "阿莫"}, {Words: "西林 李敏", Terminal: "counter-1"}},
		"C1-000006": {{Doctor: "秦越人"}, {Disease: "糖尿病"}, {Disease: "J00"}, {Words: "鼻咽"}},
		"C1-000007": {{Number: number}, {Name: h.stranger.name}, {Person: h.id(h.stranger)}, {Name: " " + h.stranger.name + " ", State: "settled"}},
	} {
		for _, q := range queries {
			if got := h.found(q); !slices.Equal(got, []string{want}) {
				t.Errorf("%+v finds %v, want %s", q, got, want)
			}
		}
	}
	for _, q := range []settle.RecordQuery{
		{Name: "测试"}, {Words: "没有的词"}, {Words: "阿莫 高血压"}, {Person: "pnobody"}, {State: "accepted"}, {State: "refunded"}, {Area: "110000"},
		{POS: "other"}, {From: 20261123}, {To: 20261121}, {Operator: "7"}, {Settlement: "C1"}, {Number: number, Name: h.patient.name},
	} {
		if got := h.found(q); len(got) != 0 {
			t.Errorf("%+v finds %v", q, got)
		}
	}
	if got := h.found(settle.RecordQuery{Area: "430100", Limit: 2, POS: "till-1"}); len(got) != 7 || got[0] != "C1-000007" || got[6] != "C1-000001" {
		t.Errorf("all: %v", got)
	}
	h.wantVerified()
}

func (h *house) sale(id string) settle.Settlement {
	h.t.Helper()
	s, err := h.SettlementBySale(h.t.Context(), "till-1", id)
	if err != nil {
		h.t.Fatal(err)
	}
	return s
}

// TestRecordsAreMasked: names and numbers are in clear only where they are asked for.
func TestRecordsAreMasked(t *testing.T) {
	h := newHouse(t)
	h.buy(h.patient, 3000)
	page, err := h.Records(t.Context(), settle.RecordQuery{})
	if err != nil || len(page.Records) != 1 {
		t.Fatalf("%+v %v", page, err)
	}
	r := page.Records[0]
	if r.Name != "" || r.Number != "" || r.Masked != settle.MaskName(h.patient.name) || r.MaskedNumber != settle.MaskNumber(h.patient.certno) {
		t.Errorf("record shows %q %q %q %q", r.Name, r.Number, r.Masked, r.MaskedNumber)
	}
	page, err = h.Records(t.Context(), settle.RecordQuery{Reveal: true})
	if err != nil || page.Records[0].Name != h.patient.name || page.Records[0].Number != h.patient.certno {
		t.Errorf("revealed: %v %v", page, err)
	}
	if _, err := h.Records(t.Context(), settle.RecordQuery{Cursor: "x"}); settle.CodeOf(err) != settle.BadRequest {
		t.Errorf("a false cursor: %v", err)
	}
}

// TestRecordsCentreWord: what the centre said of a refused sale is in the record.
func TestRecordsCentreWord(t *testing.T) {
	h := newHouse(t)
	h.buy(h.patient, 500)
	report := h.due()
	h.finish(settle.DispatchResult{
		MsgID: h.send(report.ID, "2102"), State: settle.DispatchRefused, At: h.clock.now(), Report: report.ID,
		ReportState: settle.ReportRefused, Done: true, Fault: "药品不在目录内",
	})
	page, err := h.Records(t.Context(), settle.RecordQuery{State: "refused"})
	if err != nil || len(page.Records) != 1 || page.Records[0].CentreWord != "药品不在目录内" || page.Records[0].SetlID != "" {
		t.Fatalf("%+v %v", page, err)
	}
	h.buy(h.stranger, 500)
	h.accept(h.due(), noon)
	page, err = h.Records(t.Context(), settle.RecordQuery{State: "accepted"})
	if err != nil || len(page.Records) != 1 || !strings.HasPrefix(page.Records[0].SetlID, "SETL") {
		t.Fatalf("%+v %v", page, err)
	}
}

// TestRecordPagesMissNothing: over random ledgers, any query over pages of any size finds exactly what a look at every settlement
// finds, in order, nothing twice.
func TestRecordPagesMissNothing(t *testing.T) {
	h := newHouse(t)
	pay := h.family()
	pay.ID, pay.Cursor, pay.CentreTime = "S-2", "2", noon
	pay.Accounts = []settle.SnapshotAccount{h.patient.account(9_000_000), h.stranger.account(9_000_000)}
	h.apply(pay)
	type made struct {
		id, terminal, doctor, item string
		day                        settle.Date
		who                        settle.PersonID
	}
	var all []made
	for i := range 120 {
		who := []human{h.patient, h.stranger}[i%2]
		order := h.order(who, line("1", 100))
		order.Sale.Terminal = []string{"counter-1", "counter-2", "counter-3"}[i%3]
		order.Sale.Prescription.Doctor = []string{"张一", "张二", "王三", ""}[i*7%4]
		order.Sale.Lines[0].Name = []string{"板蓝根颗粒", "板蓝根茶", "维生素C"}[i*5%3]
		s := h.settle(order)
		all = append(all, made{s.Sale.ID, s.Sale.Terminal, s.Sale.Prescription.Doctor, s.Sale.Lines[0].Name, s.Day, s.Sale.Patient})
		h.clock.add(time.Duration(i%5) * 3 * time.Hour)
	}
	slices.Reverse(all)
	rapid.Check(t, func(rt *rapid.T) {
		q := settle.RecordQuery{
			Limit:    rapid.IntRange(1, 30).Draw(rt, "limit"),
			Terminal: rapid.SampledFrom([]string{"", "counter-2"}).Draw(rt, "terminal"),
			Doctor:   rapid.SampledFrom([]string{"", "张", "王三"}).Draw(rt, "doctor"),
			Words:    rapid.SampledFrom([]string{"", "板蓝根", "维生素", "板蓝根 张"}).Draw(rt, "words"),
			Person:   rapid.SampledFrom([]settle.PersonID{"", h.id(h.patient)}).Draw(rt, "person"),
			From:     rapid.SampledFrom([]settle.Date{0, 20261125}).Draw(rt, "from"),
			To:       rapid.SampledFrom([]settle.Date{0, 20261128}).Draw(rt, "to"),
		}
		var want []string
		for _, m := range all {
			word := true
			for _, w := range strings.Fields(q.Words) {
				word = word && (strings.Contains(m.item, w) || strings.Contains(m.doctor, w))
			}
			if word && (q.Terminal == "" || q.Terminal == m.terminal) && strings.Contains(m.doctor, q.Doctor) &&
				(q.Person == "" || q.Person == m.who) && m.day >= q.From && (q.To == 0 || m.day <= q.To) {
				want = append(want, m.id)
			}
		}
		if got := h.found(q); !slices.Equal(got, want) {
			rt.Fatalf("%+v\n got %v\nwant %v", q, got, want)
		}
	})
}

// TestRecordsOfAnOlderVersion: a ledger without the index gets it when it is opened, the same as one that was written with it.
func TestRecordsOfAnOlderVersion(t *testing.T) {
	h := newHouse(t)
	s := h.buy(h.patient, 30000)
	h.giveBack(giveBack("F1", s.ID, settle.ReturnLine{ID: "1", Quantity: "1"}))
	two := h.settle(h.order(h.stranger, line("1", 100), line("2", 250)))
	h.giveBack(giveBack("F2", two.ID, settle.ReturnLine{ID: "2", Quantity: "1"}))
	before := h.dump()
	err := h.write(t.Context(), func(tx *tx) error {
		for _, table := range []string{"found", "sale_word", "refund_word", "refund_class", "relation_sum", "word"} {
			if err := tx.run("DELETE FROM " + table); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	h.reopen()
	if after := h.dump(); !reflect.DeepEqual(before, after) || len(before) == 0 {
		t.Errorf("the index differs:\n%v\n%v", before, after)
	}
	if got := h.found(settle.RecordQuery{Name: h.patient.name}); len(got) != 1 {
		t.Errorf("found %v", got)
	}
}

// dump is everything the index knows, with words by their texts.
func (h *house) dump() (rows []string) {
	h.t.Helper()
	err := h.read(h.t.Context(), func(t *tx) error {
		if _, err := t.knownWords(); err != nil {
			return err
		}
		for _, query := range []string{
			"SELECT 'found', w.kind, hex(w.hash), f.day, f.settlement FROM found f JOIN word w ON w.id = f.word ORDER BY 2, 3, 4, 5",
			"SELECT 'sale', w.settlement, hex(a.hash), hex(b.hash), 0 FROM sale_word w JOIN word a ON a.id = w.terminal JOIN word b ON b.id = w.operator ORDER BY 2",
			"SELECT 'refund', w.refund, hex(b.hash), 0, 0 FROM refund_word w JOIN word b ON b.id = w.operator ORDER BY 2",
			"SELECT 'class', refund, class, total, fund FROM refund_class ORDER BY 2, 3",
			"SELECT 'relation', record, relation, amount, 0 FROM relation_sum ORDER BY 2, 3",
		} {
			err := t.each(query, nil, func(scan func(dest ...any) error) error {
				var row [5]any
				err := scan(&row[0], &row[1], &row[2], &row[3], &row[4])
				rows = append(rows, fmt.Sprint(row))
				return err
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return rows
}
