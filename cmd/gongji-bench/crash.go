package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"gongji/cmd/gongji-bench/crash"
	"gongji/cmd/gongji-bench/shop"
)

func crashCommand() *cobra.Command {
	o := crash.Options{Tally: crash.NewTally(), Seed: uint64(time.Now().UnixNano()) >> 20} //nolint:gosec // any seed
	cmd := &cobra.Command{
		Use:   "crash",
		Short: "kill -9 the real daemon under load, and look at what is left",
		Long: `Several tills sell, refund and cancel at a gongjid process that gets kill -9 at random moments: under load, while it starts,
while it stops, in a checkpoint, in an import of accounts. Each time another one is started, and every answer that a till was given is held against it,
against the files, and in the end against the centre's book. The first broken promise ends the run with exit code 1; the shop's
directory is kept then.`,
		Example: "  gongji-bench crash --kills 2000\n  gongji-bench crash --kills 100 --gongjid ./gongjid --dir /dev/shm/crash",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.Kills < 1 {
				return errors.New("--kills must be at least 1")
			}
			work, err := os.MkdirTemp(o.Dir, "gongji-crash-")
			if err != nil {
				return err
			}
			o.Dir = work
			if o.Binary == "" {
				if o.Binary, err = shop.Build(cmd.Context(), work); err != nil {
					return err
				}
			}
			o.Report = func() {
				fmt.Fprintf(cmd.OutOrStdout(), "%s seed %d\n", time.Now().Format(time.TimeOnly), o.Seed)
				o.Tally.Print(cmd.OutOrStdout())
			}
			if err := crash.Run(cmd.Context(), o); err != nil {
				o.Report()
				return err
			}
			o.Report()
			return os.RemoveAll(work)
		},
	}
	flags := cmd.Flags()
	flags.IntVar(&o.Kills, "kills", 100, "how often to kill")
	flags.IntVar(&o.PerLot, "per-shop", 40, "kills of one shop before it is drained and held against the centre")
	flags.IntVar(&o.Tills, "tills", 0, "tills that sell at the same time (default: as many as the kind of shop has)")
	flags.Uint64Var(&o.Seed, "seed", o.Seed, "seed of the dice; the moments of a kill depend on the machine too")
	flags.StringVar(&o.Binary, "gongjid", "", "binary to kill; empty: built from these sources")
	flags.StringVar(&o.Dir, "dir", "", "where shops live (default: the system's temporary folder)")
	return cmd
}
