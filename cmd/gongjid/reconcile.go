package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"gongji/config"
	"gongji/daemon/localapi"
	"gongji/daemon/localapi/client"
	"gongji/settle"
)

// reconciling is what the command reconcile was asked for.
type reconciling struct {
	config, token, day, month, bundle, closeBy string
}

func reconcileCommand() *cobra.Command {
	var x reconciling
	cmd := &cobra.Command{
		Use:   "reconcile --config FILE --token-file FILE [--day DATE | --month MONTH [--close OPERATOR] [--bundle FILE]]",
		Short: "Hold a day against the centre's book, or list, close and bundle a month",
		Long: "Asks the daemon that runs with this configuration; the token is a manager's (gongjid pos add NAME --role manager).\n" +
			"--day holds one day against the centre's book, now; without it and without --month that is yesterday. --month lists the days of a\n" +
			"month; --close closes it in the name of an operator, and --bundle writes the finance desk's zip. The exit code is 1 while\n" +
			"something listed does not agree.",
		Example: "  gongjid reconcile --config gongjid.yaml --token-file manager.token --day 2026-11-22\n" +
			"  gongjid reconcile --config gongjid.yaml --token-file manager.token --month 2026-11 --close 2001 --bundle november.zip",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := needFlag(cmd, "config"); err != nil {
				return err
			}
			if x.day != "" && x.month != "" || x.month == "" && (x.bundle != "" || x.closeBy != "") {
				return fmt.Errorf("%w: --close and --bundle go with --month, and --day without it; see '%s --help'", errUsage, cmd.CommandPath())
			}
			return x.run(cmd.Context(), cmd.OutOrStdout())
		},
	}
	f := cmd.Flags()
	f.StringVar(&x.config, "config", "", "configuration of the running daemon")
	f.StringVar(&x.token, "token-file", "", "file with a manager's token; else the variable GONGJI_TOKEN")
	f.StringVar(&x.day, "day", "", "a day, as 2026-11-22")
	f.StringVar(&x.month, "month", "", "a month, as 2026-11")
	f.StringVar(&x.closeBy, "close", "", "close the month; the operator's id")
	f.StringVar(&x.bundle, "bundle", "", "file for the zip of the month; it must not exist")
	return cmd
}

// errDisagree is the exit code of days that do not agree.
var errDisagree = errors.New("与医保中心尚未对平，见上 / not everything agrees with the centre, see above")

func (x *reconciling) run(ctx context.Context, out io.Writer) error {
	c, err := config.Load(x.config)
	if err != nil {
		return err
	}
	token, err := managerToken(x.token)
	if err != nil {
		return err
	}
	api := client.New("http://"+c.Listen.API, token)
	defer api.Close()
	if x.month != "" {
		return x.runMonth(ctx, api, out)
	}
	if x.day == "" {
		x.day = settle.DateOf(time.Now()).AddDays(-1).String()
	}
	day, err := api.Reconcile(ctx, x.day)
	if err != nil {
		return err
	}
	return printDays(out, day)
}

// managerToken reads the token from its file, or from the environment.
func managerToken(file string) (string, error) {
	if file != "" {
		token, err := config.ReadSecret(file)
		return string(token), err
	}
	if token := os.Getenv("GONGJI_TOKEN"); token != "" {
		return token, nil
	}
	return "", fmt.Errorf("%w: --token-file or GONGJI_TOKEN is needed", errUsage)
}

func (x *reconciling) runMonth(ctx context.Context, api *client.Client, out io.Writer) error {
	first, err := time.ParseInLocation("2006-01", x.month, settle.Beijing)
	if err != nil {
		return fmt.Errorf("%w: --month must be a month such as 2026-11", errUsage)
	}
	from, to := settle.DateOf(first), settle.DateOf(first.AddDate(0, 1, -1))
	if x.closeBy != "" {
		closed, err := api.CloseMonth(ctx, localapi.CloseMonthRequest{Month: x.month, Operator: localapi.CloseMonthOperator{ID: x.closeBy}})
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%s 已月结，记录 %d / closed\n", closed.Month, closed.Record)
	}
	list, err := api.Reconciliations(ctx, from.String(), to.String(), "")
	if err != nil {
		return err
	}
	disagree := printDays(out, list.Days...)
	if x.bundle == "" {
		return disagree
	}
	return errors.Join(x.writeBundle(ctx, api, out), disagree)
}

func (x *reconciling) writeBundle(ctx context.Context, api *client.Client, out io.Writer) error {
	data, _, err := api.Bundle(ctx, x.month)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(x.bundle, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if _, err := file.Write(data); err != nil {
		return errors.Join(err, file.Close())
	}
	if err := errors.Join(file.Sync(), file.Close()); err != nil {
		return err
	}
	fmt.Fprintf(out, "%s: %d 字节 / bytes\n", x.bundle, len(data))
	return nil
}

// printDays prints days with their groups and what differs; errDisagree where something does.
func printDays(out io.Writer, days ...localapi.ReconciliationAnswer) error {
	disagree := false
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "DAY\tSTATE\tOPEN\tGROUPS\tDIFFERENT")
	for i := range days {
		d := &days[i]
		disagree = disagree || d.State == string(settle.DayOpen) || d.State == string(settle.DayDiffering)
		fmt.Fprintf(table, "%s\t%s\t%d\t%d\t%d\n", d.Day, d.State, d.Unknown, len(d.Groups), len(d.Items))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for i := range days {
		for j := range days[i].Items {
			item := &days[i].Items[j]
			fmt.Fprintf(out, "%s %s %s: %s\n", days[i].Day, item.Class, item.SetlID, item.Advice)
		}
	}
	if disagree {
		return errDisagree
	}
	return nil
}
