package main

import (
	"errors"
	"os"
	"time"

	"github.com/spf13/cobra"

	"gongji/cmd/gongji-bench/endure"
	"gongji/cmd/gongji-bench/shop"
)

func endureCommand() *cobra.Command {
	o := endure.Options{Seed: uint64(time.Now().UnixNano()) >> 20} //nolint:gosec // any seed
	cmd := &cobra.Command{
		Use:   "endure",
		Short: "a busy shop's day in minutes, with memory, descriptors and goroutines watched",
		Long: `Runs the real gongjid through many sales and refunds while cards are pulled, readers lose their cable or answer garbage, and the
line to the centre breaks. The daemon's resident memory, heap, open descriptors and goroutines are sampled at each twentieth of the
sales; where the last quarter is larger than the second, the exit code is 1.`,
		Example: "  gongji-bench endure --sales 10000",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.Sales < 100 {
				return errors.New("--sales must be at least 100")
			}
			work, err := os.MkdirTemp(o.Dir, "gongji-endure-")
			if err != nil {
				return err
			}
			defer func() { _ = os.RemoveAll(work) }()
			o.Dir = work
			if o.Binary == "" {
				if o.Binary, err = shop.Build(cmd.Context(), work); err != nil {
					return err
				}
			}
			report, err := endure.Run(cmd.Context(), o)
			if report != nil {
				report.Print(cmd.OutOrStdout())
			}
			if err != nil {
				return err
			}
			return report.Flat()
		},
	}
	flags := cmd.Flags()
	flags.IntVar(&o.Sales, "sales", 10000, "how many sales")
	flags.IntVar(&o.Tills, "tills", 3, "tills that sell at the same time")
	flags.Uint64Var(&o.Seed, "seed", o.Seed, "seed of the dice")
	flags.StringVar(&o.Binary, "gongjid", "", "binary to run; empty: built from these sources")
	flags.StringVar(&o.Dir, "dir", "", "where the shop lives (default: the system's temporary folder)")
	return cmd
}
