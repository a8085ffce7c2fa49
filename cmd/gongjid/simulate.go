package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"gongji/cardreader/virtual"
)

func simulateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "simulate", Short: "Virtual devices for rehearsals", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return fmt.Errorf("%w: simulate reader", errUsage) },
	}
	cmd.AddCommand(simulateReader())
	return cmd
}

const simulateHelp = `Runs a byte-exact virtual reader on a pseudo-terminal whose device is linked at PATH, until "quit" or the end of
standard input. Commands on standard input, one a line:

  insert [FILE]   put the card in (another one: FILE)      swap FILE   exchange it as fast as no hand can
  remove          take it out                              fault NAME  spoil every answer: %s
  pace BAUD       take the time of a line of that speed    quit        end

A card file is JSON; without one the sample card of the national standard is used:

  {"kind": "social-1.00", "ef05": {"01": "639900D15600000500BF7C7A48FB4966", "07": "X00000019", …}, "ef06": {"08": "…", "09": "张三", …}}
`

func simulateReader() *cobra.Command {
	var kind, card, link string
	cmd := &cobra.Command{
		Use:     "reader --kind KIND --link PATH [--card FILE]",
		Short:   "A byte-exact virtual reader on a pseudo-terminal",
		Long:    fmt.Sprintf(simulateHelp, strings.Join(virtual.Faults(), " ")),
		Example: "  gongjid simulate reader --kind gempc --link /tmp/reader --card card.json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := needFlag(cmd, "link"); err != nil {
				return err
			}
			first := virtual.SampleCard()
			if card != "" {
				var err error
				if first, err = loadCard(card); err != nil {
					return err
				}
			}
			reader, err := virtual.NewReader(virtual.Options{Kind: kind, Link: link})
			if err != nil {
				return err
			}
			defer reader.Close()
			fmt.Fprintf(cmd.OutOrStdout(), "ready %s\n", reader.Path())
			s := simulation{reader: reader, card: first, out: cmd.OutOrStdout()}
			return s.run(cmd.Context(), cmd.InOrStdin())
		},
	}
	cmd.Flags().StringVar(&kind, "kind", "gempc", "kind of the reader")
	cmd.Flags().StringVar(&card, "card", "", "card file (JSON)")
	cmd.Flags().StringVar(&link, "link", "", "where to link the device")
	return cmd
}

func loadCard(name string) (virtual.Card, error) {
	f, err := os.Open(name)
	if err != nil {
		return virtual.Card{}, err
	}
	defer f.Close()
	card, err := virtual.LoadCard(f)
	if err != nil {
		return card, fmt.Errorf("card file %s: %w", name, err)
	}
	return card, nil
}

// simulation obeys standard input. A wrong command is answered and does not end it: a technician types here.
type simulation struct {
	reader *virtual.Reader
	card   virtual.Card
	out    io.Writer
}

var errQuit = errors.New("quit")

func (s *simulation) run(ctx context.Context, in io.Reader) error {
	lines := make(chan string)
	go func() {
		defer close(lines)
		for scanner := bufio.NewScanner(in); scanner.Scan(); {
			select {
			case lines <- scanner.Text():
			case <-ctx.Done():
				return
			}
		}
	}()
	for {
		select {
		case <-ctx.Done():
			return nil
		case line, more := <-lines:
			if !more {
				return nil
			}
			switch err := s.obey(strings.Fields(line)); {
			case errors.Is(err, errQuit):
				return nil
			case err != nil:
				fmt.Fprintf(s.out, "error %v\n", err)
			default:
				fmt.Fprintln(s.out, "ok")
			}
		}
	}
}

func (s *simulation) obey(words []string) error {
	if len(words) == 0 {
		return nil
	}
	argument := ""
	if len(words) > 1 {
		argument = words[1]
	}
	switch words[0] {
	case "insert", "swap":
		if argument == "" && words[0] == "swap" {
			return errors.New("swap needs a card file")
		}
		if argument != "" {
			card, err := loadCard(argument)
			if err != nil {
				return err
			}
			s.card = card
		}
		s.reader.Insert(s.card)
	case "remove":
		s.reader.Remove()
	case "fault":
		return s.reader.SetFault(argument, 0)
	case "pace":
		baud, err := strconv.Atoi(argument)
		if err != nil {
			return errors.New("pace needs a speed in baud; 0 is as fast as possible")
		}
		return s.reader.SetPace(baud)
	case "quit":
		return errQuit
	default:
		known := []string{"insert", "remove", "swap", "fault", "pace", "quit"}
		slices.Sort(known)
		return fmt.Errorf("unknown command %q; there are %s", words[0], strings.Join(known, ", "))
	}
	return nil
}
