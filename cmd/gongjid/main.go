// Command gongjid is the settlement daemon beside the till of a pharmacy or clinic: it reads the patient's own social
// security card, splits the self-paid share of a bill over the patient's own account and the bound relatives'
// accounts, and reports every settlement to the centre.
//
// Only this package knows whether the reader and the centre are real. One command a file; everything a command does
// beyond its flags lives in the rooms.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// errUsage marks a wrong call, which exits 2; everything else that goes wrong exits 1.
var errUsage = errors.New("wrong usage")

func main() { os.Exit(execute(os.Args[1:])) }

// execute runs one command and returns the exit code. SIGINT and SIGTERM are known here alone: they end the context.
func execute(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := rootCommand()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errSilent):
		return 1
	case errors.Is(err, errUnsent):
		return 3
	}
	fmt.Fprintln(os.Stderr, "gongjid:", err)
	if text := advice(err); text != "" {
		fmt.Fprintln(os.Stderr, text)
	}
	if errors.Is(err, errUsage) {
		return 2
	}
	return 1
}

// errSilent ends a command with exit code 1 whose output has already said why.
var errSilent = errors.New("already reported")

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "gongjid",
		Short: "Settlement daemon for 医保家庭共济 at the counter",
		Long: `gongjid reads the patient's own social security card, refuses when person and card differ (人卡一致), settles the
self-paid share over the patient's own account and the bound relatives' accounts, and reports upstream.

Start with:  gongjid demo`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return fmt.Errorf("%w: %w; see '%s --help'", errUsage, err, cmd.CommandPath())
	})
	root.AddCommand(
		demoCommand(), runCommand(), checkCommand(), readCommand(), verifyCommand(), proofCommand(), keysCommand(), importCommand(), exportCommand(), reconcileCommand(), backupCommand(), restoreCommand(), outboxCommand(), manCommand(),
		posCommand(), policyCommand(), errorsCommand(), simulateCommand(), versionCommand(),
	)
	root.AddCommand(serviceCommands()...)
	wantArguments(root)
	return root
}

// wantArguments turns cobra's complaints about arguments into wrong usage, for a command and its children.
func wantArguments(cmd *cobra.Command) {
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				return fmt.Errorf("%w: %w; see '%s --help'", errUsage, err, cmd.CommandPath())
			}
			return nil
		}
	}
	for _, child := range cmd.Commands() {
		wantArguments(child)
	}
}

// needFlag reports a mandatory flag that is missing.
func needFlag(cmd *cobra.Command, names ...string) error {
	for _, name := range names {
		if f := cmd.Flags().Lookup(name); f == nil || f.Value.String() == "" {
			return fmt.Errorf("%w: --%s is needed; see '%s --help'", errUsage, name, cmd.CommandPath())
		}
	}
	return nil
}
