package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/spf13/cobra"

	"gongji/config"
	"gongji/settle/ledger"
)

// errUnsent ends a command with exit code 3: everything was found out, and something is unsent. A script that removes
// software must tell it from a ledger that could not be read.
var errUnsent = errors.New("reports are unsent")

func outboxCommand() *cobra.Command {
	var dir, file string
	var fail bool
	cmd := &cobra.Command{
		Use:   "outbox --data DIR | --config FILE [--fail-if-unsent]",
		Short: "Say what the centre has not acknowledged yet",
		Long: `Counts what a data directory still owes the centre: reports, binding requests and lists of goods. It only reads, needs
no key and may run beside the daemon. Exit code 0, also where there is no ledger; with --fail-if-unsent 3 where anything is
unsent. A ledger that cannot be read is exit code 1: then nobody knows.`,
		Example: "  gongjid outbox --data /var/lib/gongji\n  gongjid outbox --data /var/lib/gongji --fail-if-unsent && echo everything was sent",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if dir == "" && file == "" {
				return fmt.Errorf("%w: --data or --config is needed; see '%s --help'", errUsage, cmd.CommandPath())
			}
			if dir == "" {
				c, err := config.Load(file)
				if err != nil {
					return err
				}
				dir = c.Data
			}
			u, err := undelivered(cmd.Context(), dir)
			if err != nil {
				return err
			}
			printUndelivered(cmd.OutOrStdout(), &u)
			if fail && !u.Empty() {
				return errUnsent
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&dir, "data", "", "data directory of the daemon")
	cmd.Flags().StringVar(&file, "config", "", "configuration file that names the data directory")
	cmd.Flags().BoolVar(&fail, "fail-if-unsent", false, "exit with 3 where anything is unsent")
	return cmd
}

// undelivered is what a directory owes; one without a ledger owes nothing.
func undelivered(ctx context.Context, dir string) (ledger.Undelivered, error) {
	u, err := ledger.UndeliveredDir(ctx, dir)
	if errors.Is(err, fs.ErrNotExist) {
		return ledger.Undelivered{}, nil
	}
	return u, err
}

func printUndelivered(w io.Writer, u *ledger.Undelivered) {
	if u.Empty() {
		fmt.Fprintln(w, "全部已上报 / everything was sent")
		return
	}
	fmt.Fprintf(w, "未上报 unsent            %d 笔，账户支付 %s 元 / reports, %s yuan of account money\n", u.Reports, u.Amount, u.Amount)
	if !u.Oldest.IsZero() {
		fmt.Fprintf(w, "最早 oldest              %s\n", u.Oldest.Format(time.DateTime))
	}
	for _, line := range []struct {
		name  string
		count int
	}{
		{"其中结果未知 unknown     ", u.Unknown}, {"其中待人工处理 held      ", u.Held},
		{"绑定申请待经办 deciding  ", u.Deciding}, {"待传追溯码 goods         ", u.Uploads},
	} {
		if line.count > 0 {
			fmt.Fprintf(w, "%s%d\n", line.name, line.count)
		}
	}
}
