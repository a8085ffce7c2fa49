package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"gongji/cardreader"
	"gongji/config"
)

// readWithin bounds one reading, the reader's own start included.
const readWithin = 15 * time.Second

// readFlags are the flags of read.
type readFlags struct {
	file, port, kind, slot, role string
	baud                         int
	reveal, trace                bool
}

func readCommand() *cobra.Command {
	var f readFlags
	cmd := &cobra.Command{
		Use:   "read --config FILE | --port DEV --kind KIND",
		Short: "Read the card in the reader once",
		Long: `Reads the card in the reader, the document on it, or one scan, and prints it masked. The daemon must not run on the same port.

--kind auto finds out kind and speed by asking harmless questions. --reveal prints the full numbers and --trace the raw
exchange, which holds them too: both are for a service technician with the card holder's consent, and neither is written
anywhere but to this screen.`,
		Example: "  gongjid read --port /dev/ttyUSB0 --kind auto\n  gongjid read --port /dev/ttyUSB1 --kind sdt\n  gongjid read --config /etc/gongji/gongjid.yaml --role scanner --trace",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			options, err := f.options(cmd)
			if err != nil {
				return err
			}
			var traceTo io.Writer
			if f.trace {
				traceTo = cmd.OutOrStdout()
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), readWithin)
			defer cancel()
			if options.Kind == cardreader.KindScanner {
				return readScan(ctx, cmd.OutOrStdout(), options, traceTo, f.reveal)
			}
			card, err := cardreader.ReadOnce(ctx, options, traceTo)
			if err != nil {
				return explainFault(err)
			}
			printCard(cmd.OutOrStdout(), card, f.reveal)
			return nil
		},
	}
	cmd.Flags().StringVar(&f.file, "config", "", "configuration file; its first reader of the role is used")
	cmd.Flags().StringVar(&f.port, "port", "", "device of the reader, such as /dev/ttyUSB0 or COM3")
	cmd.Flags().StringVar(&f.kind, "kind", cardreader.KindGemPC, "kind of the reader: "+strings.Join(cardreader.Kinds(), ", ")+", or auto to find out")
	cmd.Flags().StringVar(&f.slot, "slot", "", "slot of an acs reader: contact (default) or contactless; an ACR122S, which has no contacts, is told by itself")
	cmd.Flags().StringVar(&f.role, "role", string(cardreader.RoleCard), "which reader of the configuration: card, id or scanner")
	cmd.Flags().IntVar(&f.baud, "baud", 0, "speed of the line; 0 is the kind's own")
	cmd.Flags().BoolVar(&f.reveal, "reveal", false, "print full numbers and the name")
	cmd.Flags().BoolVar(&f.trace, "trace", false, "print the exchange in hex, with names")
	return cmd
}

// options are those of the reader that the flags name.
func (f readFlags) options(cmd *cobra.Command) (cardreader.Options, error) {
	switch {
	case f.port != "" && f.kind == kindAuto:
		found, err := probeReader(cmd.Context(), f.port, cmd.OutOrStdout())
		return cardreader.Options{Name: "service", Kind: found.Kind, Port: f.port, Baud: found.Baud, Slot: f.slot}, err
	case f.port != "":
		return cardreader.Options{Name: "service", Kind: f.kind, Port: f.port, Baud: f.baud, Slot: f.slot}, nil
	case f.file == "":
		return cardreader.Options{}, fmt.Errorf("%w: --config or --port is needed; see '%s --help'", errUsage, cmd.CommandPath())
	}
	c, err := config.Load(f.file)
	if err != nil {
		return cardreader.Options{}, err
	}
	r, ok := f.configured(c)
	if !ok {
		return cardreader.Options{}, fmt.Errorf("the configuration names no reader of role %q", f.role)
	}
	return cardreader.Options{Name: r.Name, Kind: r.Kind, Port: r.Port, Baud: r.Baud, Slot: r.Slot}, nil
}

// configured finds the reader of the role in the configuration.
func (f readFlags) configured(c *config.Config) (config.Reader, bool) {
	switch cardreader.Role(f.role) {
	case cardreader.RoleID:
		return c.Identity()
	case cardreader.RoleScanner:
		return c.Codes()
	case cardreader.RoleCard:
		if cards := c.Cards(); len(cards) > 0 {
			return cards[0], true
		}
	}
	return config.Reader{}, false
}

// readScan waits for one scan and prints what it is.
func readScan(ctx context.Context, out io.Writer, options cardreader.Options, trace io.Writer, reveal bool) error {
	fmt.Fprintln(out, "请扫码。scan something now")
	scan, err := cardreader.ScanOnce(ctx, options, trace)
	if errors.Is(err, cardreader.ErrNoScan) {
		return errors.New("没有收到扫码内容，请检查扫码枪的接口和速率。nothing was scanned")
	}
	if err != nil {
		return explainFault(err)
	}
	text := "(hidden)"
	if reveal {
		if text, err = scan.Take(); err != nil {
			return err
		}
	}
	fmt.Fprintf(out, "%-28s %s\n%-28s %s\n", "内容类型 kind", scan.Kind(), "内容 text", text)
	return nil
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
	if d := c.Document; d != nil {
		rows = documentRows(c, name, id, reveal)
	}
	if c.NeedsAuthentication {
		rows = append(rows, [2]string{"说明 note", "三代卡，持卡人信息须认证后才能读出 / version 3.00: the holder needs authentication"})
	}
	for _, row := range rows {
		fmt.Fprintf(w, "%-28s %s\n", row[0], row[1])
	}
	if reveal && c.Document == nil {
		fmt.Fprintf(w, "%-28s %s\n", "LD/T 33", c.OutputString("", ""))
	}
}

// documentRows are the rows of an identity document.
func documentRows(c cardreader.Credential, name, id string, reveal bool) [][2]string {
	d := c.Document
	rows := [][2]string{
		{"证件类型 document", d.Type}, {"姓名 name", name}, {"公民身份号码 number", id}, {"有效期起 from", c.IssuedOn}, {"有效期止 to", c.ExpiresOn},
	}
	if d.LongTerm {
		rows[len(rows)-1][1] = "长期"
	}
	if reveal {
		rows = append(rows, [2]string{"住址 address", d.Address}, [2]string{"最新住址 latest address", d.LatestAddress}, [2]string{"签发机关 issuer", d.Issuer})
	}
	return rows
}
