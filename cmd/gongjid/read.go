package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"gongji/cardreader"
	"gongji/config"
)

// readWithin bounds one reading, the reader's own start included.
const readWithin = 15 * time.Second

func readCommand() *cobra.Command {
	var file, port, kind string
	var baud int
	var reveal, trace bool
	cmd := &cobra.Command{
		Use:   "read --config FILE | --port DEV --kind KIND",
		Short: "Read the card in the reader once",
		Long: `Reads the card in the reader once and prints it, masked. The daemon must not run on the same port.

--reveal prints the full numbers and --trace the raw exchange, which holds them too: both are for a service technician
with the card holder's consent, and neither is written anywhere but to this screen.`,
		Example: "  gongjid read --port /dev/ttyUSB0 --kind gempc\n  gongjid read --config /etc/gongji/gongjid.yaml --trace",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			options, err := readerOptions(cmd, file, port, kind, baud)
			if err != nil {
				return err
			}
			var traceTo io.Writer
			if trace {
				traceTo = cmd.OutOrStdout()
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), readWithin)
			defer cancel()
			card, err := cardreader.ReadOnce(ctx, options, traceTo)
			if err != nil {
				return explainFault(err)
			}
			printCard(cmd.OutOrStdout(), card, reveal)
			return nil
		},
	}
	cmd.Flags().StringVar(&file, "config", "", "configuration file; its first card reader is used")
	cmd.Flags().StringVar(&port, "port", "", "device of the reader, such as /dev/ttyUSB0 or COM3")
	cmd.Flags().StringVar(&kind, "kind", "gempc", "kind of the reader")
	cmd.Flags().IntVar(&baud, "baud", 0, "speed of the line; 0 is the kind's own")
	cmd.Flags().BoolVar(&reveal, "reveal", false, "print full numbers and the name")
	cmd.Flags().BoolVar(&trace, "trace", false, "print the exchange in hex, with names")
	return cmd
}

func readerOptions(cmd *cobra.Command, file, port, kind string, baud int) (cardreader.Options, error) {
	if port != "" {
		return cardreader.Options{Name: "service", Kind: kind, Port: port, Baud: baud}, nil
	}
	if file == "" {
		return cardreader.Options{}, fmt.Errorf("%w: --config or --port is needed; see '%s --help'", errUsage, cmd.CommandPath())
	}
	c, err := config.Load(file)
	if err != nil {
		return cardreader.Options{}, err
	}
	cards := c.Cards()
	if len(cards) == 0 {
		return cardreader.Options{}, errors.New("the configuration names no card reader")
	}
	r := cards[0]
	return cardreader.Options{Name: r.Name, Kind: r.Kind, Port: r.Port, Baud: r.Baud}, nil
}

// explainFault puts the cashier's sentence before the technician's.
func explainFault(err error) error {
	var fault *cardreader.Fault
	switch {
	case errors.As(err, &fault):
		return fmt.Errorf("%s %s: %w", fault.Code, fault.Message, fault.Err)
	case errors.Is(err, cardreader.ErrNoCard):
		return errors.New("CARD_ABSENT 读卡器里没有卡。no card is in the reader")
	}
	return err
}

func printCard(w io.Writer, c cardreader.Credential, reveal bool) {
	name, id, number, identifier := c.MaskedHolder(), c.MaskedIDNumber(), c.MaskedNumber(), "(hidden)"
	if reveal {
		name, id, number, identifier = c.Name, c.IDNumber, c.Number, c.Identifier
	}
	rows := [][2]string{
		{"卡类型 kind", string(c.Kind) + " " + c.Version}, {"姓名 name", name}, {"社会保障号码 number", id}, {"卡号 card number", number},
		{"卡识别码 identifier", identifier}, {"发卡地区 area", c.IssuerArea}, {"发卡日期 issued", c.IssuedOn}, {"有效期 expires", c.ExpiresOn},
	}
	if c.NeedsAuthentication {
		rows = append(rows, [2]string{"说明 note", "三代卡，持卡人信息须认证后才能读出 / version 3.00: the holder needs authentication"})
	}
	for _, row := range rows {
		fmt.Fprintf(w, "%-28s %s\n", row[0], row[1])
	}
	if reveal {
		fmt.Fprintf(w, "%-28s %s\n", "LD/T 33", c.OutputString("", ""))
	}
}
