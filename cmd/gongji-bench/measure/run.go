package measure

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"time"
)

// Measure says what is measured, and for how long. Dir, Binary, Self and Out are needed.
type Measure struct {
	Dir    string // on the disk that is measured
	Binary string // gongjid
	Self   string // this program, which runs servers of its own as processes: by-hand and run
	Out    io.Writer

	Rounds     int
	Warm, Each time.Duration   // of a turn
	Callers    []int           // at full speed
	Slow       []time.Duration // added to every fsync
	SlowCalls  []int           // callers with a slowed disk
	Rest       time.Duration   // how long the daemon is watched at rest; 0: not
	Accounts   int             // of a large ledger that settlements are measured on beside a small one; 0: not
	Records    int             // over which pages of the record search are measured; 0: not
	Profiles   string          // folder for profiles of the daemon under load; empty: none are taken
}

// Case is a candidate under a load.
type Case struct {
	Candidate Candidate     `json:"candidate"`
	Callers   int           `json:"callers"`
	Slow      time.Duration `json:"slow_ns,omitempty"`
}

// turnOf is a turn with the disk as it was found just before it.
type turnOf struct {
	figures Figures
	probe   Floor
}

// Row is a case over all rounds.
type Row struct {
	Case
	Rate       Spread `json:"settlements_per_s"`
	P50        Spread `json:"p50_us"`
	P99        Spread `json:"p99_us"`
	P999       Spread `json:"p999_us"`
	Failed     Spread `json:"failed_percent"`
	CPU        Spread `json:"server_cpu_us"`
	Syncs      Spread `json:"fsyncs_per_settlement"`
	RSS        Spread `json:"rss_mib"`
	Most       Spread `json:"rss_peak_mib"`
	TimesProbe Spread `json:"times_the_probe"` // settlements for each append of 4 KiB that the disk takes one after the other
	StartedMS  Spread `json:"start_to_ready_ms"`
	FirstFail  string `json:"first_failure,omitempty"`
}

// Floors are what no server can do without, over the rounds. F is probe, echo and statements together.
type Floors struct {
	ProbeP50      Spread `json:"probe_p50_us"`
	ProbeP99      Spread `json:"probe_p99_us"`
	EchoP50       Spread `json:"echo_tcp_p50_us"`
	EchoP99       Spread `json:"echo_tcp_p99_us"`
	UnixP50       Spread `json:"echo_unix_p50_us"`
	StatementsP50 Spread `json:"statements_p50_us"`
	StatementsP99 Spread `json:"statements_p99_us"`
	FP50          Spread `json:"f_p50_us"`
	FP99          Spread `json:"f_p99_us"`
}

// Result is everything that was measured, as it is written to the file.
type Result struct {
	At         time.Time     `json:"at"`
	Go         string        `json:"go"`
	Platform   string        `json:"platform"`
	Processors int           `json:"processors"`
	Rounds     int           `json:"rounds"`
	Each       time.Duration `json:"turn_ns"`
	Floors     Floors        `json:"floors"`
	Lines      []Line        `json:"card_lines"`
	Rows       []Row         `json:"rows"`
	Goals      []Goal        `json:"goals"`
	Rest       *Rest         `json:"rest,omitempty"`
	Scale      *Scale        `json:"scale,omitempty"`
}

// floorsOf is one round's floors.
type floorsOf struct{ probe, tcp, unix, statements Floor }

// Run measures and prints. What was measured before an error is lost; rounds are short.
func (m *Measure) Run(ctx context.Context) (*Result, error) {
	cases := m.cases()
	turns := make(map[Case][]turnOf, len(cases))
	var floors []floorsOf
	for round := range m.Rounds {
		f, err := m.floors(ctx)
		if err != nil {
			return nil, err
		}
		floors = append(floors, f)
		for _, c := range cases {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			before, err := probe(m.Dir)
			if err != nil {
				return nil, err
			}
			figures, err := m.turn(ctx, c.Candidate, c.Callers, c.Slow)
			if err != nil {
				return nil, err
			}
			turns[c] = append(turns[c], turnOf{figures, before})
			fmt.Fprintf(m.Out, "round %d  %-17s %3d callers %5s  %7.0f /s  p50 %s  p99 %s  failed %d\n", round+1, c.Candidate, c.Callers, slowText(c.Slow),
				figures.Rate(), figures.P50.Round(time.Microsecond), figures.P99.Round(time.Microsecond), figures.Failed)
		}
	}
	lines, err := cardLines(ctx)
	if err != nil {
		return nil, err
	}
	r := &Result{
		At: time.Now(), Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH, Processors: runtime.NumCPU(),
		Rounds: m.Rounds, Each: m.Each, Floors: sumFloors(floors), Lines: lines,
	}
	for _, c := range cases {
		r.Rows = append(r.Rows, rowOf(c, turns[c]))
	}
	var reached goals
	reached.load(turns, floors)
	reached.lines(lines)
	if m.Rest > 0 {
		if r.Rest, err = m.rest(ctx, lines); err != nil {
			return nil, err
		}
		reached.rest(r.Rest)
	}
	if m.Accounts > 0 || m.Records > 0 {
		if r.Scale, err = m.scale(ctx); err != nil {
			return nil, err
		}
		reached.scale(r.Scale)
	}
	r.Goals = reached
	return r, nil
}

// cases are all candidates under all loads, those that are compared next to each other.
func (m *Measure) cases() (list []Case) {
	for _, callers := range m.Callers {
		for _, c := range []Candidate{ByHand, ByHandWAL, Daemon} {
			list = append(list, Case{c, callers, 0})
		}
		if callers == 1 {
			list = append(list, Case{Socket, callers, 0})
		}
	}
	for _, slow := range m.Slow {
		if slow <= 0 {
			continue
		}
		for _, callers := range m.SlowCalls {
			for _, c := range []Candidate{ByHand, ByHandWAL, Daemon} {
				list = append(list, Case{c, callers, slow})
			}
		}
	}
	return list
}

func (m *Measure) floors(ctx context.Context) (f floorsOf, err error) {
	dir, err := os.MkdirTemp(m.Dir, "floors-")
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if f.probe, err = probe(dir); err != nil {
		return f, err
	}
	if f.tcp, err = echo(ctx, dir, "tcp"); err != nil {
		return f, err
	}
	if f.unix, err = echo(ctx, dir, "unix"); err != nil {
		return f, err
	}
	f.statements, err = statements(ctx, dir)
	return f, err
}

func sumFloors(floors []floorsOf) Floors {
	of := func(pick func(*floorsOf) time.Duration) Spread {
		values := make([]time.Duration, len(floors))
		for i := range floors {
			values[i] = pick(&floors[i])
		}
		return spread(values, micros)
	}
	return Floors{
		ProbeP50:      of(func(f *floorsOf) time.Duration { return f.probe.P50 }),
		ProbeP99:      of(func(f *floorsOf) time.Duration { return f.probe.P99 }),
		EchoP50:       of(func(f *floorsOf) time.Duration { return f.tcp.P50 }),
		EchoP99:       of(func(f *floorsOf) time.Duration { return f.tcp.P99 }),
		UnixP50:       of(func(f *floorsOf) time.Duration { return f.unix.P50 }),
		StatementsP50: of(func(f *floorsOf) time.Duration { return f.statements.P50 }),
		StatementsP99: of(func(f *floorsOf) time.Duration { return f.statements.P99 }),
		FP50:          of(func(f *floorsOf) time.Duration { return f.probe.P50 + f.tcp.P50 + f.statements.P50 }),
		FP99:          of(func(f *floorsOf) time.Duration { return f.probe.P99 + f.tcp.P99 + f.statements.P99 }),
	}
}

func rowOf(c Case, turns []turnOf) Row {
	of := func(pick func(*turnOf) float64) Spread {
		values := make([]float64, len(turns))
		for i := range turns {
			values[i] = pick(&turns[i])
		}
		return spreadOf(values)
	}
	row := Row{
		Case:       c,
		Rate:       of(func(t *turnOf) float64 { return t.figures.Rate() }),
		P50:        of(func(t *turnOf) float64 { return micros(t.figures.P50) }),
		P99:        of(func(t *turnOf) float64 { return micros(t.figures.P99) }),
		P999:       of(func(t *turnOf) float64 { return micros(t.figures.P999) }),
		Failed:     of(func(t *turnOf) float64 { return failedPercent(&t.figures) }),
		CPU:        of(func(t *turnOf) float64 { return micros(t.figures.CPU) }),
		Syncs:      of(func(t *turnOf) float64 { return t.figures.Syncs }),
		RSS:        of(func(t *turnOf) float64 { return mib(t.figures.RSS) }),
		Most:       of(func(t *turnOf) float64 { return mib(t.figures.Most) }),
		TimesProbe: of(func(t *turnOf) float64 { return t.figures.Rate() * t.probe.P50.Seconds() }),
		StartedMS:  of(func(t *turnOf) float64 { return micros(t.figures.StartedIn) / 1000 }),
	}
	if i := slices.IndexFunc(turns, func(t turnOf) bool { return t.figures.FirstFail != "" }); i >= 0 {
		row.FirstFail = turns[i].figures.FirstFail
	}
	return row
}

func failedPercent(f *Figures) float64 {
	if f.Settled+f.Failed == 0 {
		return 0
	}
	return 100 * float64(f.Failed) / float64(f.Settled+f.Failed)
}

func mib(bytes int64) float64 { return float64(bytes) / (1 << 20) }

// Write writes the result as JSON.
func (r *Result) Write(path string) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(data, '\n'), 0o600)
}
