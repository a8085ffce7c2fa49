package centre_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"gongji/settle"
	. "gongji/sync/centre"
	"gongji/sync/centre/conformance"
	"gongji/sync/nhsa"
)

// FuzzHandler sends a centre whatever a venue, or a stranger on the network, may: a message of any kind with any input under a
// sign-in that is good, or any bytes at all. It is answered by an envelope; sent again it changes nothing more; and no
// fen appears, disappears, or is owed. Each input meets a centre of its own that has a sale, a visit and a binding in its book.
func FuzzHandler(f *testing.F) {
	opening := openingOf(f)
	heard := conformed(f, opening)
	infnos := slices.Sorted(maps.Keys(heard))
	for i, infno := range infnos {
		for _, request := range heard[infno] {
			f.Add(uint8(i), false, []byte(request.Input)) //nolint:gosec // some thirty
		}
		encoded, err := json.Marshal(heard[infno][0])
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(0), true, encoded)
	}
	envelope, err := nhsa.DecodeRequest(opening[len(opening)-1])
	if err != nil {
		f.Fatal(err)
	}
	f.Add(uint8(255), false, []byte(`{"data":null}`))
	f.Add(uint8(0), true, []byte(`[{"infno":null}]`))
	f.Fuzz(func(t *testing.T, which uint8, whole bool, content []byte) {
		x := openedCentre(t, opening)
		before := x.balances()
		body := content
		if !whole {
			request := envelope
			request.MsgID, request.Infno = envelope.MsgID[:len(envelope.MsgID)-4]+"7777", fmt.Sprintf("%04d", which)
			if int(which) < len(infnos) {
				request.Infno = infnos[which]
			}
			request.Input = content
			if !json.Valid(content) {
				request.Input, _ = json.Marshal(string(content)) // as the interface's other form: JSON within a text
			}
			if body, err = json.Marshal(request); err != nil {
				t.Fatal(err)
			}
		}
		x.post(t, body)
		rows, first := len(x.centre.Book()), x.balances()
		x.holds(t, before)
		x.post(t, body)
		if again := len(x.centre.Book()); again != rows {
			t.Fatalf("%d rows, and %d when the same message came again", rows, again)
		}
		if second := x.balances(); !maps.Equal(first, second) {
			t.Fatalf("balances %v, and %v when the same message came again", first, second)
		}
		x.holds(t, before)
	})
}

// FuzzJournal: a journal that was damaged, cut or put together by somebody without its key is refused by the line, or is what was
// booked up to some moment: nothing is in the book that was not booked, and nothing is missing between.
func FuzzJournal(f *testing.F) {
	dir := f.TempDir()
	journal, err := OpenJournal(dir)
	if err != nil {
		f.Fatal(err)
	}
	whole := newStrangersCentre(f, Options{Clock: fuzzNoon, Journal: journal})
	for _, body := range openingOf(f) {
		whole.post(f, body)
	}
	if err := journal.Close(); err != nil {
		f.Fatal(err)
	}
	key, err := os.ReadFile(filepath.Join(dir, "keys", "centre.key"))
	if err != nil {
		f.Fatal(err)
	}
	good, err := os.ReadFile(filepath.Join(dir, "centre.jsonl"))
	if err != nil {
		f.Fatal(err)
	}
	lines := bytes.SplitAfter(good, []byte("\n"))
	f.Add(uint32(0), []byte{}, uint32(0), uint8(0), uint8(0))
	f.Add(uint32(0), []byte{}, uint32(7), uint8(0), uint8(0))
	f.Add(uint32(40), []byte("S1 AAAA\n"), uint32(0), uint8(1), uint8(2))
	f.Add(uint32(0), []byte(`{"kind":"seed"}`), uint32(0), uint8(3), uint8(3))
	f.Fuzz(func(t *testing.T, at uint32, patch []byte, cut uint32, from, to uint8) {
		moved := slices.Clone(lines) // one line to another's place
		line := moved[int(from)%len(moved)]
		moved = slices.Insert(slices.Delete(moved, int(from)%len(lines), int(from)%len(lines)+1), int(to)%len(lines), line)
		text := bytes.Join(moved, nil)
		text = text[:len(text)-min(int(cut), len(text))]
		if len(text) > 0 {
			copy(text[int(at)%len(text):], patch)
		}
		folder := t.TempDir()
		if err := errors.Join(os.Mkdir(filepath.Join(folder, "keys"), 0o700),
			os.WriteFile(filepath.Join(folder, "keys", "centre.key"), key, 0o600), os.WriteFile(filepath.Join(folder, "centre.jsonl"), text, 0o600)); err != nil {
			t.Fatal(err)
		}
		journal, err := OpenJournal(folder)
		if err != nil {
			return
		}
		defer journal.Close()
		c, err := New(Options{Clock: fuzzNoon, Journal: journal})
		if err != nil {
			return
		}
		had, got := whole.centre.Book(), c.Book()
		if len(got) > len(had) {
			t.Fatalf("%d rows of %d", len(got), len(had))
		}
		for i := range got {
			if got[i].MsgID != had[i].MsgID || got[i].Figures != had[i].Figures {
				t.Fatalf("row %d is %+v, and was %+v", i, got[i], had[i])
			}
		}
		for psn, fen := range c.Balances() {
			if fen < 0 {
				t.Fatalf("%s has %v", psn, fen)
			}
		}
	})
}

// fuzzNoon is when a centre under FuzzHandler lives: its numbers are the same in every process then.
func fuzzNoon() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, settle.Beijing) }

func fuzzFamily() Family { return DemoFamily(settle.DateOf(fuzzNoon())) }

// strangersCentre is a centre without a socket.
type strangersCentre struct {
	centre  *Centre
	handler http.Handler
}

func newStrangersCentre(tb testing.TB, options Options) *strangersCentre {
	tb.Helper()
	c, err := New(options)
	if err != nil {
		tb.Fatal(err)
	}
	if err := c.Seed(fuzzFamily().Snapshot(fuzzNoon())); err != nil {
		tb.Fatal(err)
	}
	return &strangersCentre{c, c.Handler()}
}

// openedCentre is one whose book has begun.
func openedCentre(tb testing.TB, opening [][]byte) *strangersCentre {
	tb.Helper()
	x := newStrangersCentre(tb, Options{Clock: fuzzNoon})
	for i, body := range opening {
		if answer := x.post(tb, body); !answer.Done() {
			tb.Fatalf("message %d of the opening: %s", i+1, answer.Text)
		}
	}
	return x
}

// post sends a message and holds its answer against what an answer is.
func (x *strangersCentre) post(tb testing.TB, body []byte) *nhsa.Answer {
	tb.Helper()
	got := httptest.NewRecorder()
	x.handler.ServeHTTP(got, httptest.NewRequestWithContext(tb.Context(), http.MethodPost, "/", bytes.NewReader(body)))
	if got.Code != http.StatusOK {
		tb.Fatalf("%d %s", got.Code, got.Body)
	}
	answer, err := nhsa.DecodeAnswer(got.Body.Bytes())
	if err != nil && !bytes.Contains(body, []byte(`9102`)) { // that one answers a file
		tb.Fatalf("%v: %.200s", err, got.Body)
	}
	return answer
}

// balances are the accounts' money, and what contributions took.
func (x *strangersCentre) balances() map[string]settle.Fen {
	all := x.centre.Balances()
	for psn, paid := range PremiumsPaid(x.centre) {
		all["premiums of "+psn] = paid
	}
	return all
}

// holds: each account has what it had at first, less what stands in the book and in contributions now.
func (x *strangersCentre) holds(t *testing.T, before map[string]settle.Fen) {
	t.Helper()
	now := x.balances()
	want := map[string]settle.Fen{}
	for _, m := range fuzzFamily().Members() {
		if m.Account {
			want[m.PsnNo] = m.Balance - now["premiums of "+m.PsnNo]
		}
	}
	for _, row := range x.centre.Book() {
		if row.Undone {
			continue
		}
		for _, pay := range row.Pays {
			want[pay.PsnNo] -= pay.Amount
		}
	}
	for psn, fen := range want {
		if now[psn] != fen || fen < 0 {
			t.Fatalf("%s has %v; by the book %v; before %v", psn, now[psn], fen, before[psn])
		}
	}
}

// openingOf is how each centre's book begins, as bodies: a sign-in, a sale, a visit with a fee, a binding and a contribution.
func openingOf(f *testing.F) (bodies [][]byte) {
	f.Helper()
	family, serial, signNo := fuzzFamily(), uint64(0), ""
	client, err := nhsa.NewClient(nhsa.Options{
		URL: "http://127.0.0.1/", Venue: settle.Venue{Code: "P43010000001", Name: "示例大药房", Area: "430100"}, Clock: fuzzNoon,
		Serials: func(context.Context) (uint64, error) { serial++; return serial, nil },
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(client.Close)
	x := openedCentre(f, nil)
	say := func(message nhsa.Message) *nhsa.Answer {
		f.Helper()
		prepared, err := client.Prepare(f.Context(), nhsa.Call{Message: message, Operator: cashier, SignNo: signNo, InsuredArea: "430100"})
		if err != nil {
			f.Fatal(err)
		}
		bodies = append(bodies, prepared.Body)
		answer := x.post(f, prepared.Body)
		if !answer.Done() {
			f.Fatalf("%s: %s", prepared.Infno, answer.Text)
		}
		return answer
	}
	signedIn, err := nhsa.DecodeSignIn(say(nhsa.SignIn{Operator: cashier.ID, MAC: "02:00:00:00:00:01", IP: "192.0.2.1"}))
	if err != nil {
		f.Fatal(err)
	}
	signNo = signedIn.SignNo
	patient, now := family.Patient, nhsa.Stamp(fuzzNoon())
	sold := sale(patient, settle.Figures{Total: 5000, Own: 2000, Shared: 3000})
	sold.At = fuzzNoon()
	say(nhsa.PharmacySettle{Dossier: sold, Extensions: expected})
	visit, err := nhsa.DecodeRegister(say(nhsa.Register{
		PsnNo: patient.PsnNo, Insurance: patient.Insurance, Begin: now, CertType: "03", CertNo: patient.CardNumber, VisitNo: "V1",
		DoctorCode: "D430100000001", DoctorName: "张伟", DeptCode: "A02", DeptName: "全科", Speciality: "A02",
	}))
	if err != nil {
		f.Fatal(err)
	}
	say(nhsa.Visit{
		Info: nhsa.VisitInfo{MdtrtID: visit, PsnNo: patient.PsnNo, MedType: "11", Begin: now},
		Diagnoses: []nhsa.Diagnosis{{Type: "1", Order: "1", Code: "J20.900", Name: "急性支气管炎", Dept: "全科", DoctorCode: "D430100000001",
			DoctorName: "张伟", Time: now, Valid: "1"}},
	})
	say(nhsa.Fees{Rows: []nhsa.Fee{{
		Line: "1", MdtrtID: visit, PsnNo: patient.PsnNo, Batch: "B1", External: "0", Time: now, Code: "XA01", ShopCode: "6901", Total: 1000,
		Quantity: "1", Price: "10.00", DeptCode: "A02", DeptName: "全科", DoctorCode: "D430100000001", DoctorName: "张伟", Approval: "0",
	}}})
	giver, child := settle.Identity{PsnNo: family.Stranger.PsnNo}, settle.Identity{PsnNo: family.Child.PsnNo}
	say(nhsa.BindingChange{Giver: giver, Beneficiary: child,
		Request: settle.BindingRequest{ID: "Q1", Action: settle.BindingBind, Relation: settle.Child}})
	say(nhsa.PremiumReport{Payer: giver, Beneficiary: child, Premium: settle.Premium{ID: "P1", Year: 2027, Amount: 400, At: fuzzNoon()}})
	return bodies
}

// conformed are messages by their kind: of a run of the conformance suite, of the opening, and those that neither has.
func conformed(f *testing.F, opening [][]byte) map[string][]nhsa.Request {
	f.Helper()
	c, err := New(Options{})
	if err != nil {
		f.Fatal(err)
	}
	family := DemoFamily(settle.DateOf(time.Now()))
	if err := c.Seed(family.Snapshot(time.Now())); err != nil {
		f.Fatal(err)
	}
	heard, handler := map[string][]nhsa.Request{}, c.Handler()
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			f.Error(err)
		}
		if request, err := nhsa.DecodeRequest(body); err == nil && len(heard[request.Infno]) < 3 {
			heard[request.Infno] = append(heard[request.Infno], request)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		handler.ServeHTTP(w, r)
	}))
	defer front.Close()
	session, err := conformance.Open(f.Context(), conformance.Target{
		URL: front.URL, Venue: settle.Venue{Code: "P43010000001", Name: "示例大药房", Area: "430100"}, Operator: cashier, Person: family.Stranger,
	})
	if err != nil {
		f.Fatal(err)
	}
	defer session.Close()
	for _, check := range conformance.Checks() {
		if err := check.Run(session); err != nil {
			f.Fatal(check.Name, err)
		}
	}
	for _, body := range opening {
		request, err := nhsa.DecodeRequest(body)
		if err != nil {
			f.Fatal(err)
		}
		heard[request.Infno] = append(heard[request.Infno], request)
	}
	for infno, content := range map[string]string{
		nhsa.InfnoReverse: `{"data":{"psn_no":"` + family.Patient.PsnNo + `","omsgid":"` + msgidOf(f, opening[1]) + `","oinfno":"2102"}}`,
		nhsa.InfnoReturn:  `{"allowances":[{"psn_no":"` + family.Patient.PsnNo + `","until":"2026-11-23 12:00:00.000","unspent":"1.00"}]}`,
	} {
		heard[infno] = append(heard[infno], nhsa.Request{Infno: infno, Input: json.RawMessage(content)})
	}
	return heard
}

func msgidOf(f *testing.F, body []byte) string {
	f.Helper()
	request, err := nhsa.DecodeRequest(body)
	if err != nil {
		f.Fatal(err)
	}
	return request.MsgID
}
