package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"gongji/config"
	"gongji/daemon"
	"gongji/settle/ledger"
)

// keysPoll is how often it is looked whether the daemon has passed to the new key.
const keysPoll = 500 * time.Millisecond

func keysCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "keys",
		Short: "The key that seals names, numbers and records",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(keysRotateCommand())
	return cmd
}

func keysRotateCommand() *cobra.Command {
	var file, keep string
	var patience time.Duration
	cmd := &cobra.Command{
		Use:   "rotate --config FILE --old-key-to FILE",
		Short: "Seal everything with a new key",
		Long: `Makes a new key, seals names, numbers, messages and records with it, and covers the hashes by which people and cards are
looked up. A running daemon does it while the tills go on; without one this command does it, and cleans the free space of the
database too, where old seals may be read else. Whatever is killed in the midst of it goes on at the next start.

Backups from before can only be restored with the old key: --old-key-to keeps it, in another place than the backups. Make a
new backup, with the new key (gongjid backup --key-to), at once, and destroy the old key with the last backup that needs it.
The chain verifies as before. The verification key of proofs becomes another: give it away anew (gongjid proof --print-key).`,
		Example: "  gongjid keys rotate --config /etc/gongji/gongjid.yaml --old-key-to /media/safe/gongji-until-2026-11.key",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := needFlag(cmd, "config", "old-key-to"); err != nil {
				return err
			}
			c, err := config.Load(file)
			if err != nil {
				return err
			}
			asked, err := ledger.AskRotation(c.Data, keep)
			if err != nil {
				return err
			}
			if err := giveBack(c.Data); err != nil {
				return err
			}
			if !asked {
				fmt.Fprintln(cmd.OutOrStdout(), "上一次换钥还没有完成，继续进行 / a change of keys is under way; it goes on")
			}
			ctx, stop := context.WithTimeout(cmd.Context(), patience)
			defer stop()
			if err := passOn(ctx, c); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "已换用新密钥，旧密钥存于 %s；请立即备份账本和新密钥 / sealed with a new key; back up ledger and key now\n", keep)
			return nil
		},
	}
	cmd.Flags().StringVar(&file, "config", "", "configuration file that names the data directory")
	cmd.Flags().StringVar(&keep, "old-key-to", "", "file that gets the old key, for backups from before; refused where it exists")
	cmd.Flags().DurationVar(&patience, "timeout", time.Hour, "how long to wait; the change goes on afterwards")
	return cmd
}

// passOn passes to the new key, or waits for the daemon that does.
func passOn(ctx context.Context, c *config.Config) error {
	for {
		err := daemon.ChangeKeys(ctx, daemonOptions(c, quietLog(os.Stderr)))
		if err == nil || !errors.Is(err, ledger.ErrInUse) {
			return errors.Join(err, giveBack(c.Data))
		}
		pending, err := ledger.RotationPending(c.Data)
		if err != nil || !pending {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the daemon has not passed to the new key yet; it goes on by itself, also after a restart: %w", ctx.Err())
		case <-time.After(keysPoll):
		}
	}
}
