package measure

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"

	"gongji/cmd/gongji-bench/shop"
)

// Drain says how a backlog is measured: what a shop has sold while its line was cut leaves for the reference centre, both as
// processes of their own on loopback, while a till goes on selling. Dir, Binary, CentreBinary and Out are needed.
type Drain struct {
	Dir          string // on the disk that is measured
	Binary       string // gongjid
	CentreBinary string // gongji-centre
	Self         string // this program; needed with Profiles
	Out          io.Writer

	Rounds   int
	Reports  int           // of the backlog
	People   int           // who bought; a quarter of them live on a relative's account
	Pace     time.Duration // between two sales of the till; one that is answered later than that is followed at once
	Alone    time.Duration // how long the till is watched by itself, after the backlog
	Profiles string        // folder for the daemon's profiles under load; empty: none are taken
}

// Drained is one backlog.
type Drained struct {
	Reports   int     `json:"reports"`
	BuiltPerS float64 `json:"backlog_built_per_s"` // how fast the ledger took the backlog in
	Rate      float64 `json:"reports_per_s"`
	DaemonCPU float64 `json:"daemon_cpu_us_per_report"`
	CentreCPU float64 `json:"centre_cpu_us_per_report"`
	TillSales int     `json:"till_sales_beside"`
	TillP50   float64 `json:"till_p50_us_beside"`
	TillP99   float64 `json:"till_p99_us_beside"`
	AloneP50  float64 `json:"till_p50_us_alone"`
	AloneP99  float64 `json:"till_p99_us_alone"`
	Ratio     float64 `json:"till_p99_beside_by_alone"`
	ProbeP50  float64 `json:"probe_p50_us"` // an append of 4 KiB that reaches the disk, just before
	DaemonRSS float64 `json:"daemon_rss_mib"`
	Unknown   float64 `json:"unknown"` // reports whose outcome was open at the end
}

// DrainResult is everything that was measured, as it is written to the file.
type DrainResult struct {
	At         time.Time     `json:"at"`
	Go         string        `json:"go"`
	Platform   string        `json:"platform"`
	Processors int           `json:"processors"`
	People     int           `json:"people"`
	Pace       time.Duration `json:"till_pace_ns"`
	Rounds     []Drained     `json:"rounds"`
	Goals      []Goal        `json:"goals"`
}

// Run measures and prints a line for each round.
func (d *Drain) Run(ctx context.Context) (*DrainResult, error) {
	r := &DrainResult{
		At: time.Now(), Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH, Processors: runtime.NumCPU(), People: d.People, Pace: d.Pace,
	}
	for n := range d.Rounds {
		one, err := d.round(ctx)
		if err != nil {
			return nil, err
		}
		r.Rounds = append(r.Rounds, one)
		fmt.Fprintf(d.Out, "round %d  %6.0f reports/s  CPU a report: gongjid %.0f µs, gongji-centre %.0f µs  till p99 %.0f µs, alone %.0f µs\n",
			n+1, one.Rate, one.DaemonCPU, one.CentreCPU, one.TillP99, one.AloneP99)
	}
	var reached goals
	reached.add("a backlog leaves, reports/s", atLeast(2000), each(r.Rounds, func(_ int, one *Drained) float64 { return one.Rate })...)
	reached.add("till beside it: p99 by its p99 alone", atMost(1.5), each(r.Rounds, func(_ int, one *Drained) float64 { return one.Ratio })...)
	r.Goals = reached
	return r, nil
}

// round is a fresh shop with a fresh centre, its backlog, and its end.
func (d *Drain) round(ctx context.Context) (out Drained, err error) {
	dir, err := os.MkdirTemp(d.Dir, "drain-")
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	c := &centreProcess{dir: dir}
	if c.address, c.metrics, err = freeAddresses(); err != nil {
		return out, err
	}
	binary, extra := d.Binary, []string(nil)
	if d.Profiles != "" {
		binary, extra = d.Self, []string{"--profiles", dir + "/profiles.sock"}
	}
	s, err := shop.Open(shop.Options{Dir: dir, Binary: binary, Tills: 1, Upstream: c.address, Feed: 30 * time.Second})
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	b := newBacklog(s, d.People)
	if out.BuiltPerS, err = b.build(ctx, s, d.Reports); err != nil {
		return out, err
	}
	if err := c.start(ctx, d.CentreBinary, b.snapshot); err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, c.stop()) }()
	floor, err := probe(dir)
	if err != nil {
		return out, err
	}
	out.Reports, out.ProbeP50 = d.Reports, micros(floor.P50)
	p, err := s.Start(extra...)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, p.Stop(endWithin)) }()
	err = d.watch(ctx, s, p, c, dir, &out)
	return out, err
}

// watch measures from the moment the daemon is ready to sell until the centre has booked the whole backlog and everything that
// was sold meanwhile, and then the till by itself.
func (d *Drain) watch(ctx context.Context, s *shop.Shop, p *shop.Process, c *centreProcess, dir string, out *Drained) error {
	waiting, stop := context.WithTimeout(ctx, startWithin)
	defer stop()
	if _, err := answers(waiting, s, time.Now()); err != nil {
		return err
	}
	if err := p.Ready(waiting); err != nil {
		return err
	}
	if err := firstSales(waiting, s); err != nil {
		return err
	}
	before, err := c.booked(ctx)
	if err != nil {
		return err
	}
	till := newTill(s, d.Pace)
	began, daemon, centre := time.Now(), usageOf(p.PID()), usageOf(c.pid())
	profile := d.profiled(dir)
	profile.begin(ctx, profileFor)
	if err := till.sellUntil(ctx, func() (bool, error) {
		sold := till.answered()
		booked, err := c.booked(ctx)
		return booked >= d.Reports+1+sold, err // the first sale too
	}); err != nil {
		return errors.Join(err, profile.end())
	}
	took, daemonAfter, centreAfter := time.Since(began), usageOf(p.PID()), usageOf(c.pid())
	if err := profile.end(); err != nil {
		return err
	}
	booked, err := c.booked(ctx)
	if err != nil {
		return err
	}
	through := booked - before
	out.Rate = float64(through) / took.Seconds()
	out.DaemonCPU, out.CentreCPU = micros(daemonAfter.cpu-daemon.cpu)/float64(through), micros(centreAfter.cpu-centre.cpu)/float64(through)
	out.DaemonRSS = mib(daemonAfter.rss)
	beside := till.outcome()
	pause(ctx, time.Second) // what the backlog leaves to do
	until := time.Now().Add(d.Alone)
	if err := till.sellUntil(ctx, func() (bool, error) { return !time.Now().Before(until), nil }); err != nil {
		return err
	}
	alone := till.outcome()
	out.TillSales, out.TillP50, out.TillP99 = beside.Settled, micros(beside.P50), micros(beside.P99)
	out.AloneP50, out.AloneP99, out.Ratio = micros(alone.P50), micros(alone.P99), over(micros(beside.P99), micros(alone.P99))
	if err := p.Drain(ctx); err != nil {
		return err
	}
	series, err := s.Metrics(ctx)
	out.Unknown = series["gongji_outbox_unknown"]
	return err
}

// profileFor is how long a profile is taken.
const profileFor = 15 * time.Second

func (d *Drain) profiled(dir string) *profiler {
	if d.Profiles == "" {
		return nil
	}
	return &profiler{socket: dir + "/profiles.sock", files: d.Profiles + "/gongjid-drain", took: make(chan error, 2)}
}

// Print writes the result as a table.
func (r *DrainResult) Print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "\n%s %s, %d processors; %d people, a till that sells every %s\n\n", r.Platform, r.Go, r.Processors, r.People, r.Pace)
	fmt.Fprintln(w, "backlog\tbuilt/s\treports/s\tgongjid µs\tcentre µs\ttill p50 µs\tp99 µs\talone p50 µs\tp99 µs\tratio\tprobe µs\tRSS MiB\tunknown\t")
	for i := range r.Rounds {
		o := &r.Rounds[i]
		fmt.Fprintf(w, "%d\t%.0f\t%.0f\t%.0f\t%.0f\t%.0f\t%.0f\t%.0f\t%.0f\t%.2f\t%.0f\t%.0f\t%.0f\t\n", o.Reports, o.BuiltPerS, o.Rate, o.DaemonCPU, o.CentreCPU,
			o.TillP50, o.TillP99, o.AloneP50, o.AloneP99, o.Ratio, o.ProbeP50, o.DaemonRSS, o.Unknown)
	}
	fmt.Fprintln(w, "\ngoal\tshall\tis\t\t")
	for _, goal := range r.Goals {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t\n", goal.Name, goal.Shall, times(goal.Value), verdict(goal.Met))
	}
	return w.Flush()
}

func verdict(met bool) string {
	if met {
		return "met"
	}
	return "missed"
}

// Write writes the result as JSON.
func (r *DrainResult) Write(path string) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(data, '\n'), 0o600)
}

// hostOf is where the shop's API listens, as host:port.
func hostOf(s *shop.Shop) string { return strings.TrimPrefix(s.APIURL(), "http://") }
