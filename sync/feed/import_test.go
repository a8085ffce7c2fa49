package feed_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"aead.dev/minisign"
	"github.com/prometheus/client_golang/prometheus"

	"gongji/settle"
	"gongji/settle/ledger"
	"gongji/sync/centre"
	"gongji/sync/feed"
)

// desk is an importer over a real ledger, and a signer whom it trusts.
type desk struct {
	t        *testing.T
	ledger   *ledger.Ledger
	importer *feed.Importer
	key      minisign.PrivateKey
	public   minisign.PublicKey
	now      time.Time
	log      *bytes.Buffer
	family   centre.Family
}

func newKey(t *testing.T) (minisign.PublicKey, minisign.PrivateKey) {
	t.Helper()
	public, private, err := minisign.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return public, private
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, settle.Beijing)
	d := &desk{t: t, now: now, log: &bytes.Buffer{}, family: centre.DemoFamily(settle.DateOf(now))}
	d.public, d.key = newKey(t)
	other, _ := newKey(t)
	logger := slog.New(slog.NewTextHandler(d.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	var err error
	d.ledger, err = ledger.Open(t.Context(), ledger.Options{
		Dir: t.TempDir(), Registerer: prometheus.NewRegistry(), Logger: logger, Clock: func() time.Time { return d.now },
		Venue:    settle.Venue{Code: "P43010000001", Name: "示例大药房", Kind: "pharmacy", Area: "430100", AgreementUntil: 20301231},
		RulesFor: func(settle.Date) (*settle.Rules, error) { return settle.DefaultRules(), nil },
		Offline:  settle.OfflineLimits{Allowed: true, MaxAge: 24 * time.Hour},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.ledger.Close(); err != nil {
			t.Error(err)
		}
	})
	d.importer, err = feed.NewImporter(feed.ImporterOptions{
		Trusted: []string{other.String(), d.public.String()}, Store: d.ledger, Clock: func() time.Time { return d.now }, Logger: logger,
	})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// snapshot is the demo family at a time before now.
func (d *desk) snapshot(id string, before time.Duration) settle.Snapshot {
	s := d.family.Snapshot(d.now.Add(-before))
	s.ID = id
	return s
}

// signed is a snapshot as a file, signed by the trusted key.
func (d *desk) signed(s settle.Snapshot) settle.ImportFile {
	d.t.Helper()
	file, err := feed.EncodeSnapshot(s)
	if err != nil {
		d.t.Fatal(err)
	}
	return settle.ImportFile{
		File: file, Signature: minisign.SignWithComments(d.key, file, "timestamp:1795320000\tfile:s.json", "signature"),
		POS: "office", Operator: settle.Operator{ID: "1001", Name: "李敏"}, RequestID: "r1",
	}
}

func (d *desk) apply(f settle.ImportFile) (settle.ImportPreview, bool) {
	d.t.Helper()
	preview, err := d.importer.Preview(d.t.Context(), f)
	if err != nil {
		d.t.Fatal(err)
	}
	applied, replayed, err := d.importer.Apply(d.t.Context(), f, preview.Digest)
	if err != nil {
		d.t.Fatal(err)
	}
	return applied, replayed
}

// incidents are the kinds in the audit record, each with its detail.
func (d *desk) incidents() (kinds []string, last map[string]string) {
	d.t.Helper()
	list, err := d.ledger.Incidents(context.Background(), time.Time{}, 100)
	if err != nil {
		d.t.Fatal(err)
	}
	for _, i := range list {
		kinds, last = append(kinds, i.Kind), i.Detail
	}
	return kinds, last
}

func (d *desk) balance(psnNo string) settle.Fen {
	d.t.Helper()
	views, err := d.ledger.Accounts(d.t.Context(), d.ledger.PersonID(psnNo))
	if err != nil || len(views) == 0 {
		d.t.Fatalf("%d accounts, %v", len(views), err)
	}
	return views[0].Available
}

func fieldsOf(err error) (fields []string) {
	var e *settle.Error
	if errors.As(err, &e) {
		for _, f := range e.Fields {
			fields = append(fields, f.Field)
		}
	}
	return fields
}

func TestImportPreviewThenApply(t *testing.T) {
	d := newDesk(t)
	s := d.snapshot("S-1", time.Minute)
	f := d.signed(s)
	for range 2 { // a preview changes nothing
		preview, err := d.importer.Preview(t.Context(), f)
		if err != nil || preview.SnapshotID != "S-1" || !preview.CentreTime.Equal(s.CentreTime.Truncate(time.Millisecond)) || preview.Applied || len(preview.Digest) != 64 ||
			preview.KeyID != fmt.Sprintf("%016X", d.public.ID()) || preview.Diff.People != (settle.FactChanges{New: len(s.People)}) ||
			preview.Diff.Accounts.New != len(s.Accounts) || preview.Diff.Bindings.New != len(s.Bindings) || len(preview.Diff.Examples) == 0 {
			t.Fatalf("%+v, %v", preview, err)
		}
	}
	if _, err := d.ledger.Person(t.Context(), d.ledger.PersonID(d.family.Patient.PsnNo)); settle.CodeOf(err) != settle.PersonUnknown {
		t.Errorf("the preview introduced somebody: %v", err)
	}
	if kinds, _ := d.incidents(); len(kinds) != 0 {
		t.Errorf("audit record %v", kinds)
	}
	_, _, err := d.importer.Apply(t.Context(), f, strings.Repeat("0", 64))
	if settle.CodeOf(err) != settle.BadRequest || !slices.Equal(fieldsOf(err), []string{"digest"}) {
		t.Errorf("another digest: %v", err)
	}
	for i, want := range []bool{false, true} { // a repeat is a replay
		if applied, replayed := d.apply(f); replayed != want || !applied.Applied {
			t.Errorf("%d: %+v, %v", i, applied, replayed)
		}
	}
	kinds, detail := d.incidents()
	if !slices.Equal(kinds, []string{feed.ImportIncident}) || detail["pos"] != "office" || detail["operator"] != "1001" || detail["snapshot"] != "S-1" ||
		detail["key"] != fmt.Sprintf("%016X", d.public.ID()) || len(detail["digest"]) != 64 || detail["people"] != fmt.Sprintf("new %d, changed 0, ended 0, unchanged 0, kept 0", len(s.People)) {
		t.Errorf("audit record %v %v", kinds, detail)
	}
	if cursor, err := d.ledger.FeedCursor(t.Context()); err != nil || cursor != "" {
		t.Errorf("a file moved the feed's cursor to %q, %v", cursor, err)
	}
	other := d.snapshot("S-1", time.Minute) // the number again with other content
	other.Accounts[0].Balance++
	if _, err := d.importer.Preview(t.Context(), d.signed(other)); settle.CodeOf(err) != settle.IdempotencyConflict {
		t.Errorf("another file of the number: %v", err)
	}
}

// TestImportSignatures: nothing but the whole file under a whole signature of a trusted key is read at all.
func TestImportSignatures(t *testing.T) {
	d := newDesk(t)
	good := d.signed(d.snapshot("S-1", time.Minute))
	_, stranger := newKey(t)
	prehash := minisign.NewReader(bytes.NewReader(good.File))
	if _, err := (&bytes.Buffer{}).ReadFrom(prehash); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(f *settle.ImportFile)
		good   bool
	}{
		"good":                    {func(*settle.ImportFile) {}, true},
		"good, pre-hashed":        {func(f *settle.ImportFile) { f.Signature = prehash.Sign(d.key) }, true},
		"good, Windows line ends": {func(f *settle.ImportFile) { f.Signature = bytes.ReplaceAll(f.Signature, []byte("\n"), []byte("\r\n")) }, true},
		"good, other outer comment": {func(f *settle.ImportFile) {
			f.Signature = bytes.Replace(f.Signature, []byte("comment: signature"), []byte("comment: x"), 1)
		}, true},
		"wrong key":                   {func(f *settle.ImportFile) { f.Signature = minisign.Sign(stranger, f.File) }, false},
		"wrong key under a good name": {func(f *settle.ImportFile) { f.Signature = renamed(t, minisign.Sign(stranger, f.File), d.public.ID()) }, false},
		"tampered file":               {func(f *settle.ImportFile) { f.File = bytes.Replace(f.File, []byte("310"), []byte("390"), 1) }, false},
		"one byte more":               {func(f *settle.ImportFile) { f.File = append(slices.Clone(f.File), '\n') }, false},
		"tampered comment": {func(f *settle.ImportFile) {
			f.Signature = bytes.Replace(f.Signature, []byte("s.json"), []byte("t.json"), 1)
		}, false},
		"cut off": {func(f *settle.ImportFile) { f.Signature = f.Signature[:len(f.Signature)/2] }, false},
		"none":    {func(f *settle.ImportFile) { f.Signature = nil }, false},
	} {
		f := good
		c.change(&f)
		_, err := d.importer.Preview(t.Context(), f)
		switch {
		case c.good && err != nil:
			t.Errorf("%s: %v", name, err)
		case !c.good && (settle.CodeOf(err) != settle.BadRequest || !slices.Equal(fieldsOf(err), []string{"signature"})):
			t.Errorf("%s: %v", name, err)
		}
		if !c.good {
			if kinds, detail := d.incidents(); kinds[len(kinds)-1] != feed.ImportRefusedIncident || detail["pos"] != "office" || len(detail["digest"]) != 64 {
				t.Errorf("%s: audit record %v %v", name, kinds, detail)
			}
		}
	}
	for _, trusted := range [][]string{nil, {"RWQ"}} {
		if _, err := feed.NewImporter(feed.ImporterOptions{Trusted: trusted, Store: d.ledger}); settle.CodeOf(err) != settle.NotConfigured {
			t.Errorf("keys %v: %v", trusted, err)
		}
	}
}

// renamed is a signature under another key's id.
func renamed(t *testing.T, text []byte, id uint64) []byte {
	t.Helper()
	var s minisign.Signature
	if err := s.UnmarshalText(text); err != nil {
		t.Fatal(err)
	}
	s.KeyID = id
	text, err := s.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestImportOlderThanTheLedger: a file older than what the ledger knows of somebody changes nothing of them, however new its
// signature is; whom only it knows comes in.
func TestImportOlderThanTheLedger(t *testing.T) {
	d := newDesk(t)
	patient := d.family.Patient
	d.apply(d.signed(d.snapshot("S-2", time.Minute)))
	before := d.balance(patient.PsnNo)
	old := d.snapshot("S-1", time.Hour)
	for i := range old.Accounts {
		old.Accounts[i].Balance += 100000
	}
	old.People = append(old.People, person(7))
	preview, replayed := d.apply(d.signed(old))
	if replayed || preview.Diff.People != (settle.FactChanges{New: 1, Kept: len(old.People) - 1}) || preview.Diff.Accounts != (settle.FactChanges{Kept: len(old.Accounts)}) ||
		preview.Diff.Bindings != (settle.FactChanges{Kept: len(old.Bindings)}) {
		t.Errorf("%+v", preview.Diff)
	}
	if got := d.balance(patient.PsnNo); got != before {
		t.Errorf("the clock went back: %s, before %s", got, before)
	}
	if _, err := d.ledger.Person(t.Context(), d.ledger.PersonID(person(7).PsnNo)); err != nil {
		t.Errorf("whom only the older file knows: %v", err)
	}
}

// person is an invented one; the number passes GB 11643.
func person(n int) settle.SnapshotPerson {
	day := time.Date(1950, 1, 1, 0, 0, 0, 0, settle.Beijing).AddDate(0, 0, n/900)
	body := fmt.Sprintf("430102%s%03d", day.Format("20060102"), n%900+1)
	name := []rune("赵钱孙李周吴郑王冯陈")
	return settle.SnapshotPerson{
		PsnNo: fmt.Sprintf("4301000000009%07d", n), IDNumber: body + string(settle.CheckCharacter(body)),
		Name:      string([]rune{name[n%10], name[n/10%10], name[n/100%10]}),
		Insurance: settle.InsuranceEmployee, Status: settle.StatusNormal, Area: "430100",
		Cards: []settle.SnapshotCard{{Number: fmt.Sprintf("U%08d", n), Identifier: fmt.Sprintf("639900D156000005%016d", n), Status: settle.CardValid, Expires: 20351231}},
	}
}

// TestImportNamesEveryFault: the house's own checks and the ledger's at once, by position and never by value.
func TestImportNamesEveryFault(t *testing.T) {
	d := newDesk(t)
	bind := func(id string, giver, beneficiary int) settle.SnapshotBinding {
		return settle.SnapshotBinding{
			ID: id, Giver: person(giver).PsnNo, Beneficiary: person(beneficiary).PsnNo, Relation: settle.Child, Rank: 1, BoundAt: 20250101,
			ValidFrom: 20250101, Mode: settle.Direct, Active: true, LimitAll: true,
		}
	}
	s := settle.Snapshot{ID: "S-bad", CentreTime: d.now.Add(time.Hour)}
	for n := range 5 {
		s.People = append(s.People, person(n))
	}
	number := []byte(s.People[0].IDNumber)
	number[16] = '0' + (number[16]-'0'+1)%10
	s.People[0].IDNumber, s.People[1].Name = string(number), " "
	s.People[2].IDNumber, s.People[3].PsnNo, s.People[4].Cards = s.People[1].IDNumber, s.People[2].PsnNo, s.People[1].Cards
	s.People[4].Insurance = "399"
	s.Accounts = []settle.SnapshotAccount{
		{PsnNo: person(1).PsnNo, Status: settle.StatusNormal}, {PsnNo: person(1).PsnNo, Status: settle.StatusNormal}, {PsnNo: person(77).PsnNo, Status: settle.StatusNormal},
	}
	s.Bindings = []settle.SnapshotBinding{bind("B1", 1, 2), bind("B1", 1, 4), bind("B3", 1, 2), bind("B4", 1, 1), bind("B5", 77, 1), bind("B6", 2, 1), bind("B7", 2, 4)}
	s.Bindings[5].ValidTo, s.Bindings[5].BoundAt = 20240101, 20990101
	s.Bindings[6].Rank, s.Bindings[6].QuotaUsed, s.Bindings[6].Mode = -1, 5, settle.Wallet
	s.EndedBinds = []string{"B5"}
	_, err := d.importer.Preview(t.Context(), d.signed(s))
	got := fieldsOf(err)
	slices.Sort(got)
	want := []string{
		"accounts[1].psn_no", "accounts[2].psn_no", "bindings[1].binding_id", "bindings[2]", "bindings[3].beneficiary", "bindings[4].giver",
		"bindings[5].bound_at", "bindings[5].valid_to", "bindings[6].quota_used", "bindings[6].rank", "centre_time", "ended.bindings[0]",
		"people[0].certno", "people[1].psn_name", "people[2].certno", "people[3].psn_no", "people[4].cards[0]", "people[4].insutype",
	}
	if settle.CodeOf(err) != settle.BadRequest || !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	for n := range 5 {
		for _, secret := range []string{person(n).IDNumber, person(n).PsnNo, person(n).Name, string(number)} {
			if strings.Contains(fmt.Sprintf("%v %+v", err, err), secret) {
				t.Error("the refusal holds an identity")
			}
		}
	}
	_, _, err = d.importer.Apply(t.Context(), d.signed(s), "")
	if !slices.Contains(fieldsOf(err), "people[0].certno") {
		t.Errorf("apply: %v", err)
	}
	unreadable := d.signed(s)
	unreadable.File = bytes.Replace(unreadable.File, []byte(`"child"`), []byte(`"friend"`), 1)
	unreadable.Signature = minisign.Sign(d.key, unreadable.File)
	if _, err := d.importer.Preview(t.Context(), unreadable); !slices.Contains(fieldsOf(err), "bindings[0].relation") {
		t.Errorf("a ninth relation: %v", err)
	}
}

// failing is a ledger that cannot keep a snapshot.
type failing struct{ *ledger.Ledger }

func (failing) ApplySnapshot(context.Context, settle.Snapshot) error {
	return settle.NewError(settle.StoreFull, nil)
}

// TestImportThatFailsIsRecorded: the audit record does not say that a file was applied which was not.
func TestImportThatFailsIsRecorded(t *testing.T) {
	d := newDesk(t)
	full, err := feed.NewImporter(feed.ImporterOptions{Trusted: []string{d.public.String()}, Store: failing{d.ledger}, Clock: func() time.Time { return d.now }})
	if err != nil {
		t.Fatal(err)
	}
	f := d.signed(d.snapshot("S-1", time.Minute))
	preview, err := full.Preview(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err = full.Apply(t.Context(), f, preview.Digest); settle.CodeOf(err) != settle.StoreFull {
		t.Errorf("got %v", err)
	}
	if kinds, detail := d.incidents(); !slices.Equal(kinds, []string{feed.ImportIncident, feed.ImportRefusedIncident}) || detail["code"] != string(settle.StoreFull) {
		t.Errorf("audit record %v %v", kinds, detail)
	}
	if _, replayed := d.apply(f); replayed {
		t.Error("what failed counts as applied")
	}
}

// TestImportOfManyPeople: a town's file is looked at and applied in a time that a person waits, and nothing of it shows.
func TestImportOfManyPeople(t *testing.T) {
	d := newDesk(t)
	s := settle.Snapshot{ID: "S-many", CentreTime: d.now.Add(-time.Minute), Full: true}
	const people = 10000
	for n := range people {
		p := person(n)
		s.People = append(s.People, p)
		s.Accounts = append(s.Accounts, settle.SnapshotAccount{PsnNo: p.PsnNo, Status: settle.StatusNormal, Balance: settle.Fen(n)})
		if n > 0 {
			s.Bindings = append(s.Bindings, settle.SnapshotBinding{
				ID: fmt.Sprintf("B-%d", n), Giver: s.People[n-1].PsnNo, Beneficiary: p.PsnNo, Relation: settle.Child, Rank: 1, BoundAt: 20250101,
				ValidFrom: 20250101, Mode: settle.Direct, Active: true, LimitAll: true,
			})
		}
	}
	f := d.signed(s)
	began := time.Now()
	preview, replayed := d.apply(f)
	again, err := d.importer.Preview(t.Context(), f)
	if err != nil || replayed || preview.Diff.People.New != people || again.Diff.People.Unchanged != people || again.Diff.Bindings.Unchanged != people-1 {
		t.Fatalf("%+v, %+v, %v", preview.Diff, again.Diff, err)
	}
	took := time.Since(began)
	t.Logf("%d people in a file of %d bytes: two previews and the import took %v", people, len(f.File), took)
	if took > time.Minute {
		t.Errorf("it took %v", took)
	}
	if len(preview.Diff.Examples) > 30 {
		t.Errorf("%d examples", len(preview.Diff.Examples))
	}
	shown := fmt.Sprintf("%+v", preview) + d.log.String()
	for _, p := range s.People {
		for _, secret := range []string{p.IDNumber, p.PsnNo, p.Name, p.Cards[0].Number} {
			if strings.Contains(shown, secret) {
				t.Fatal("the preview or the log holds an identity")
			}
		}
	}
}
