package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"gongji/settle"
	"gongji/settle/policy"
)

// policyCommand is the group of commands for authors and readers of region policies.
func policyCommand() *cobra.Command {
	group := &cobra.Command{
		Use:   "policy",
		Short: "Show, check and test region policies",
	}
	group.AddCommand(policyShowCommand(), policyCheckCommand(), policyTestCommand())
	return group
}

func policyShowCommand() *cobra.Command {
	var on, dir string
	var asJSON bool
	show := &cobra.Command{
		Use:   "show REGION",
		Short: "Print a region's policy: every value, where it comes from, how far to trust it",
		Long: "Print every value of a region's policy on a day, the file and sources it comes from and its confidence\n" +
			"(gov, press, secondary, assumed). REGION is the insurer's administrative code, or CN for the national baseline.",
		Example: "  gongjid policy show 430100\n  gongjid policy show 410100 --on 2024-06-30\n  gongjid policy show 430100 --dir /etc/gongji/policies --json",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cmd.SilenceUsage = true
			day, err := policyDay(on)
			if err != nil {
				return err
			}
			set, err := policy.Load(dir)
			if err != nil {
				return err
			}
			return printPolicy(cmd.OutOrStdout(), set, args[0], day, asJSON)
		},
	}
	show.Flags().StringVar(&on, "on", "", "day of the settlement, such as 2026-03-10 (default: today)")
	show.Flags().StringVar(&dir, "dir", "", "directory with policy files that override the embedded ones")
	show.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return show
}

func policyDay(on string) (settle.Date, error) {
	if on == "" {
		return settle.DateOf(time.Now()), nil
	}
	day, err := settle.ParseDate(on)
	if err != nil {
		return 0, fmt.Errorf("--on %q is not a date; write it as 2026-03-10", on)
	}
	return day, nil
}

func printPolicy(out io.Writer, set *policy.Set, region string, day settle.Date, asJSON bool) error {
	rules, err := set.For(region, day)
	if err != nil {
		return err
	}
	rows, err := set.Show(region, day)
	if err != nil {
		return err
	}
	if asJSON {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(map[string]any{
			"id": rules.ID, "name": rules.Name, "version": rules.Version, "on": day, "parents": rules.Parents, "rules": rows,
		})
	}
	fmt.Fprintf(out, "%s %s, version %s, on %s", rules.ID, rules.Name, rules.Version, day)
	if len(rules.Parents) > 0 {
		fmt.Fprintf(out, ", over %s", strings.Join(rules.Parents, ", "))
	}
	fmt.Fprint(out, "\n\n")
	for _, row := range rows {
		fmt.Fprint(out, policyRow(row))
	}
	return nil
}

// policyRow is one key on two lines: the value, and below it where the value comes from.
func policyRow(row policy.Shown) string {
	value := row.Value
	if row.Yuan != "" {
		value += " fen (" + row.Yuan + " yuan)"
	}
	trust := row.Origin.Policy + ", " + string(row.Origin.Confidence)
	if row.Locked {
		trust = "locked by law"
	}
	sources := make([]string, len(row.Origin.Src))
	for i, code := range row.Origin.Src {
		sources[i] = code + " " + row.Titles[i]
	}
	text := fmt.Sprintf("%-36s%s\n    %s", row.Key, value, trust)
	if len(sources) > 0 {
		text += ": " + strings.Join(sources, "; ")
	}
	if row.Origin.Note != "" {
		text += " (" + row.Origin.Note + ")"
	}
	return text + "\n"
}

func policyCheckCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check FILE...",
		Short: "Validate region policy files and list every mistake with its line",
		Long: "Read policy files as if they were laid over the embedded regions: unknown keys, wrong values, values that differ\n" +
			"from the parent's without a source, overlapping versions, values that would loosen the law. Exit status 1 if there is any.",
		Example: "  gongjid policy check /etc/gongji/policies/*.yaml",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cmd.SilenceUsage = true
			problems := policy.Check(args...)
			for _, p := range problems {
				fmt.Fprintln(cmd.OutOrStdout(), p)
			}
			if len(problems) > 0 {
				return fmt.Errorf("%d problem(s) found; correct the lines above and check again", len(problems))
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%d file(s) checked, no problem found\n", len(args))
			return nil
		},
	}
}

func policyTestCommand() *cobra.Command {
	var asJSON bool
	test := &cobra.Command{
		Use:   "test FILE...",
		Short: "Run worked cases (scenario files) and show where the result is not what a case expects",
		Long: "Run every case of scenario files. With --json, standard output is one JSON array with the result of each case and the\n" +
			"exit status is 0 if every case could be computed, whatever the answers are. Without, differences from the cases'\n" +
			"expectations are printed and any difference is exit status 1.",
		Example: "  gongjid policy test worked.json\n  gongjid policy test --json mine.json",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cmd.SilenceUsage = true
			return testScenarios(cmd.OutOrStdout(), cmd.ErrOrStderr(), args, asJSON)
		},
	}
	test.Flags().BoolVar(&asJSON, "json", false, "print the results as one JSON array")
	return test
}

func testScenarios(out, warnings io.Writer, names []string, asJSON bool) error {
	all := []policy.Result{}
	var diffs []policy.Diff
	var failed error
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			return fmt.Errorf("scenario file: %w", err)
		}
		for _, key := range policy.UnreadScenarioKeys(data) {
			fmt.Fprintf(warnings, "%s: %s is not a policy key and has no effect\n", name, key)
		}
		results, found, err := policy.RunScenarios(bytes.NewReader(data))
		if err != nil && failed == nil {
			failed = fmt.Errorf("%s: %w", name, err)
		}
		all, diffs = append(all, results...), append(diffs, found...)
	}
	if asJSON {
		if err := json.NewEncoder(out).Encode(all); err != nil {
			return fmt.Errorf("writing the results: %w", err)
		}
		return failed
	}
	fmt.Fprint(out, policy.DiffTable(diffs))
	wrong := map[string]bool{}
	for _, d := range diffs {
		wrong[d.Case] = true
	}
	fmt.Fprintf(out, "%d case(s), %d as expected, %d different\n", len(all), len(all)-len(wrong), len(wrong))
	if failed != nil {
		return failed
	}
	if len(wrong) > 0 {
		return fmt.Errorf("%d case(s) differ from what they expect", len(wrong))
	}
	return nil
}
