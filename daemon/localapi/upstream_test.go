package localapi_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"gongji/daemon/localapi"
	. "gongji/daemon/session/sessiontest"
	"gongji/settle"
)

// way is a way to the centre over a real ledger.
type way struct {
	rig      *rig
	offline  bool
	returned int
}

func (w *way) Upstream(ctx context.Context) (s settle.UpstreamStanding, err error) {
	s.OfflineStanding, err = w.rig.ledger.OfflineStanding(ctx)
	s.Configured, s.Offline, s.Authority, s.Feed = true, w.offline, "cached", settle.FeedOn
	s.Large = settle.SnapshotProgress{Phase: settle.PhaseStaging, Done: 3, Total: 9}
	return s, err
}

func (w *way) ReturnAllowances(context.Context) error { w.returned++; return nil }

// TestUpstream: a manager sees limits, what is used of them and what is open; a cashier the state alone.
func TestUpstream(t *testing.T) {
	w := &way{}
	r := newRig(t, func(o *localapi.Options) {
		o.Upstream = w
		o.Loading = func() (settle.SnapshotProgress, bool) {
			return settle.SnapshotProgress{Phase: settle.PhaseMoving, Done: 5, Total: 7}, true
		}
	})
	w.rig, w.offline = r, true
	r.centre.SetOffline(true)
	r.reader.Insert(Patient.Card())
	r.settled(encode(t, sale("U1", "12.00")))
	var got localapi.UpstreamAnswer
	if answer := r.do(http.MethodGet, "/v1/upstream", "", nil); answer.StatusCode != 200 || json.Unmarshal(answer.body, &got) != nil || got.State != "offline" || got.Text == "" || got.Detail != nil {
		t.Fatalf("a cashier sees %d %s", answer.StatusCode, answer.body)
	}
	answer := r.do(http.MethodGet, "/v1/upstream", "", as(r.manager))
	if err := json.Unmarshal(answer.body, &got); err != nil || got.Detail == nil {
		t.Fatalf("%v: %s", err, answer.body)
	}
	d := got.Detail
	if d.Unsent.Count != 1 || d.Unsent.Amount != "12.00" || d.AtRisk != "12.00" || d.Unknown.Count != 0 || d.OldestUnsent == nil || d.Feed != "on" ||
		d.LedgerAt == nil || d.LargeSnapshot == nil || d.LargeSnapshot.Done != 3 || d.LargeSnapshot.Text == "" || !d.OfflineAllowed {
		t.Errorf("%s", answer.body)
	}
	limits := map[string]localapi.OfflineLimit{}
	for _, l := range d.Limits {
		limits[l.Limit] = l
	}
	if l := limits["offline.max_sale"]; l.Allowed != "500.00" || l.Used != "" || l.Percent != nil || l.Name == "" {
		t.Errorf("%+v", l)
	}
	if l := limits["offline.max_age"]; l.Allowed != (24*time.Hour).String() || l.Unit != "duration" || l.Percent == nil {
		t.Errorf("%+v", l)
	}
	ready := r.do(http.MethodGet, "/readyz?verbose", "", nil)
	if !strings.Contains(string(ready.body), `"phase":"moving"`) || !strings.Contains(string(ready.body), `"done":5`) {
		t.Errorf("readyz: %s", ready.body)
	}
	if plain := r.do(http.MethodGet, "/readyz", "", nil); strings.Contains(string(plain.body), "loading") {
		t.Errorf("readyz without verbose: %s", plain.body)
	}
	if answer := r.do(http.MethodPost, "/v1/allowances/return", "{}", nil); answer.problem(t).Code != settle.Forbidden || w.returned != 0 {
		t.Errorf("a cashier gives allowances back: %s", answer.body)
	}
	if answer := r.do(http.MethodPost, "/v1/allowances/return", "{}", as(r.manager)); answer.StatusCode != 200 || w.returned != 1 {
		t.Errorf("%d %s", answer.StatusCode, answer.body)
	}
}
