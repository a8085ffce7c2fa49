// Command gongji-bench tries the daemon's rooms out beyond what a test has time for. It serves nobody and books nothing
// anywhere but in the worlds that it makes up.
//
//	gongji-bench crash --kills 2000         kill -9 the real daemon under load, and look at what is left
//	gongji-bench measure --out speed.json   how fast the daemon is, held against the machine and against servers by hand
//	gongji-bench drain --out drain.json     how fast a backlog reaches the centre, and what it costs a till
//	gongji-bench endure --sales 10000       a busy shop's day in minutes, with memory, descriptors and goroutines watched
//	gongji-bench simulate --seeds 10000     worlds with every fault, each from a seed, held against a model
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := rootCommand().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "gongji-bench:", err)
		os.Exit(1)
	}
}

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use: "gongji-bench", Short: "try the rooms of gongjid out: simulation and measurements", SilenceUsage: true, SilenceErrors: true,
		Args: cobra.NoArgs,
	}
	root.AddCommand(crashCommand(), drainCommand(), endureCommand(), measureCommand(), runCommand(), byHandCommand())
	root.AddCommand(simulateCommand())
	return root
}
