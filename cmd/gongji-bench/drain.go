package main

import (
	"errors"
	"time"

	"github.com/spf13/cobra"

	"gongji/cmd/gongji-bench/measure"
)

func drainCommand() *cobra.Command {
	d := &measure.Drain{}
	var file string
	cmd := &cobra.Command{
		Use:   "drain",
		Short: "how fast what was sold without the centre reaches it, and what that costs a till",
		Long: `Writes a backlog of settlements into a ledger, as a shop does whose line is cut; then runs gongjid on it and gongji-centre, two
processes on loopback with their files on the disk, while a till with a card in its reader sells through the API. Measured from the
moment the daemon sells until the centre has booked everything: reports a second, what each process works for a report, and the till's
p99; then the same till's p99 by itself, in the same processes.`,
		Example: "  gongji-bench drain --out drain.json\n  gongji-bench drain --reports 10000 --rounds 3 --pace 200ms",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if d.Rounds < 1 || d.Reports < 1 || d.People < 1 || d.Pace <= 0 || d.Alone <= 0 {
				return errors.New("--rounds, --reports, --people, --pace and --alone must be above 0")
			}
			binaries := map[string]*string{"gongjid": &d.Binary, "gongji-centre": &d.CentreBinary}
			return measured(cmd, file, &d.Dir, binaries, func(self string) (figures, error) {
				d.Self, d.Out = self, cmd.OutOrStdout()
				return d.Run(cmd.Context())
			})
		},
	}
	flags := cmd.Flags()
	flags.IntVar(&d.Reports, "reports", 100_000, "reports of the backlog")
	flags.IntVar(&d.Rounds, "rounds", 1, "backlogs, each of a fresh shop and a fresh centre")
	flags.IntVar(&d.People, "people", 2000, "who bought; every fourth is paid for by a relative")
	flags.DurationVar(&d.Pace, "pace", 50*time.Millisecond, "between two sales of the till; a busy counter has one every few seconds")
	flags.DurationVar(&d.Alone, "alone", 20*time.Second, "how long the till is measured by itself")
	flags.StringVar(&d.Profiles, "profiles", "", "folder for the daemon's CPU and allocation profiles, which slow it down a little; empty: none")
	flags.StringVar(&d.Binary, "gongjid", "", "binary to measure; empty: built from these sources")
	flags.StringVar(&d.CentreBinary, "gongji-centre", "", "the centre's binary; empty: built from these sources")
	flags.StringVar(&d.Dir, "dir", "", "folder on the disk that is measured (default: the system's temporary folder)")
	flags.StringVar(&file, "out", "", "file for the figures, JSON")
	return cmd
}
