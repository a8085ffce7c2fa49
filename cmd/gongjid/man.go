package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

func manCommand() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "man --dir DIR",
		Short: "Write the manual pages, one for each command",
		Long:  "Writes a manual page for each command, made from what --help says. A package carries them; after go install they can be\nput where man looks.",
		Example: "  gongjid man --dir ~/.local/share/man/man1 && man gongjid-check\n" +
			"  gongjid completion bash > /etc/bash_completion.d/gongjid",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := needFlag(cmd, "dir"); err != nil {
				return err
			}
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return err
			}
			return writeManuals(cmd.Root(), dir)
		},
	}
	cmd.Flags().StringVar(&dir, "dir", "", "directory to write to, made if missing")
	return cmd
}

// writeManuals writes the pages with the release's date where there is one, so that the same sources make the same
// pages.
func writeManuals(root *cobra.Command, dir string) error {
	head := &doc.GenManHeader{Section: "1", Source: "gongjid " + version, Manual: "Gongji 共济"}
	if stamp := os.Getenv("SOURCE_DATE_EPOCH"); stamp != "" {
		var seconds int64
		if _, err := fmt.Sscan(stamp, &seconds); err != nil {
			return errors.Join(errUsage, fmt.Errorf("SOURCE_DATE_EPOCH: %w", err))
		}
		at := time.Unix(seconds, 0).UTC()
		head.Date = &at
	}
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	root.DisableAutoGenTag = true
	return doc.GenManTree(root, head, dir)
}
