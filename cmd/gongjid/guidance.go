package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"gongji/daemon/localapi"
	"gongji/settle"
)

// policyGuidanceCommand prints what a region says to people.
func policyGuidanceCommand() *cobra.Command {
	var from policySource
	var topic string
	var asJSON bool
	guidance := &cobra.Command{
		Use:   "guidance REGION",
		Short: "Print what a region tells people: where to bind, to pay contributions, to ask",
		Long: "Print the topics of a region's guidance on a day, with their channels, sources and confidence, as GET /v1/guidance\n" +
			"answers and slips and refusals cite them. REGION is the insurer's administrative code, or CN for the national baseline.",
		Example: "  gongjid policy guidance 430100\n  gongjid policy guidance 420000 --topic premium\n  gongjid policy guidance CN --json",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cmd.SilenceUsage = true
			set, day, err := from.load()
			if err != nil {
				return err
			}
			rules, err := set.For(args[0], day)
			if err != nil {
				return err
			}
			guide := rules.Guide()
			if guide.Topics, err = chooseTopics(&guide, topic); err != nil {
				return err
			}
			return printGuidance(cmd.OutOrStdout(), &guide, asJSON)
		},
	}
	from.flags(guidance)
	guidance.Flags().StringVar(&topic, "topic", "", "only this topic, such as binding")
	guidance.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return guidance
}

func chooseTopics(guide *settle.Guidance, name string) ([]settle.NamedTopic, error) {
	if name == "" {
		return guide.Topics, nil
	}
	topic, found := guide.Topic(name)
	if !found {
		return nil, fmt.Errorf("region %s says nothing on %q; topics are %s", guide.Region, name, strings.Join(settle.TopicNames(), ", "))
	}
	return []settle.NamedTopic{topic}, nil
}

func printGuidance(out io.Writer, guide *settle.Guidance, asJSON bool) error {
	if asJSON {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(localapi.GuidanceOf(guide))
	}
	fmt.Fprintf(out, "%s %s\n", guide.Region, guide.RegionName)
	for i := range guide.Topics {
		t := &guide.Topics[i]
		fmt.Fprintf(out, "\n%s — %s (%s)\n  %s\n  %s\n", t.Title, t.TitleEN, t.Name, t.Text, t.TextEN)
		for _, c := range t.Channels {
			fmt.Fprintf(out, "  - %s [%s]\n", c.Label(), c.Kind)
		}
		if t.Confidence == settle.ConfidenceAssumed || t.Source == "" {
			fmt.Fprintln(out, "  假定 (assumed): no source was found")
			continue
		}
		fmt.Fprintf(out, "  依据 (%s): %s\n", t.Confidence, t.Source)
	}
	return nil
}
