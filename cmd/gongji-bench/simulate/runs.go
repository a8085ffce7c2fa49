package simulate

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"strings"
	"sync"
	"testing"
	"time"
)

// Runs are many worlds, one after the other and some at once.
type Runs struct {
	Config
	Context     context.Context // its end ends the run after the worlds under way
	Out         io.Writer
	From        uint64
	Seeds       int
	Settlements int // 0: as many as the seeds make
	Parallel    int
	Every       time.Duration // between lines of progress
	Trace       bool
	Profile     string // where the processor time went is written to this file; empty: nowhere
}

// runner is runs under way.
type runner struct {
	Runs
	mu     sync.Mutex
	next   int
	done   Totals
	failed []uint64
	began  time.Time
	told   time.Time
}

// Main runs the worlds and ends the process: with 0 where everything held, else with 1. A bubble belongs to a test, and
// package testing makes tests within [testing.Main] only, so the run is one test of a test binary that has no other.
func Main(o Runs) {
	r := &runner{Runs: o}
	testing.Init()
	if err := flag.CommandLine.Parse([]string{fmt.Sprintf("-test.parallel=%d", r.Parallel)}); err != nil {
		panic("simulate: package testing does not know its own flag: " + err.Error())
	}
	debug.SetGCPercent(400) // worlds are short-lived and small; memory is cheaper than collecting it
	everything := func(string, string) (bool, error) { return true, nil }
	testing.Main(everything, []testing.InternalTest{{Name: "simulate", F: r.run}}, nil, nil)
}

func (r *runner) run(t *testing.T) {
	t.Cleanup(Clean)
	r.done, r.began, r.told = newTotals(), time.Now(), time.Now()
	r.profile(t)
	t.Run("worlds", func(t *testing.T) {
		for n := range r.Parallel {
			t.Run(fmt.Sprint(n), func(t *testing.T) {
				t.Parallel()
				r.share(t)
			})
		}
	})
	r.report(t)
}

// profile looks where the processor time goes until the run ends.
func (r *runner) profile(t *testing.T) {
	if r.Profile == "" {
		return
	}
	file, err := os.Create(r.Profile)
	if err == nil {
		err = pprof.StartCPUProfile(file)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		pprof.StopCPUProfile()
		if err := file.Close(); err != nil {
			t.Error(err)
		}
	})
}

// share runs one world after the other until there are enough.
func (r *runner) share(t *testing.T) {
	for {
		seed, more := r.take()
		if !more {
			return
		}
		var result Result
		lived := t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) { result = Run(t, seed, r.Config) })
		if !lived {
			result.Findings = append(result.Findings, "the world could not be run to its end")
		}
		r.finished(seed, &result)
		if lived && len(result.Findings) > 0 {
			r.say(sameAgain(t, seed, r.Config, &result))
		}
	}
}

func (r *runner) take() (seed uint64, more bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.next >= r.Seeds || r.Settlements > 0 && r.done.Settlements >= r.Settlements || r.Context.Err() != nil {
		return 0, false
	}
	seed = r.From + uint64(r.next) //nolint:gosec // not negative
	r.next++
	return seed, true
}

func (r *runner) finished(seed uint64, result *Result) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.done.Add(&result.Totals)
	if r.Trace {
		for _, event := range result.Log {
			fmt.Fprintln(r.Out, event)
		}
		fmt.Fprintf(r.Out, "seed %d: log %s\n", seed, result.Hash)
	}
	if len(result.Findings) > 0 {
		r.failed = append(r.failed, seed)
	}
	for _, finding := range result.Findings {
		fmt.Fprintf(r.Out, "FAILED seed %d: %s\n", seed, finding)
	}
	if now := time.Now(); r.Every > 0 && now.Sub(r.told) >= r.Every {
		r.told = now
		fmt.Fprintf(r.Out, "%s: %d worlds, %d settlements, %d failed seeds, next seed %d\n",
			now.Sub(r.began).Round(time.Second), r.done.Worlds, r.done.Settlements, len(r.failed), r.From+uint64(r.next)) //nolint:gosec // not negative
	}
}

func (r *runner) say(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fmt.Fprintln(r.Out, text)
}

func (r *runner) report(t *testing.T) {
	r.done.Print(r.Out)
	took := time.Since(r.began)
	fmt.Fprintf(r.Out, "%d faults, %d checks in %s on %d processors\n", sum(r.done.Faults), sum(r.done.Checked), took.Round(time.Millisecond), runtime.GOMAXPROCS(0))
	if len(r.failed) == 0 {
		fmt.Fprintln(r.Out, "no seed failed")
		return
	}
	fmt.Fprintf(r.Out, "FAILED seeds: %v\nreplay one with: gongji-bench simulate --seeds 1 --trace --from SEED --venues %d --tills %d --families %d --steps %d --busy=%t --without=%s\n",
		r.failed, r.Venues, r.Tills, r.Families, r.Steps, r.Busy, strings.Join(r.Without, ","))
	t.Fail()
}

func sum(counts map[string]int) (all int) {
	for _, n := range counts {
		all += n
	}
	return all
}
