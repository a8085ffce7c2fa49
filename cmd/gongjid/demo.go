package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
)

func demoCommand() *cobra.Command {
	var once bool
	var o sandboxOptions
	cmd := &cobra.Command{
		Use:   "demo [--once]",
		Short: "The main job with nothing installed",
		Long: `Starts a virtual reader on a real pseudo-terminal that speaks real reader bytes, a sandbox centre on loopback, a demo
family, and the daemon. It stays up for you to play: open the printed address in a browser, insert and remove cards there
or here. The cards are listed with the identity numbers of their invented holders, which the forms for relatives and for a
purchase on behalf of somebody (代购) ask for.

--once runs one scripted purchase through the HTTP API instead and exits: card in, quote, settle over the own account and
two relatives, report accepted upstream, one line returned, a stranger's card refused, and a small purchase by 医保码 without a card.`,
		Example: "  gongjid demo --once\n  gongjid demo --listen 127.0.0.1:7311",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if once && !cmd.Flags().Changed("listen") {
				o.listen = "127.0.0.1:0" // a script needs no known port, and another daemon may have it
			}
			o.log = quietLog(os.Stderr)
			s, err := newSandbox(cmd.Context(), o)
			if err != nil {
				return err
			}
			if once {
				return s.script(cmd.Context(), cmd.OutOrStdout())
			}
			return s.play(cmd.Context(), cmd.InOrStdin(), cmd.OutOrStdout())
		},
	}
	cmd.Flags().BoolVar(&once, "once", false, "run one scripted purchase and exit")
	cmd.Flags().StringVar(&o.dir, "dir", "", "keep everything in this directory (default: a temporary one)")
	cmd.Flags().StringVar(&o.listen, "listen", "127.0.0.1:7311", "address of the API and the console")
	cmd.Flags().StringArrayVar(&o.origins, "allow-origin", nil, "origin of a POS page that may call the API, such as http://127.0.0.1:8000")
	cmd.Flags().StringVar(&o.region, "region", "430100", "region whose policy decides")
	return cmd
}

// play serves until ctx ends or somebody quits at the terminal.
func (s *sandbox) play(ctx context.Context, in io.Reader, out io.Writer) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	fmt.Fprintf(out, "控制台 console    %s/console/#token=%s\n", s.daemon.URL(), s.token)
	fmt.Fprintf(out, "令牌 POS token    %s\n", s.token)
	fmt.Fprintf(out, "读卡器 reader     %s\n", s.reader.Path())
	fmt.Fprintf(out, "指标 metrics      %s\n", s.daemon.MetricsURL())
	fmt.Fprintf(out, "数据 data         %s\n\n", s.dir)
	s.help(out)
	go s.listen(ctx, stop, in, out)
	return s.run(ctx)
}

func (s *sandbox) help(out io.Writer) {
	for _, c := range s.cards {
		fmt.Fprintf(out, "  %s  插卡 insert  %-18s  %s\n", c.ID, c.Number, c.Label)
	}
	fmt.Fprintln(out, "  0  拔卡 remove    u  拔读卡器 unplug    p  接回 replug    d/o  医保中心断开/恢复 centre down/up    q  退出 quit")
}

// listen obeys the terminal. The end of standard input is no end of the demo: it may run in the background.
func (s *sandbox) listen(ctx context.Context, quit func(), in io.Reader, out io.Writer) {
	actions := map[string]func() error{
		"0": s.Remove, "u": s.Unplug, "p": s.Replug,
		"d": func() error { return s.SetCentre(false) }, "o": func() error { return s.SetCentre(true) },
		"q": func() error { quit(); return nil },
	}
	for _, c := range s.cards {
		actions[c.ID] = func() error { return s.Insert(c.ID) }
	}
	lines := bufio.NewScanner(in)
	for lines.Scan() && ctx.Err() == nil {
		action, known := actions[lines.Text()]
		if !known {
			s.help(out)
			continue
		}
		if err := action(); err != nil {
			fmt.Fprintln(out, "  ", err)
			continue
		}
		fmt.Fprintln(out, "   ok")
	}
	if err := lines.Err(); err != nil && !errors.Is(err, os.ErrClosed) {
		fmt.Fprintln(out, "standard input:", err)
	}
}
