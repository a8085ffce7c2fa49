package measure

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gongji/cmd/gongji-bench/shop"
	"gongji/daemon/session"
)

// TestTemplateIsTheSaleItself: what is cut into the bytes of a request is what the encoder would have written.
func TestTemplateIsTheSaleItself(t *testing.T) {
	cut := templateOf("127.0.0.1:7311", "gj_token", 123_456_789)
	request, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(cut.fill(77))))
	if err != nil {
		t.Fatal(err)
	}
	if request.Host != "127.0.0.1:7311" || request.Header.Get("Authorization") != "Bearer gj_token" || request.URL.Path != "/v1/settlements" {
		t.Errorf("%s %s %v", request.Host, request.URL, request.Header)
	}
	var got session.SettleRequest
	if err := json.NewDecoder(request.Body).Decode(&got); err != nil {
		t.Fatal(err)
	}
	want := sale(77)
	want.Terminal = sale(123_456_789).Terminal // of the till that it was cut for
	if a, b := text77(t, got), text77(t, want); a != b {
		t.Errorf("%s\nwant %s", a, b)
	}
}

func text77(t *testing.T, sale session.SettleRequest) string {
	t.Helper()
	data, err := json.Marshal(sale)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestLoadCountsTheWindow: what is answered in the window counts, refusals apart, and every request has a number of its own.
func TestLoadCountsTheWindow(t *testing.T) {
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1)%4 == 0 {
			http.Error(w, "database is locked", http.StatusServiceUnavailable)
		}
	}))
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")
	var numbers atomic.Int64
	began, ended := false, false
	out, err := Run(t.Context(), Target{"tcp", host, func(n int) []byte {
		numbers.Add(1)
		return post(host, "/", "", "{}")
	}}, Window{Callers: 3, Warm: 20 * time.Millisecond, Each: 200 * time.Millisecond, Begin: func() { began = true }, End: func() { ended = true }})
	if err != nil || !began || !ended {
		t.Fatal(err, began, ended)
	}
	if out.Settled == 0 || out.Failed == 0 || int64(out.Settled+out.Failed) > numbers.Load() || out.Took < 200*time.Millisecond {
		t.Errorf("%+v of %d", out, numbers.Load())
	}
	if out.P50 <= 0 || out.P50 > out.P99 || out.P99 > out.P999 || !strings.Contains(out.FirstFail, "database is locked") {
		t.Errorf("%+v", out)
	}
}

// TestGoalsCompareWithinARound: the disk drifts by the factor of ten between two rounds, and the ratio stays.
func TestGoalsCompareWithinARound(t *testing.T) {
	turns := map[Case][]turnOf{}
	var floors []floorsOf
	for _, drift := range []int{1, 10, 3} {
		probe := Floor{time.Duration(drift) * time.Millisecond, time.Duration(2*drift) * time.Millisecond}
		at := func(c Candidate, rate int) {
			turns[Case{c, 16, 0}] = append(turns[Case{c, 16, 0}], turnOf{Figures{Outcome: Outcome{Settled: rate, Took: time.Duration(drift) * time.Second}}, probe})
		}
		at(Daemon, 4800)
		at(ByHand, 120)
		floors = append(floors, floorsOf{probe: probe})
	}
	found := 0
	var reached goals
	reached.load(turns, floors)
	for _, r := range reached {
		switch {
		case strings.Contains(r.Name, "probes"):
			found++
			if r.Value.Low < 4.79 || r.Value.High > 4.81 || !r.Met {
				t.Errorf("%+v", r)
			}
		case strings.Contains(r.Name, "rollback"):
			found++
			if r.Value.Low < 39.9 || r.Value.High > 40.1 || !r.Met {
				t.Errorf("%+v", r)
			}
		}
	}
	if found != 2 {
		t.Errorf("%d ratios", found)
	}
}

// TestFloorsOfThisMachine: each floor is above nothing, and the probe leaves no file behind.
func TestFloorsOfThisMachine(t *testing.T) {
	m := &Measure{Dir: t.TempDir()}
	f, err := m.floors(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, floor := range map[string]Floor{"probe": f.probe, "tcp": f.tcp, "unix": f.unix, "statements": f.statements} {
		if floor.P50 <= 0 || floor.P99 < floor.P50 {
			t.Errorf("%s: %+v", name, floor)
		}
	}
}

// TestDrainTakesABacklogThrough: a small backlog of a real ledger is booked by the centre's own process to the last report, and the
// figures of both processes and of the till are there.
func TestDrainTakesABacklogThrough(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the real binaries")
	}
	if runtime.GOOS != "linux" {
		t.Skip("virtual readers over pseudo-terminals and /proc are Linux's")
	}
	dir := t.TempDir()
	d := &Drain{Dir: dir, Out: io.Discard, Rounds: 1, Reports: 60, People: 20, Pace: 20 * time.Millisecond, Alone: 200 * time.Millisecond}
	for name, binary := range map[string]*string{"gongjid": &d.Binary, "gongji-centre": &d.CentreBinary} {
		var err error
		if *binary, err = shop.BuildCommand(t.Context(), dir, name); err != nil {
			t.Fatal(err)
		}
	}
	r, err := d.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	one := r.Rounds[0]
	if one.Reports != 60 || one.Unknown != 0 || one.Rate <= 0 || one.DaemonCPU <= 0 || one.CentreCPU <= 0 || one.AloneP99 <= 0 {
		t.Errorf("%+v", one)
	}
	var table bytes.Buffer
	if err := r.Print(&table); err != nil || !strings.Contains(table.String(), "reports/s") || len(r.Goals) != 2 {
		t.Errorf("%v, %d goals\n%s", err, len(r.Goals), table.String())
	}
}
