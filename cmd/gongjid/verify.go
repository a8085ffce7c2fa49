package main

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"gongji/settle/ledger"
)

func verifyCommand() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:     "verify --data DIR",
		Short:   "Walk the audit chain and re-add every balance",
		Long:    "Walks the hash chain, compares every record with what the other tables say, re-adds every balance and checks every\ninvariant of the ledger. It only reads, and may run beside the daemon. Exit code 1 where anything is wrong.",
		Example: "  gongjid verify --data /var/lib/gongji",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := needFlag(cmd, "data"); err != nil {
				return err
			}
			report, err := ledger.VerifyDir(cmd.Context(), dir, progressBar(os.Stderr))
			if err != nil {
				return err
			}
			return printVerification(cmd.OutOrStdout(), &report)
		},
	}
	cmd.Flags().StringVar(&dir, "data", "", "data directory of the daemon")
	return cmd
}

func printVerification(w io.Writer, r *ledger.VerifyReport) error {
	fmt.Fprintf(w, "%d chain records, %d settlements, %d returns, %d outcomes from the centre\n", r.Records, r.Settlements, r.Returns, r.Outcomes)
	if r.OK() {
		fmt.Fprintln(w, "账本校验通过 / the ledger verifies")
		return nil
	}
	for _, finding := range r.Findings {
		fmt.Fprintln(w, " -", finding)
	}
	fmt.Fprintf(w, "账本校验不通过，共 %d 处；请停用本机并联系技术支持 / the ledger does NOT verify\n", len(r.Findings))
	return errSilent
}

// progressBar draws on a terminal and is silent elsewhere, so that logs stay readable.
func progressBar(f *os.File) func(done, total int) {
	if info, err := f.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return nil
	}
	last := -1
	return func(done, total int) {
		if total == 0 || done*100/total == last {
			return
		}
		last = done * 100 / total
		fmt.Fprintf(f, "\r%3d%% %d/%d", last, done, total)
		if done == total {
			fmt.Fprintln(f)
		}
	}
}
