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

	"gongji/cardreader"
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
standard input. Kinds: %s. Commands on standard input, one a line:

  insert [FILE]    put the card in, lay the document on, scan the code (another one: FILE)
  remove           take it away                            swap FILE       exchange it as fast as no hand can
  fault NAME [N]   spoil the next N answers (one; 0: all until "fault none"): %s
  pace BAUD        take the time of a line of that speed   quit            end

Files are JSON. Cards, for gempc and acs (without a file: the sample card of the national standard):

  {"kind": "social-1.00", "ef05": {"01": "639900D15600000500BF7C7A48FB4966", "07": "X00000019", …}, "ef06": {"08": "…", "09": "张三", …}}

Documents, for sdt:  {"name": "王芳", "sex": "2", "ethnicity": "01", "birth": "19491231", "address": "…", "number": "…", "issuer": "…", "from": "20150101", "to": "长期"}
Codes, for scanner:  {"text": "4241234567890123456708330000"}
`

func simulateReader() *cobra.Command {
	var kind, card, link, slot, model string
	var baud int
	cmd := &cobra.Command{
		Use:     "reader --kind KIND --link PATH [--card FILE]",
		Short:   "A byte-exact virtual reader on a pseudo-terminal",
		Long:    fmt.Sprintf(simulateHelp, strings.Join(virtual.ReaderKinds(), " "), strings.Join(virtual.Faults(), " ")),
		Example: "  gongjid simulate reader --kind gempc --link /tmp/reader --card card.json\n  gongjid simulate reader --kind scanner --link /tmp/scanner",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := needFlag(cmd, "link"); err != nil {
				return err
			}
			if slot != cardreader.SlotContact && slot != cardreader.SlotContactless {
				return fmt.Errorf("%w: --slot is %s or %s", errUsage, cardreader.SlotContact, cardreader.SlotContactless)
			}
			first := virtual.SampleMedium(kind)
			if card != "" {
				var err error
				if first, err = loadMedium(kind, card); err != nil {
					return err
				}
			}
			reader, err := virtual.NewReader(virtual.Options{Kind: kind, Model: model, Link: link, Baud: baud, Contactless: slot == cardreader.SlotContactless})
			if err != nil {
				return err
			}
			defer reader.Close()
			fmt.Fprintf(cmd.OutOrStdout(), "ready %s\n", reader.Path())
			s := simulation{reader: reader, medium: first, out: cmd.OutOrStdout()}
			return s.run(cmd.Context(), cmd.InOrStdin())
		},
	}
	cmd.Flags().StringVar(&kind, "kind", virtual.KindGemPC, "kind of the reader: "+strings.Join(virtual.ReaderKinds(), ", "))
	cmd.Flags().StringVar(&card, "card", "", "file of the card, document or code (JSON)")
	cmd.Flags().StringVar(&link, "link", "", "where to link the device")
	cmd.Flags().IntVar(&baud, "baud", 0, "speed the reader's line is set to: a host at another speed is not understood; 0 fits any host")
	cmd.Flags().StringVar(&model, "model", virtual.ModelACR1281S, "model of an acs reader: "+virtual.ModelACR1281S+", or "+virtual.ModelACR122S+", which has no contacts")
	cmd.Flags().StringVar(&slot, "slot", cardreader.SlotContact, "slot of an acs reader that cards are put in: contact or contactless")
	return cmd
}

func loadMedium(kind, name string) (virtual.Medium, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	m, err := virtual.LoadMedium(kind, f)
	if err != nil {
		return nil, fmt.Errorf("card file %s: %w", name, err)
	}
	return m, nil
}

// simulation obeys standard input. A wrong command is answered and does not end it: a technician types here.
type simulation struct {
	reader *virtual.Reader
	medium virtual.Medium
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
			m, err := loadMedium(s.reader.Kind(), argument)
			if err != nil {
				return err
			}
			s.medium = m
		}
		s.reader.Insert(s.medium)
	case "remove":
		s.reader.Remove()
	case "fault":
		return s.fault(words[1:])
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

// fault spoils answers: one, unless a number says otherwise; 0 is all until the fault is none.
func (s *simulation) fault(words []string) error {
	if len(words) == 0 {
		return fmt.Errorf("fault needs a name: %s", strings.Join(virtual.FaultsOf(s.reader.Kind()), " "))
	}
	n := 1
	if len(words) > 1 {
		var err error
		if n, err = strconv.Atoi(words[1]); err != nil || n < 0 {
			return errors.New("fault NAME N needs a number of answers; 0 is all")
		}
	}
	return s.reader.SetFault(words[0], n)
}
