package feed_test

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
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"gongji/settle"
	"gongji/sync/centre"
	"gongji/sync/feed"
	"gongji/sync/nhsa"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// memory keeps what was applied, under the ledger's rule that accounts and bindings name people who are known.
type memory struct {
	mu       sync.Mutex
	applied  []settle.Snapshot
	people   map[string]bool
	cursor   string
	accounts map[string]settle.SnapshotAccount
	fail     error
	changed  chan struct{}
}

func newMemory() *memory {
	return &memory{people: map[string]bool{}, accounts: map[string]settle.SnapshotAccount{}, changed: make(chan struct{}, 100)}
}

func (m *memory) ApplySnapshot(_ context.Context, s settle.Snapshot) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return m.fail
	}
	for _, p := range s.People {
		m.people[p.PsnNo] = true
	}
	for _, a := range s.Accounts {
		if !m.people[a.PsnNo] {
			return settle.NewError(settle.BadRequest, errors.New("account of an unknown person"))
		}
		m.accounts[a.PsnNo] = a
	}
	for _, b := range s.Bindings {
		if !m.people[b.Giver] || !m.people[b.Beneficiary] {
			return settle.NewError(settle.BadRequest, errors.New("binding of an unknown person"))
		}
	}
	if s.Cursor != "" {
		m.cursor = s.Cursor
	}
	m.applied = append(m.applied, s)
	m.changed <- struct{}{}
	return nil
}

func (m *memory) FeedCursor(context.Context) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.cursor, nil
}

func (m *memory) count() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.applied)
}

type rig struct {
	family centre.Family
	store  *memory
	feed   *feed.Feed
	client *nhsa.Client
	log    *bytes.Buffer
	seen   []string
}

// newRig is a feed in front of a handler; nil is the reference centre.
func newRig(t *testing.T, without []string, handler http.Handler, change func(*feed.Options)) *rig {
	t.Helper()
	now := time.Now()
	r := &rig{family: centre.DemoFamily(settle.DateOf(now)), store: newMemory(), log: &bytes.Buffer{}}
	if handler == nil {
		c, err := centre.New(centre.Options{Without: without})
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Seed(r.family.Snapshot(now)); err != nil {
			t.Fatal(err)
		}
		handler = c.Handler()
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body, _ := io.ReadAll(request.Body)
		var head struct{ Infno string }
		_ = json.Unmarshal(body, &head)
		r.seen = append(r.seen, head.Infno)
		request.Body = io.NopCloser(bytes.NewReader(body))
		handler.ServeHTTP(w, request)
	}))
	t.Cleanup(server.Close)
	var serial atomic.Uint64
	client, err := nhsa.NewClient(nhsa.Options{
		URL: server.URL, Venue: settle.Venue{Code: "P43010000001", Name: "示例大药房", Area: "430100"}, Timeout: time.Second,
		Serials: func(context.Context) (uint64, error) { return serial.Add(1), nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	options := feed.Options{
		Store: r.store, Client: client, SignIns: nhsa.NewSignIns(client), Extension: true, OnSwipe: true, Page: 3, Interval: time.Millisecond,
		Logger: slog.New(slog.NewTextHandler(r.log, nil)),
	}
	if change != nil {
		change(&options)
	}
	r.client = client
	if r.feed, err = feed.New(options); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, m := range r.family.Members() {
			for _, secret := range []string{m.Name, m.IDNumber, m.PsnNo, m.CardNumber} {
				if strings.Contains(r.log.String(), secret) {
					t.Errorf("an identity reached the log")
				}
			}
		}
	})
	return r
}

func cardOf(m centre.Member) feed.Holder {
	return feed.Holder{Kind: settle.CredentialCard, Number: m.CardNumber, Identifier: m.Identifier, IDNumber: m.IDNumber, Name: m.Name}
}

func TestSwipeFamily(t *testing.T) {
	r := newRig(t, nil, nil, nil)
	holder, err := r.feed.Refresh(t.Context(), cardOf(r.family.Patient))
	if err != nil || holder.PsnNo != r.family.Patient.PsnNo {
		t.Fatalf("%+v, %v", holder, err)
	}
	s := r.store.applied[0]
	if len(s.People) != 4 || len(s.Accounts) != 3 || len(s.Bindings) != 3 || s.Full || s.Cursor != "" || s.OwnOnly {
		t.Errorf("%d people, %d accounts, %d bindings", len(s.People), len(s.Accounts), len(s.Bindings))
	}
	if a := r.store.accounts[r.family.Spouse.PsnNo]; a.Balance != 50000 || a.ContainsThrough["P43010000001"] != s.CentreTime {
		t.Errorf("%+v", a)
	}
	id := feed.Holder{Kind: settle.CredentialID, IDNumber: r.family.Child.IDNumber, Name: r.family.Child.Name}
	if holder, err = r.feed.Refresh(t.Context(), id); err != nil || holder.PsnNo != r.family.Child.PsnNo {
		t.Errorf("by identity card: %+v, %v", holder, err)
	}
	if _, err := r.feed.Refresh(t.Context(), feed.Holder{Kind: settle.CredentialCard, Number: "Z99999999", Identifier: "00"}); settle.CodeOf(err) != settle.PersonUnknown {
		t.Errorf("unknown card: %v", err)
	}
	if _, err := r.feed.Refresh(t.Context(), feed.Holder{Kind: settle.CredentialCard, Number: "Z99999999"}); settle.CodeOf(err) != settle.BadRequest {
		t.Errorf("card without identifier: %v", err)
	}
}

// TestWithoutExtension: "unknown transaction" switches the extension off until the next start, once and aloud, and the
// swipe is answered by 1101.
func TestWithoutExtension(t *testing.T) {
	r := newRig(t, []string{"G101", "G102"}, nil, nil)
	for range 2 {
		holder, err := r.feed.Refresh(t.Context(), cardOf(r.family.Patient))
		if err != nil || holder.Name != r.family.Patient.Name {
			t.Fatalf("%+v, %v", holder, err)
		}
	}
	if got := strings.Join(r.seen, " "); got != "G101 1101 1101" {
		t.Errorf("messages %s", got)
	}
	if r.feed.Extended() || strings.Count(r.log.String(), "level=WARN") != 1 {
		t.Errorf("log:\n%s", r.log)
	}
	s := r.store.applied[0]
	if !s.OwnOnly || len(s.Accounts) != 1 || s.Accounts[0].Balance != 3860 || s.Accounts[0].ContainsThrough["P43010000001"].IsZero() || s.ID == r.store.applied[1].ID {
		t.Errorf("%+v", s)
	}
	if pages, err := r.feed.Pull(t.Context()); pages != 0 || err != nil {
		t.Errorf("pull: %d, %v", pages, err)
	}
	// A resident without an account has none.
	if _, err := r.feed.Refresh(t.Context(), cardOf(r.family.Child)); err != nil || len(r.store.applied[2].Accounts) != 0 {
		t.Errorf("child: %+v, %v", r.store.applied[2], err)
	}
}

// TestPull: without a cursor everything comes, in pages that count together; then the delta goes on from its cursor.
func TestPull(t *testing.T) {
	r := newRig(t, nil, nil, nil)
	pages, err := r.feed.Pull(t.Context())
	if err != nil || pages != 4 || len(r.store.people) != 5 || len(r.store.accounts) != 4 { // 5 people, 4 accounts, 3 bindings by threes
		t.Fatalf("%d pages, %d people, %d accounts, %v", pages, len(r.store.people), len(r.store.accounts), err)
	}
	if len(r.store.applied) != 1 || !r.store.applied[0].Full {
		t.Errorf("%d snapshots, the first full: %v", len(r.store.applied), r.store.applied[0].Full)
	}
	before := r.store.cursor
	if pages, err = r.feed.Pull(t.Context()); err != nil || pages != 1 || len(r.store.applied[1].Accounts) != 0 || r.store.applied[1].Full || r.store.cursor != before {
		t.Errorf("%d pages, %v", pages, err)
	}
	r.store.cursor = "from another centre"
	if pages, err = r.feed.Pull(t.Context()); err != nil || pages != 4 {
		t.Errorf("a foreign cursor: %d pages, %v", pages, err)
	}
}

// scripted answers each message with the next of some outputs.
func scripted(outputs ...string) http.Handler {
	n := 0
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if n >= len(outputs) {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		n++
		_, _ = fmt.Fprintf(w, `{"infcode":0,"inf_refmsgid":"%d","err_msg":"","output":%s}`, n, outputs[n-1])
	})
}

func fullPage(id, cursor, person string, more bool) string {
	return fmt.Sprintf(`{"snapshot":{"snapshot_id":%q,"centre_time":"2026-11-22 10:00:0%s","full":true,"cursor":%q,"people":[{"psn_no":%q,"certno":"1","psn_name":"甲乙","insutype":"310","status":"normal","area":"430100","cards":[]}],"accounts":[],"bindings":[]},"more":%v}`,
		id, cursor, cursor, person, more)
}

// TestFullInPages: the pages of a full snapshot are applied as one or, where one is missing, not at all.
func TestFullInPages(t *testing.T) {
	r := newRig(t, nil, scripted(fullPage("A", "1", "p1", true), fullPage("B", "2", "p2", true), fullPage("C", "3", "p3", false)), nil)
	if pages, err := r.feed.Pull(t.Context()); err != nil || pages != 3 || r.store.count() != 1 {
		t.Fatalf("%d pages, %d applied, %v", pages, r.store.count(), err)
	}
	if s := r.store.applied[0]; len(s.People) != 3 || !s.Full || s.Cursor != "3" || s.CentreTime.Second() != 1 {
		t.Errorf("%+v", s)
	}
	r = newRig(t, nil, scripted(fullPage("A", "1", "p1", true), fullPage("B", "2", "p2", true)), nil)
	if _, err := r.feed.Pull(t.Context()); settle.CodeOf(err) != settle.UpstreamSilent || r.store.count() != 0 {
		t.Errorf("%d applied, %v", r.store.count(), err)
	}
	r = newRig(t, nil, scripted(fullPage("A", "1", "p1", true), fullPage("B", "1", "p2", true)), nil)
	if _, err := r.feed.Pull(t.Context()); err == nil || r.store.count() != 0 {
		t.Errorf("a cursor that stands still: %v", err)
	}
}

// TestHoldsBeside1101: a centre with the extension says beside its balance what that balance leaves out; a venue without the
// extension goes by the balance alone.
func TestHoldsBeside1101(t *testing.T) {
	told := nhsa.ToldAccount{Status: settle.StatusPaused, Balance: 900, Frozen: 200, ReservedElsewhere: 300}
	content, err := json.Marshal(told.Content())
	if err != nil {
		t.Fatal(err)
	}
	output := `{"baseinfo":{"psn_no":"p1","certno":"11010519491231002X","psn_name":"甲乙"},"insuinfo":{"balc":4,"insutype":"310","psn_insu_stas":1,"insuplc_admdvs":"430100","exp_content":` + string(content) + `}}`
	for _, extension := range []bool{true, false} {
		r := newRig(t, nil, scripted(output), func(o *feed.Options) { o.OnSwipe, o.Extension = false, extension })
		if _, err := r.feed.Refresh(t.Context(), cardOf(r.family.Patient)); err != nil {
			t.Fatal(err)
		}
		a := r.store.applied[0].Accounts[0]
		if extension && (a.Balance != 900 || a.Frozen != 200 || a.ReservedElsewhere != 300 || a.Status != settle.StatusPaused || !a.HoldsTold) {
			t.Errorf("with the extension: %+v", a)
		}
		if !extension && (a.Balance != 400 || a.Frozen != 0 || a.ReservedElsewhere != 0 || a.Status != settle.StatusNormal || a.HoldsTold) {
			t.Errorf("without: %+v", a)
		}
	}
}

// TestAnswerWithoutTime: where 1101 does not say when it was answered, nothing of ours is taken as inside the balance.
func TestAnswerWithoutTime(t *testing.T) {
	output := `{"baseinfo":{"psn_no":"p1","certno":"11010519491231002X","psn_name":"甲乙"},"insuinfo":{"balc":5,"insutype":"310","psn_insu_stas":1,"insuplc_admdvs":"430100"}}`
	r := newRig(t, nil, scripted(output, output), func(o *feed.Options) { o.OnSwipe = false })
	for range 2 {
		if _, err := r.feed.Refresh(t.Context(), cardOf(r.family.Patient)); err != nil {
			t.Fatal(err)
		}
	}
	s := r.store.applied[0]
	if through, told := s.Accounts[0].ContainsThrough["P43010000001"]; !told || through.Unix() != 0 || s.CentreTime.IsZero() || s.ID == r.store.applied[1].ID {
		t.Errorf("%+v", s)
	}
}

// TestRefreshFaults: what cannot be read is silence, never half a family.
func TestRefreshFaults(t *testing.T) {
	for name, output := range map[string]string{
		"no snapshot": `{}`, "null": `null`, "text": `"later"`,
	} {
		r := newRig(t, nil, scripted(output), nil)
		if _, err := r.feed.Refresh(t.Context(), cardOf(r.family.Patient)); settle.CodeOf(err) != settle.UpstreamSilent || r.store.count() != 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	r := newRig(t, nil, scripted(), nil)
	if _, err := r.feed.Refresh(t.Context(), cardOf(r.family.Patient)); settle.CodeOf(err) != settle.UpstreamSilent {
		t.Errorf("502: %v", err)
	}
	r = newRig(t, nil, nil, nil)
	r.store.fail = settle.NewError(settle.StoreFull, nil)
	if _, err := r.feed.Refresh(t.Context(), cardOf(r.family.Patient)); settle.CodeOf(err) != settle.StoreFull {
		t.Errorf("full disk: %v", err)
	}
}

// TestRun pulls at the start and again and again, and ends with its context.
func TestRun(t *testing.T) {
	r := newRig(t, nil, nil, func(o *feed.Options) { o.Page = 1000 })
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.feed.Run(ctx) }()
	for range 3 {
		select {
		case <-r.store.changed:
		case <-time.After(5 * time.Second):
			t.Fatal("no further pull")
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// keeper is a memory that keeps allowances, and remembers until which end they were to be given up.
type keeper struct {
	*memory
	asked []time.Time
}

func (k *keeper) ReturnAllowances(_ context.Context, endingBy time.Time) ([]settle.AllowanceReturn, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.asked = append(k.asked, endingBy)
	return nil, nil
}

func (k *keeper) AllowancesReturned(context.Context, []settle.AllowanceReturn) error { return nil }

// TestAClosingShopKeepsItsAllowances: only what is near its end is given up, and nothing more when the daemon ends: the shop
// may open without a line.
func TestAClosingShopKeepsItsAllowances(t *testing.T) {
	k := &keeper{}
	r := newRig(t, nil, nil, func(o *feed.Options) {
		k.memory = o.Store.(*memory)
		o.Store, o.Page = k, 1000
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.feed.Run(ctx) }()
	for range 2 { // the second pull begins after the first has given up what ends soon
		select {
		case <-r.store.changed:
		case <-time.After(5 * time.Second):
			t.Fatal("no pull")
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if len(k.asked) == 0 {
		t.Error("what ends soon is not given up")
	}
	for _, by := range k.asked {
		if by.After(time.Now().Add(time.Hour)) {
			t.Errorf("allowances until %s are given up", by)
		}
	}
	k.asked = nil
	if err := r.feed.ReturnAllowances(t.Context(), true); err != nil || len(k.asked) != 1 || k.asked[0].Before(time.Now().AddDate(1, 0, 0)) {
		t.Errorf("a manager gives all back: %v, %v", k.asked, err)
	}
}

// TestConfigured names what is missing.
func TestConfigured(t *testing.T) {
	if _, err := feed.New(feed.Options{}); settle.CodeOf(err) != settle.NotConfigured {
		t.Error(err)
	}
}
