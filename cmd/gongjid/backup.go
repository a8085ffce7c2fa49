package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"gongji/settle/ledger"
)

// carried are the files of a data directory besides ledger and key that a restored shop needs.
var carried = []string{"tokens.json"}

func backupCommand() *cobra.Command {
	var dir, to, key string
	cmd := &cobra.Command{
		Use:   "backup --data DIR --to FILE [--key-to FILE]",
		Short: "Copy the ledger into one file while the daemon runs",
		Long: `Copies the ledger as it is at one moment into one file. Tills that settle do not wait for it. Names, identity and card
numbers in it are sealed: without the key the file tells nobody anything, and cannot be restored either. Keep the key in
another place than the backups (--key-to, once; it changes only when it is rotated).`,
		Example: "  gongjid backup --data /var/lib/gongji --to /mnt/backup/gongji-2026-11-22.backup\n" +
			"  gongjid backup --data /var/lib/gongji --to /mnt/backup/first.backup --key-to /media/safe/gongji.key",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := needFlag(cmd, "data", "to"); err != nil {
				return err
			}
			if key != "" {
				if err := ledger.CopyKey(dir, key); err != nil {
					return err
				}
				fmt.Fprintf(cmd.OutOrStdout(), "密钥已存入 %s，请与备份分开保管 / the key is in %s; keep it apart from the backups\n", key, key)
			}
			b, err := ledger.MakeBackup(cmd.Context(), ledger.BackupOptions{
				Dir: dir, To: to, Attach: carried, Clock: time.Now, Progress: progressBar(os.Stderr),
			})
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "备份完成：%d 条记录，其中 %d 笔（%s 元）尚未上报 / saved %d records, %d reports (%s yuan) unsent, to %s\n",
				b.Records, b.Unsent, b.UnsentAmount, b.Records, b.Unsent, b.UnsentAmount, to)
			return nil
		},
	}
	cmd.Flags().StringVar(&dir, "data", "", "data directory of the daemon")
	cmd.Flags().StringVar(&to, "to", "", "file to make; refused where it exists")
	cmd.Flags().StringVar(&key, "key-to", "", "also copy the key to this file")
	return cmd
}

func restoreCommand() *cobra.Command {
	var from, key, dir string
	cmd := &cobra.Command{
		Use:   "restore --from FILE --data DIR [--key FILE]",
		Short: "Make a ledger from a backup, verified",
		Long: `Makes the ledger of a data directory from a backup, after every record in it has been verified. A directory that has a
ledger is refused, whatever it holds, since reports in it that were not sent would be lost: move it away, and keep it.

A restored ledger does not know what happened after the backup. Its unsent reports wait on the work list until somebody
has held them against the centre's book; nothing is settled offline before the centre has sent new balances; and what was
settled after the backup shows up in the reconciliation as known to the centre only.`,
		Example: "  gongjid restore --from /mnt/backup/gongji-2026-11-22.backup --key /media/safe/gongji.key --data /var/lib/gongji",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := needFlag(cmd, "data", "from"); err != nil {
				return err
			}
			r, err := ledger.RestoreBackup(cmd.Context(), ledger.RestoreOptions{
				From: from, Key: key, Dir: dir, Clock: time.Now, Progress: progressBar(os.Stderr),
			})
			if err := errors.Join(err, giveBack(dir)); err != nil {
				return err
			}
			if err := printVerification(cmd.OutOrStdout(), &r.Verify); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "已恢复到 %s 的状态；%d 笔上报待核对，见待办 / restored as of %s; %d reports wait for a decision on the work list\n",
				r.Backup.At.Local().Format(time.DateTime), r.Held, r.Backup.At.Local().Format(time.DateTime), r.Held)
			return nil
		},
	}
	cmd.Flags().StringVar(&from, "from", "", "backup to restore")
	cmd.Flags().StringVar(&key, "key", "", "key file; left out where the data directory has the key")
	cmd.Flags().StringVar(&dir, "data", "", "data directory to make")
	return cmd
}
