package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
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
	group.AddCommand(policyShowCommand(), policyCheckCommand(), policyTestCommand(), policyRequirementsCommand(), policyGuidanceCommand())
	return group
}

func policyShowCommand() *cobra.Command {
	var from policySource
	var asJSON, assumed bool
	show := &cobra.Command{
		Use:   "show REGION",
		Short: "Print a region's policy: every value, where it comes from, how far to trust it",
		Long: "Print every value of a region's policy on a day, the file and sources it comes from and its confidence\n" +
			"(gov, press, secondary, assumed). A value for which no source was found is marked 假定 (assumed) and stands until\n" +
			"the local bureau has confirmed it; --assumed lists these alone. REGION is the insurer's administrative code, or CN for the national baseline.",
		Example: "  gongjid policy show 430100\n  gongjid policy show 410100 --on 2024-06-30\n  gongjid policy show 430100 --dir /etc/gongji/policies --json",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cmd.SilenceUsage = true
			set, day, err := from.load()
			if err != nil {
				return err
			}
			return printPolicy(cmd.OutOrStdout(), set, args[0], day, asJSON, assumed)
		},
	}
	from.flags(show)
	show.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	show.Flags().BoolVar(&assumed, "assumed", false, "list only the values for which no source was found")
	return show
}

// policySource is where the policies come from and the day they are looked at on, for the commands that print them.
type policySource struct{ on, dir string }

func (s *policySource) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&s.on, "on", "", "day, such as 2026-03-10 (default: today)")
	cmd.Flags().StringVar(&s.dir, "dir", "", "directory with policy files that override the embedded ones")
}

func (s *policySource) load() (*policy.Set, settle.Date, error) {
	day := settle.DateOf(time.Now())
	if s.on != "" {
		var err error
		if day, err = settle.ParseDate(s.on); err != nil {
			return nil, 0, fmt.Errorf("--on %q is not a date; write it as 2026-03-10", s.on)
		}
	}
	set, err := policy.Load(s.dir)
	return set, day, err
}

func printPolicy(out io.Writer, set *policy.Set, region string, day settle.Date, asJSON, assumed bool) error {
	rules, err := set.For(region, day)
	if err != nil {
		return err
	}
	rows, err := set.Show(region, day)
	if err != nil {
		return err
	}
	all := len(rows)
	rest := slices.DeleteFunc(slices.Clone(rows), func(row policy.Shown) bool { return !row.Assumed() })
	if assumed {
		rows = rest
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
	fmt.Fprintf(out, "\n%d of %d values are 假定 (assumed): no source was found, ask the local bureau before relying on them.\n", len(rest), all)
	return nil
}

// policyRow is one key on two lines: the value, and below it where the value comes from.
func policyRow(row policy.Shown) string {
	value := row.Value
	if row.Yuan != "" {
		value += " fen (" + row.Yuan + " yuan)"
	}
	trust := row.Origin.Policy + ", " + string(row.Origin.Confidence)
	switch {
	case row.Locked:
		trust = "locked by law"
	case row.Assumed():
		trust = row.Origin.Policy + ", 假定 (assumed)"
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
	var asJSON bool
	check := &cobra.Command{
		Use:   "check FILE...",
		Short: "Validate region policy files and list every mistake with its line",
		Long: "Read policy files as if they were laid over the embedded regions: unknown keys, wrong values, values that differ\n" +
			"from the parent's without a source, overlapping versions, values that would loosen the law. Exit status 1 if there is any.",
		Example: "  gongjid policy check /etc/gongji/policies/*.yaml\n  gongjid policy check --json 430100.yaml",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cmd.SilenceUsage = true
			return printProblems(cmd.OutOrStdout(), policy.Check(args...), len(args), asJSON)
		},
	}
	check.Flags().BoolVar(&asJSON, "json", false, "print the problems as one JSON array of file, line, key and message")
	return check
}

func printProblems(out io.Writer, problems []policy.Problem, files int, asJSON bool) error {
	switch {
	case asJSON:
		if err := json.NewEncoder(out).Encode(append([]policy.Problem{}, problems...)); err != nil {
			return fmt.Errorf("writing the problems: %w", err)
		}
	case len(problems) == 0:
		fmt.Fprintf(out, "%d file(s) checked, no problem found\n", files)
	default:
		for _, p := range problems {
			fmt.Fprintln(out, p)
		}
	}
	if len(problems) > 0 {
		return fmt.Errorf("%d problem(s) found; correct the lines above and check again", len(problems))
	}
	return nil
}

func policyTestCommand() *cobra.Command {
	var asJSON bool
	var dir string
	test := &cobra.Command{
		Use:   "test FILE...",
		Short: "Run worked cases (scenario files) and show where the result is not what a case expects",
		Long: "Run every case of scenario files. With --json, standard output is one JSON array with the result of each case and the\n" +
			"exit status is 0 if every case could be computed, whatever the answers are. Without, differences from the cases'\n" +
			"expectations are printed and any difference is exit status 1. A case may name a region by its code as its policy.",
		Example: "  gongjid policy test worked.json\n  gongjid policy test --json mine.json\n  gongjid policy test --dir /etc/gongji/policies mine.json",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cmd.SilenceUsage = true
			set, err := policy.Load(dir)
			if err != nil {
				return err
			}
			return testScenarios(cmd.OutOrStdout(), cmd.ErrOrStderr(), set, args, asJSON)
		},
	}
	test.Flags().StringVar(&dir, "dir", "", "directory with policy files that override the embedded ones")
	test.Flags().BoolVar(&asJSON, "json", false, "print the results as one JSON array")
	return test
}

func testScenarios(out, warnings io.Writer, set *policy.Set, names []string, asJSON bool) error {
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
		results, found, err := policy.RunScenariosWith(bytes.NewReader(data), set)
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

func policyRequirementsCommand() *cobra.Command {
	var standing string
	var asJSON bool
	requirements := &cobra.Command{
		Use:   "requirements [S-NNN]...",
		Short: "List what guides and rules ask of a counter, and what carries each of it",
		Long: "Print the requirements S-001 to S-274 with their tags, how they stand (carried, partly, later, out) and what carries\n" +
			"them: Go identifiers, reason codes, policy keys, tests. With numbers, only these, in full. At the end a count by tag.",
		Example: "  gongjid policy requirements\n  gongjid policy requirements S-006 S-055\n  gongjid policy requirements --standing later",
		RunE: func(cmd *cobra.Command, args []string) error {
			cmd.SilenceUsage = true
			list, err := policy.Requirements()
			if err != nil {
				return err
			}
			chosen, err := chooseRequirements(list, args, standing)
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(chosen)
			}
			printRequirements(cmd.OutOrStdout(), chosen, len(args) > 0)
			if len(args) == 0 && standing == "" {
				printRequirementCounts(cmd.OutOrStdout(), list)
			}
			return nil
		},
	}
	requirements.Flags().StringVar(&standing, "standing", "", "only those that stand so: carried, partly, later or out")
	requirements.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return requirements
}

// chooseRequirements are the named ones, or all, that have the standing; an unknown name is an error.
func chooseRequirements(list []policy.Requirement, ids []string, standing string) ([]policy.Requirement, error) {
	standings := []string{policy.RequirementCarried, policy.RequirementPartly, policy.RequirementLater, policy.RequirementOut}
	if standing != "" && !slices.Contains(standings, standing) {
		return nil, fmt.Errorf("--standing %q is none of %s", standing, strings.Join(standings, ", "))
	}
	for _, id := range ids {
		if !slices.ContainsFunc(list, func(r policy.Requirement) bool { return r.ID == id }) {
			return nil, fmt.Errorf("there is no requirement %q; they run from %s to %s", id, list[0].ID, list[len(list)-1].ID)
		}
	}
	return slices.DeleteFunc(slices.Clone(list), func(r policy.Requirement) bool {
		return len(ids) > 0 && !slices.Contains(ids, r.ID) || standing != "" && r.Standing() != standing
	}), nil
}

// printRequirements prints one row each, and in full also what carries it and what is missing.
func printRequirements(out io.Writer, list []policy.Requirement, full bool) {
	for i := range list {
		r := &list[i]
		fmt.Fprintf(out, "%s  %-16s %-8s %s\n", r.ID, strings.Join(r.Tags, "/"), r.Standing(), r.What)
		if !full {
			continue
		}
		for _, part := range []struct{ label, text string }{
			{"by", strings.Join(r.By, ", ")}, {"out", r.Out}, {"beyond", r.Beyond}, {"later", r.Later},
		} {
			if part.text != "" {
				fmt.Fprintf(out, "       %-6s %s\n", part.label, part.text)
			}
		}
	}
}

func printRequirementCounts(out io.Writer, list []policy.Requirement) {
	fmt.Fprintf(out, "\n%-8s %7s %7s %7s %7s %7s\n", "tag", "carried", "partly", "later", "out", "total")
	for _, c := range policy.CountRequirements(list) {
		fmt.Fprintf(out, "%-8s %7d %7d %7d %7d %7d\n", c.Tag, c.Carried, c.Partly, c.Later, c.Left, c.Total())
	}
}
