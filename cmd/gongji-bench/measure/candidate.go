package measure

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"gongji/cmd/gongji-bench/baseline"
	"gongji/cmd/gongji-bench/shop"
	"gongji/settle"
)

// tills is how many readers, cards and families there are, whoever calls.
const tills = 64

// Candidate is a server that is measured.
type Candidate string

// The candidates: by hand with SQLite as it comes, by hand with a write-ahead log, and the daemon.
const (
	ByHand    Candidate = "by-hand rollback"
	ByHandWAL Candidate = "by-hand wal"
	Daemon    Candidate = "gongjid"
	Socket    Candidate = "gongjid, socket" // over a Unix socket
)

// Figures are what one turn of a candidate came to.
type Figures struct {
	Outcome
	CPU       time.Duration // of the server, per settlement
	RSS, Most int64         // bytes, at the end of the load
	Syncs     float64       // fsyncs per settlement; of the daemon: commits, of which each is one; 0: not counted
	StartedIn time.Duration // of the daemon: from the start of the process until it answers as ready
}

// server is a candidate that runs.
type server struct {
	target  Target
	pid     int
	started time.Duration
	commits func() (float64, error)       // fsyncs so far, where they can be told while it runs; else nil
	profile *profiler                     // nil: none is taken
	stop    func() (syncs int, err error) // 0 syncs: not counted
}

// turn is a fresh server under load in an empty directory of its own.
func (m *Measure) turn(ctx context.Context, c Candidate, callers int, slow time.Duration) (f Figures, err error) {
	dir, err := os.MkdirTemp(m.Dir, "turn-")
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	start := m.startByHand
	if c == Daemon || c == Socket {
		start = m.startDaemon
	}
	s, err := start(ctx, c, dir, callers, slow)
	if err != nil {
		return f, fmt.Errorf("%s: %w", c, err)
	}
	var before, after usage
	var commits [2]float64
	count := func(i int) {
		if s.commits != nil && err == nil {
			commits[i], err = s.commits()
		}
	}
	f.Outcome, err = Run(ctx, s.target, Window{
		Callers: callers, Warm: m.Warm, Each: m.Each,
		Begin: func() { count(0); before = usageOf(s.pid); s.profile.begin(ctx, m.Each) },
		End:   func() { after = usageOf(s.pid); count(1) },
	})
	err = errors.Join(err, s.profile.end())
	f.StartedIn, f.RSS, f.Most = s.started, after.rss, after.most
	syncs, stopErr := s.stop()
	if err = errors.Join(err, stopErr); err != nil || f.Settled == 0 {
		return f, errors.Join(err, nothingSettled(c, &f))
	}
	f.CPU = (after.cpu - before.cpu) / time.Duration(f.Settled)
	switch {
	case s.commits != nil:
		f.Syncs = (commits[1] - commits[0]) / float64(f.Settled)
	case syncs > 0: // of the whole turn: the warm-up counts on both sides
		f.Syncs = float64(syncs) / float64(f.Settled) * float64(m.Each) / float64(m.Warm+m.Each)
	}
	return f, nil
}

func nothingSettled(c Candidate, f *Figures) error {
	if f.Settled > 0 || f.Failed == 0 {
		return nil
	}
	return fmt.Errorf("%s settled nothing: %s", c, f.FirstFail)
}

func saleByHand(n int) baseline.Sale {
	return baseline.Sale{ID: saleID(n), Patient: int64(n % tills), Lines: []baseline.Line{
		{Code: "XA01ABD075A002010100483", Total: 2500}, {Code: "C14010200002", Total: 1200}, {Code: "C14010200003", Total: 1},
	}}
}

func saleID(n int) string { return fmt.Sprintf("B-%09d", n) }

// handSale is a sale as a till sends it to a server by hand.
func handSale(n int) string {
	body, err := json.Marshal(saleByHand(n))
	if err != nil {
		return ""
	}
	return string(body)
}

func (m *Measure) startByHand(ctx context.Context, c Candidate, dir string, _ int, slow time.Duration) (*server, error) {
	form := baseline.Rollback
	if c == ByHandWAL {
		form = baseline.WAL
	}
	process, err := startChild(ctx, m.Self, dir, "by-hand", "--form", string(form), "--dir", dir, "--slow", slow.String(), "--patients", fmt.Sprint(tills))
	if err != nil {
		return nil, err
	}
	return &server{
		target: Target{"tcp", process.address, func(n int) []byte { return post(process.address, "/settle", "", handSale(n)) }},
		pid:    process.cmd.Process.Pid, stop: process.stop,
	}, nil
}

// startDaemon runs gongjid beside its readers and its centre. A slowed disk needs a shim inside the process; then this program
// runs the same daemon.
func (m *Measure) startDaemon(ctx context.Context, c Candidate, dir string, callers int, slow time.Duration) (*server, error) {
	o := shop.Options{Dir: dir, Binary: m.Binary, Tills: tills, Delay: time.Second, Socket: c == Socket}
	var extra []string
	syncs, profiles := filepath.Join(dir, "syncs"), filepath.Join(dir, "profiles.sock")
	if slow > 0 {
		o.Binary, extra = m.Self, []string{"--slow", slow.String(), "--syncs", syncs}
	}
	if m.Profiles != "" {
		o.Binary, extra = m.Self, append(extra, "--profiles", profiles)
	}
	s, err := shop.Open(o)
	if err != nil {
		return nil, err
	}
	if err := s.Centre.Seed(relatives(s.People)); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	began := time.Now()
	p, err := s.Start(extra...)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	waiting, stop := context.WithTimeout(ctx, startWithin)
	defer stop()
	started, err := answers(waiting, s, began)
	if err == nil {
		err = p.Ready(waiting)
	}
	if err == nil {
		err = firstSales(waiting, s)
	}
	if err != nil {
		p.Kill()
		return nil, errors.Join(err, s.Close())
	}
	target := Target{"tcp", strings.TrimPrefix(s.APIURL(), "http://"), requests(s)}
	if c == Socket {
		target.Network, target.Address = "unix", s.Socket()
	}
	return &server{
		target: target,
		pid:    p.PID(), started: started, profile: m.profiled(profiles, callers, slow),
		commits: func() (float64, error) {
			series, err := s.Metrics(ctx)
			return series["gongji_commit_batch_size_count"], err
		},
		stop: func() (int, error) {
			err := errors.Join(p.Stop(endWithin), s.Close())
			n, readErr := readSyncs(syncs)
			return n, errors.Join(err, readErr)
		},
	}, nil
}

// relatives gives every patient two relatives of their own, with more money than a measurement spends.
func relatives(people []shop.Person) settle.Snapshot {
	s := settle.Snapshot{ID: "measure", CentreTime: time.Now().Truncate(time.Millisecond)}
	common := people[len(people)-1]
	for i, patient := range people[:len(people)-1] {
		for rank := 1; rank <= 2; rank++ {
			psn := fmt.Sprintf("43010000000088%d%05d", rank, i)
			body := fmt.Sprintf("430102%04d0%d1%d%03d", 1950+rank, 1+i%9, i%9, 301+i)
			s.People = append(s.People, settle.SnapshotPerson{
				PsnNo: psn, IDNumber: body + string(settle.CheckCharacter(body)), Name: "某亲属", Insurance: settle.InsuranceEmployee,
				Status: settle.StatusNormal, Area: patient.Area,
			})
			s.Accounts = append(s.Accounts, settle.SnapshotAccount{PsnNo: psn, Status: settle.StatusNormal, Balance: 50_000_000_00})
			s.Bindings = append(s.Bindings, settle.SnapshotBinding{
				ID: fmt.Sprintf("B-M-%d-%d", i, rank), Giver: psn, Beneficiary: patient.PsnNo, Relation: settle.Parent, Rank: rank,
				BoundAt: 20250101, ValidFrom: 20250101, Mode: settle.Direct, Active: true,
			})
		}
		s.Accounts = append(s.Accounts, settle.SnapshotAccount{PsnNo: patient.PsnNo, Status: settle.StatusNormal})
		s.Bindings = append(s.Bindings, settle.SnapshotBinding{
			ID: fmt.Sprintf("B-SHOP-%d", i), Giver: common.PsnNo, Beneficiary: patient.PsnNo, Relation: settle.Parent, Rank: 1,
			BoundAt: 20250101, ValidFrom: 20250101, Mode: settle.Direct, LimitAll: true,
		})
	}
	return s
}
