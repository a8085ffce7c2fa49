package main

import (
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"gongji/cmd/gongji-bench/simulate"
)

func simulateCommand() *cobra.Command {
	run := simulate.Runs{Out: os.Stdout}
	var logs bool
	cmd := &cobra.Command{
		Use:   "simulate",
		Short: "run simulated worlds and hold them against a model",
		Long: `Each seed is a world of its own: venues with tills, families shopping at several of them at once, one centre, and lines
that lose, double and delay what they carry, while daemons and centre are killed and clocks jump. What was settled, which faults
were injected and how often each invariant was checked is reported at the end; a seed that fails is named as soon as it does,
and "--from SEED --seeds 1 --trace" shows its events. The exit code is 1 where anything failed.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if run.Seeds < 1 || run.Parallel < 1 {
				return fmt.Errorf("--seeds and --parallel must be at least 1")
			}
			if err := simulate.CheckKinds(run.Without); err != nil {
				return err
			}
			if logs {
				run.Log = slog.New(slog.NewTextHandler(os.Stderr, nil))
			}
			run.Context = cmd.Context()
			simulate.Main(run) // ends the process, as a test binary does
			return nil
		},
	}
	flags := cmd.Flags()
	flags.Uint64Var(&run.From, "from", 1, "first seed")
	flags.IntVar(&run.Seeds, "seeds", 100, "how many seeds")
	flags.IntVar(&run.Settlements, "settlements", 0, "stop after so many settlements; 0: after the seeds")
	flags.IntVar(&run.Venues, "venues", 3, "venues of a world")
	flags.IntVar(&run.Tills, "tills", 2, "tills of a venue")
	flags.IntVar(&run.Families, "families", 2, "families of a world")
	flags.IntVar(&run.Steps, "steps", 8, "what each till does: sales, returns, repeats")
	flags.BoolVar(&run.Busy, "busy", false, "customers come a few seconds apart: more settlements in the same time")
	flags.StringSliceVar(&run.Without, "without", nil, "kinds that the worlds have none of: "+strings.Join(simulate.Kinds, ", "))
	flags.IntVar(&run.Parallel, "parallel", runtime.NumCPU(), "worlds at a time")
	flags.DurationVar(&run.Every, "every", 30*time.Second, "between two lines of progress")
	flags.StringVar(&run.Dir, "dir", "", "where the ledgers live while a world runs; a memory file system such as /dev/shm is fastest (default: the system's temporary folder)")
	flags.BoolVar(&run.Trace, "trace", false, "print the events of every world")
	flags.StringVar(&run.Profile, "profile", "", "write where the processor time went to this file, for go tool pprof")
	flags.BoolVar(&logs, "logs", false, "print the daemons' logs")
	return cmd
}
