package main

import (
	"errors"
	"fmt"
	"io"
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
		RunE: func(cmd *cobra.Command, _ []string) error {
			if m.Rounds < 1 || m.Each <= 0 {
				return errors.New("--rounds must be at least 1 and --turn above 0")
			}
			return measured(cmd, file, &m.Dir, map[string]*string{"gongjid": &m.Binary}, func(self string) (figures, error) {
				m.Self, m.Out = self, cmd.OutOrStdout()
				return m.Run(cmd.Context())
			})
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

// figures are what a measurement found.
type figures interface {
	Write(file string) error
	Print(out io.Writer) error
}

// measured runs a measurement in a folder of its own below *dir, with the binaries that are not given built there; then it
// prints what was found, and writes it where a file is named. run is told the program it can start as a helper.
func measured(cmd *cobra.Command, file string, dir *string, binaries map[string]*string, run func(self string) (figures, error)) (err error) {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if *dir, err = os.MkdirTemp(*dir, "gongji-"+cmd.Name()+"-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(*dir)) }()
	for name, binary := range binaries {
		if *binary != "" {
			continue
		}
		if *binary, err = shop.BuildCommand(cmd.Context(), *dir, name); err != nil {
			return err
		}
	}
	found, err := run(self)
	if err != nil {
		return err
	}
	if file != "" {
		if err := found.Write(file); err != nil {
			return fmt.Errorf("write the result: %w", err)
		}
	}
	return found.Print(cmd.OutOrStdout())
}
