package main

import (
	"errors"
	"fmt"
	"os"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"gongji/daemon/localapi"
	"gongji/settle/ledger"
)

func posCommand() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "pos",
		Short: "Tokens for POS terminals",
		Long:  "Tokens let a till call the local API. They are printed once and stored hashed; changes take effect at once, also while\nthe daemon runs.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return fmt.Errorf("%w: pos add, pos list or pos revoke", errUsage)
		},
	}
	cmd.PersistentFlags().StringVar(&dir, "data", "", "data directory of the daemon")
	open := func(cmd *cobra.Command) (*localapi.TokenStore, error) {
		if err := needFlag(cmd, "data"); err != nil {
			return nil, err
		}
		if _, err := os.Stat(dir); err != nil {
			return nil, fmt.Errorf("data directory: %w", err)
		}
		return localapi.OpenTokens(dir)
	}
	cmd.AddCommand(posAdd(open), posList(open), posRevoke(open))
	return cmd
}

type tokenOpener func(*cobra.Command) (*localapi.TokenStore, error)

func posAdd(open tokenOpener) *cobra.Command {
	var role string
	cmd := &cobra.Command{
		Use: "add NAME", Short: "Make a token and print it once", Args: cobra.ExactArgs(1),
		Example: "  gongjid pos add counter-1 --data /var/lib/gongji\n  gongjid pos add office --role manager --data /var/lib/gongji",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := makeDataDir(cmd); err != nil {
				return err
			}
			tokens, err := open(cmd)
			if err != nil {
				return err
			}
			token, err := tokens.Add(args[0], localapi.Role(role))
			if err := errors.Join(err, giveBack(dataFlag(cmd))); err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), token)
			fmt.Fprintf(cmd.ErrOrStderr(), "令牌只显示这一次，请存入收银台 %s / shown once; store it at the till\n", args[0])
			return nil
		},
	}
	cmd.Flags().StringVar(&role, "role", string(localapi.Cashier), "cashier, manager or kiosk (sees the card holder's own accounts and nothing else)")
	return cmd
}

func posList(open tokenOpener) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the tokens' names and roles", Args: cobra.NoArgs, Example: "  gongjid pos list --data /var/lib/gongji",
		RunE: func(cmd *cobra.Command, _ []string) error {
			tokens, err := open(cmd)
			if err != nil {
				return err
			}
			list, err := tokens.List()
			if err != nil {
				return err
			}
			table := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(table, "NAME\tROLE\tCREATED")
			for _, t := range list {
				fmt.Fprintf(table, "%s\t%s\t%s\n", t.Name, t.Role, t.Created.Format("2006-01-02 15:04"))
			}
			return table.Flush()
		},
	}
}

func posRevoke(open tokenOpener) *cobra.Command {
	return &cobra.Command{
		Use: "revoke NAME", Short: "End a token at once", Args: cobra.ExactArgs(1),
		Example: "  gongjid pos revoke counter-1 --data /var/lib/gongji",
		RunE: func(cmd *cobra.Command, args []string) error {
			tokens, err := open(cmd)
			if err != nil {
				return err
			}
			if err := errors.Join(tokens.Revoke(args[0]), giveBack(dataFlag(cmd))); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s 的令牌已作废 / revoked\n", args[0])
			return nil
		},
	}
}

func dataFlag(cmd *cobra.Command) string { return cmd.Flags().Lookup("data").Value.String() }

// makeDataDir makes the data directory of a daemon that has not run yet, and says so: the token is good for a daemon
// with exactly this directory.
func makeDataDir(cmd *cobra.Command) error {
	if err := needFlag(cmd, "data"); err != nil {
		return err
	}
	dir := dataFlag(cmd)
	if found, err := ledger.Exists(dir); err == nil && !found {
		fmt.Fprintf(cmd.ErrOrStderr(), "%s 里还没有账本；请核对与配置 data 一致 / no ledger there yet; it must be the data of the configuration\n", dir)
	}
	return os.MkdirAll(dir, 0o700)
}
