package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"gongji/settle/ledger"
)

// version is stamped by the release script with -ldflags "-X main.version=…"; a plain build says "development".
var version = "development"

// revision is stamped beside it: the Go tool stamps none in a linked worktree.
var revision string

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print version, commit, Go, SQLite and platform",
		Example: "  gongjid version",
		Args:    cobra.NoArgs,
		Run: func(cmd *cobra.Command, _ []string) {
			fmt.Fprintf(cmd.OutOrStdout(), "gongjid %s\ncommit   %s\ngo       %s\nsqlite   %s\nplatform %s/%s\n",
				version, commit(), runtime.Version(), ledger.SQLiteVersion(), runtime.GOOS, runtime.GOARCH)
		},
	}
}

// commit is the revision that the release script or the Go tool stamped into the build.
func commit() string {
	if revision != "" {
		return revision
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	found, dirty := "unknown", ""
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			found = s.Value
		case "vcs.modified":
			if s.Value == "true" {
				dirty = " (modified)"
			}
		}
	}
	return found + dirty
}
