package localapi_test

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"aead.dev/minisign"

	"gongji/daemon/localapi"
	"gongji/daemon/localapi/client"
	"gongji/daemon/session"
	. "gongji/daemon/session/sessiontest"
	"gongji/settle"
	"gongji/settle/ledger"
	"gongji/sync/feed"
)

// importRig is a rig that believes a key of the test's, and a manager's client.
type importRig struct {
	*rig
	key    minisign.PrivateKey
	office *client.Client
}

func newImportRig(t *testing.T) *importRig {
	t.Helper()
	public, private, err := minisign.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	r := &importRig{key: private}
	var importer lateImporter
	r.rig = newRig(t, func(o *localapi.Options) { o.Importer = &importer })
	importer.Importer, err = feed.NewImporter(feed.ImporterOptions{
		Trusted: []string{public.String()}, Store: r.ledger, Clock: r.clock.Now, Logger: r.options.Logger,
	})
	if err != nil {
		t.Fatal(err)
	}
	r.office = client.New(r.server.URL(), r.manager)
	t.Cleanup(r.office.Close)
	return r
}

// lateImporter takes its importer after the ledger is there and before the first request.
type lateImporter struct{ localapi.Importer }

// request is the family one minute later, with the newcomer and another balance of the patient, signed.
func (r *importRig) request(id string) localapi.ImportRequest {
	r.t.Helper()
	s := Family(r.clock.Now().Add(time.Minute))
	s.ID, s.Full, s.Accounts[0].Balance = id, false, 7700
	s.People = append(s.People, Newcomer.Person())
	for i := range s.Bindings {
		s.Bindings[i].Rank += 3
	}
	return r.sign(s)
}

func (r *importRig) sign(s settle.Snapshot) localapi.ImportRequest {
	r.t.Helper()
	file, err := feed.EncodeSnapshot(s)
	if err != nil {
		r.t.Fatal(err)
	}
	return localapi.ImportRequest{File: string(file), Signature: string(minisign.Sign(r.key, file))}
}

// confirmed is the request again to apply what was looked at.
func confirmed(request localapi.ImportRequest, preview localapi.ImportAnswer) localapi.ImportRequest {
	request.Apply, request.Digest, request.Operator = true, preview.Digest, &session.OperatorRequest{ID: "1001"}
	return request
}

func TestImportOverHTTP(t *testing.T) {
	r := newImportRig(t)
	ctx := context.Background()
	request := r.request("S-1")
	preview, replayed, err := r.office.Import(ctx, request)
	if err != nil || replayed || preview.State != "preview" || preview.SnapshotID != "S-1" || preview.People.New != 1 || preview.People.Unchanged != len(Members) ||
		preview.Accounts.Changed != 1 || preview.Bindings.Changed != 2 || len(preview.Examples) != 4 || preview.Message == "" {
		t.Fatalf("preview %+v, %v, %v", preview, replayed, err)
	}
	want := localapi.ImportExample{Kind: "binding", Change: "changed", Place: "bindings[0]", Masked: "李** → 王*", Fields: []string{"rank"}}
	if !slices.ContainsFunc(preview.Examples, func(e localapi.ImportExample) bool {
		return e.Kind == want.Kind && e.Place == want.Place && e.Change == want.Change && e.Masked == want.Masked && slices.Contains(e.Fields, "rank")
	}) {
		t.Errorf("%+v is not in %+v", want, preview.Examples)
	}
	if _, err := r.ledger.Person(ctx, r.ledger.PersonID(Newcomer.PsnNo)); settle.CodeOf(err) != settle.PersonUnknown {
		t.Errorf("the preview changed the ledger: %v", err)
	}
	body := confirmed(request, preview)
	body.File = base64.StdEncoding.EncodeToString([]byte(body.File)) // the other way to send it
	for i, want := range []int{http.StatusCreated, http.StatusOK} {
		got := r.do(http.MethodPost, "/v1/bindings/import", encode(t, body), as(r.manager))
		if got.StatusCode != want || (got.Header.Get("Idempotent-Replay") == "true") != (i == 1) || !strings.Contains(string(got.body), `"state":"applied"`) {
			t.Fatalf("%d: %d %s", i, got.StatusCode, got.body)
		}
	}
	r.reader.Insert(Patient.Card())
	if accounts, err := r.till.Accounts(ctx, ""); err != nil || len(accounts.Accounts) == 0 || *accounts.Accounts[0].Available != "77.00" {
		t.Errorf("accounts %+v, %v", accounts, err)
	}
	_, err = r.ledger.Person(ctx, r.ledger.PersonID(Newcomer.PsnNo))
	incidents, failed := r.ledger.Incidents(ctx, time.Time{}, 10)
	incidents = slices.DeleteFunc(incidents, func(i ledger.Incident) bool { return i.Kind != "import" }) // looking at accounts leaves one too
	if err != nil || failed != nil || len(incidents) != 1 || incidents[0].Kind != "import" || incidents[0].POS != "office" || incidents[0].Detail["operator"] != "1001" {
		t.Errorf("%v, %v, incidents %+v", err, failed, incidents)
	}
}

func TestImportIsAManagersAndNeedsItsForm(t *testing.T) {
	r := newImportRig(t)
	ctx := context.Background()
	good := r.request("S-1")
	_, _, err := r.till.Import(ctx, good)
	wantCode(t, err, settle.Forbidden)
	large := good
	large.File += strings.Repeat(" ", maxBody)
	if len(encode(t, large)) <= maxBody {
		t.Fatal("not larger than other requests may be")
	}
	_, _, err = r.till.Import(ctx, large) // refused before it is read
	wantCode(t, err, settle.Forbidden)
	large = r.signedText(large.File)
	if preview, _, err := r.office.Import(ctx, large); err != nil || preview.People.New != 1 {
		t.Errorf("a large file: %+v, %v", preview, err)
	}
	if got := r.do(http.MethodPost, "/v1/quotes", `{"sale_id":"`+strings.Repeat("1", maxBody)+`"}`, as(r.manager)); got.problem(t).Code != settle.TooLarge {
		t.Errorf("another route: %d", got.StatusCode)
	}
	for name, c := range map[string]struct {
		change func(q *localapi.ImportRequest)
		field  string
	}{
		"no base64": {func(q *localapi.ImportRequest) { q.File = "?!?!" }, "file"},
		"no digest": {func(q *localapi.ImportRequest) { q.Apply, q.Operator = true, &session.OperatorRequest{ID: "1"} }, "digest"},
		"nobody":    {func(q *localapi.ImportRequest) { q.Apply, q.Digest = true, strings.Repeat("0", 64) }, "operator"},
		"another file's": {func(q *localapi.ImportRequest) {
			q.Apply, q.Digest, q.Operator = true, strings.Repeat("0", 64), &session.OperatorRequest{ID: "1"}
		}, "digest"},
		"tampered":         {func(q *localapi.ImportRequest) { q.File = strings.Replace(q.File, "normal", "paused", 1) }, "signature"},
		"no signature":     {func(q *localapi.ImportRequest) { q.Signature = "" }, "signature"},
		"not a signature":  {func(q *localapi.ImportRequest) { q.Signature = "x" }, "signature"},
		"not what it says": {func(q *localapi.ImportRequest) { *q = r.signedText(`{"snapshot_id": "` + Patient.IDNumber + `"}`) }, "people"},
		"wrong number": {func(q *localapi.ImportRequest) {
			*q = r.signedText(strings.Replace(q.File, Patient.IDNumber, Patient.IDNumber[:17]+"9", 1))
		}, "people[0].certno"},
	} {
		request := good
		c.change(&request)
		_, _, err := r.office.Import(ctx, request)
		p, refused := err.(*client.Problem)
		if !refused || p.Code != settle.BadRequest || !slices.ContainsFunc(p.Fields, func(f settle.FieldFault) bool { return strings.TrimPrefix(f.Field, "body.") == c.field }) {
			t.Errorf("%s: %v", name, err)
		}
	}
	without := newRig(t, nil)
	if got := without.do(http.MethodPost, "/v1/bindings/import", encode(t, good), as(without.manager)); got.problem(t).Code != settle.NotConfigured {
		t.Errorf("without keys: %d %s", got.StatusCode, got.body)
	}
	r.noSecret(r.rig)
}

// maxBody is the largest body of the other routes.
const maxBody = 256 << 10

func (r *importRig) signedText(file string) localapi.ImportRequest {
	return localapi.ImportRequest{File: file, Signature: string(minisign.Sign(r.key, []byte(file)))}
}

// noSecret looks for every identity of the family in all answers and logs.
func (r *importRig) noSecret(seen *rig) {
	r.t.Helper()
	for place, text := range map[string]string{"wire": seen.wire.String(), "logs": seen.logs.String()} {
		for _, secret := range append(Secrets(), Patient.IDNumber[:17]) {
			if at := strings.Index(text, secret); at >= 0 {
				r.t.Errorf("%s hold a secret: …%s", place, text[max(0, at-200):min(len(text), at+20)])
			}
		}
	}
}

// TestImportLeaksNothing goes through previews, refusals and an import whose every text is an identity or near one.
func TestImportLeaksNothing(t *testing.T) {
	r := newImportRig(t)
	post := func(q localapi.ImportRequest) answer {
		return r.do(http.MethodPost, "/v1/bindings/import", encode(t, q), as(r.manager))
	}
	good := r.request("S-1")
	first := post(good)
	if first.StatusCode != http.StatusOK {
		t.Fatalf("%d %s", first.StatusCode, first.body)
	}
	preview, _, err := r.office.Import(context.Background(), good)
	if err != nil {
		t.Fatal(err)
	}
	if got := post(confirmed(good, preview)); got.StatusCode != http.StatusCreated {
		t.Fatalf("%d %s", got.StatusCode, got.body)
	}
	for _, file := range []string{
		strings.Replace(good.File, Patient.IDNumber, Patient.IDNumber[:17]+"9", 1),
		strings.Replace(good.File, `"normal"`, `"`+Patient.Name+`"`, 1),
		strings.Replace(good.File, `"full":false`, `"full":"`+Patient.IDNumber+`"`, 1),
		strings.Replace(good.File, Daughter.PsnNo, Newcomer.PsnNo+Patient.IDNumber, 1),
		strings.Replace(good.File, `2025-01-01`, Patient.IDNumber, 1),
		strings.Replace(good.File, `"77.00"`, `"`+Patient.IDNumber+`"`, 1),
		good.File[:len(good.File)/2], `{"` + Patient.Name + `": ` + Patient.IDNumber + `}`,
	} {
		if got := post(r.signedText(file)); got.StatusCode < 400 {
			t.Errorf("taken: %d %s", got.StatusCode, got.body)
		}
	}
	unsigned := good
	unsigned.Signature = Patient.IDNumber + "\n" + Patient.Name
	post(unsigned)
	unsigned.Signature, unsigned.Digest = "untrusted comment: "+Patient.Name+"\n"+Patient.IDNumber+"\ntrusted comment: "+Patient.Name+"\n"+Patient.IDNumber, Patient.IDNumber
	post(unsigned)
	r.do(http.MethodPost, "/v1/bindings/import", encode(t, good), nil)
	r.noSecret(r.rig)
}
