package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"gongji/cmd/gongji-bench/measure"
	"gongji/cmd/gongji-bench/shop"
)

func measureCommand() *cobra.Command {
	m := &measure.Measure{}
	var file string
	cmd := &cobra.Command{
		Use:   "measure",
		Short: "hold the daemon's speed against the machine's and against servers by hand",
		Long: `Measures, in rounds in which all take turns: what the disk, the loopback and the statements cost at least; two servers as one
writes them by hand; and gongjid as a process, through its API, with virtual readers and full durability. Then the same with
fsync slowed down, a card's bytes on the line, a counter at rest, and a large ledger. Prints tables with medians and spreads, says
which goals are met, and writes everything to a file. A round takes about (turn + warm-up + 2 s) times 3 times the number of
loads; the whole, as it is set, about ten minutes.`,
		Example: "  gongji-bench measure --out speed.json\n  gongji-bench measure --rounds 1 --turn 1s --callers 1,16 --slow 10ms --slow-callers 16 --accounts 0 --records 0\n  gongji-bench measure --accounts 10000000 --records 10000000 --dir /srv/large",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if m.Rounds < 1 || m.Each <= 0 {
				return errors.New("--rounds must be at least 1 and --turn above 0")
			}
			if m.Self, err = os.Executable(); err != nil {
				return err
			}
			work, err := os.MkdirTemp(m.Dir, "gongji-measure-")
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
			if m.Binary == "" {
				if m.Binary, err = shop.Build(cmd.Context(), work); err != nil {
					return err
				}
			}
			m.Dir, m.Out = work, cmd.OutOrStdout()
			result, err := m.Run(cmd.Context())
			if err != nil {
				return err
			}
			if file != "" {
				if err := result.Write(file); err != nil {
					return fmt.Errorf("write the result: %w", err)
				}
			}
			return result.Print(cmd.OutOrStdout())
		},
	}
	flags := cmd.Flags()
	flags.IntVar(&m.Rounds, "rounds", 3, "rounds in which all take turns")
	flags.DurationVar(&m.Each, "turn", 2*time.Second, "how long a turn is measured")
	flags.DurationVar(&m.Warm, "warm", 500*time.Millisecond, "how long a turn is warmed up")
	flags.IntSliceVar(&m.Callers, "callers", []int{1, 4, 16, 64, 256}, "callers at full speed")
	flags.DurationSliceVar(&m.Slow, "slow", []time.Duration{2 * time.Millisecond, 10 * time.Millisecond}, "what is added to every fsync; 0s: no such turns")
	flags.IntSliceVar(&m.SlowCalls, "slow-callers", []int{16, 64}, "callers with slow fsyncs")
	flags.DurationVar(&m.Rest, "rest", 10*time.Second, "how long the daemon is watched at rest; 0: not at all")
	flags.IntVar(&m.Accounts, "accounts", 1_000_000, "accounts of a large ledger, with two postings each; the goal speaks of 10000000, which takes some GiB and a quarter of an hour; 0: none")
	flags.IntVar(&m.Records, "records", 1_000_000, "settlements that are searched through; the goal speaks of 10000000, as above; 0: none")
	flags.StringVar(&m.Profiles, "profiles", "", "folder for the daemon's CPU and allocation profiles under load, which slow it down a little; empty: none")
	flags.StringVar(&m.Binary, "gongjid", "", "binary to measure; empty: built from these sources")
	flags.StringVar(&m.Dir, "dir", "", "folder on the disk that is measured (default: the system's temporary folder)")
	flags.StringVar(&file, "out", "", "file for the figures, JSON")
	return cmd
}
