// Command gongji-centre is the reference centre: it answers the national interface's messages from a book of its own,
// so that an integrator can rehearse without a province and a small chain can run its head office.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"

	"gongji/settle"
	"gongji/sync/centre"
)

// heapGrowth lets the heap grow to three times what is alive before it is collected: venues that clear their backlogs at once make much
// garbage beside a small book. GOGC, where set, stands.
const heapGrowth = 200

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(heapGrowth)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(execute(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// wrongUsage marks errors of the command line, which exit with 2.
type wrongUsage struct{ error }

func execute(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	command := newCommand()
	command.SetArgs(args)
	command.SetOut(stdout)
	command.SetErr(stderr)
	err := command.ExecuteContext(ctx)
	var usage wrongUsage
	switch {
	case err == nil:
		return 0
	case errors.As(err, &usage):
		fmt.Fprintf(stderr, "gongji-centre: %v\nSee gongji-centre --help.\n", err) //nolint:errcheck // nowhere left to report to
		return 2
	}
	fmt.Fprintf(stderr, "gongji-centre: %v\n", err) //nolint:errcheck // nowhere left to report to
	return 1
}

type settings struct {
	listen, data, people, area string
	store, metrics             string
	demo, restored, verbose    bool
	faults, without, answer    []string
	bindings                   string
	allowance                  int
	shareFrom                  string
	nats                       natsSettings
}

func newCommand() *cobra.Command {
	var s settings
	command := &cobra.Command{
		Use:   "gongji-centre --listen ADDR --data DIR [--store postgres://…]",
		Short: "Reference healthcare security centre (参考医保中心)",
		Long: `gongji-centre answers the national interface: sign-in, people, pharmacies, clinics, reversal, reconciliation,
goods, queries and files, and the extensions G101 to G105. Its book is in DIR/centre.jsonl, sealed with
DIR/keys/centre.key and on disk before each answer.

With --store the book is in a PostgreSQL database, sealed with the same key, and any number of processes may
answer from it; DIR then holds nothing but the key, and every process needs a copy of it. Leave the password to
a passfile: postgres://gongji@db/centre?passfile=/etc/gongji/pgpass.

GET /centre/book and GET /centre/people show the book and the people, masked. Whoever has the folder has the
key too: use invented people, or a machine of its own.`,
		Example: `  gongji-centre --listen 127.0.0.1:7400 --data ./centre --demo
  gongji-centre --listen 127.0.0.1:7400 --data ./centre --people family.json
  gongji-centre --listen 127.0.0.1:7400 --data ./centre --store postgres://gongji@db/centre --metrics 127.0.0.1:7401
  gongji-centre --listen 127.0.0.1:7400 --data ./centre --demo --fault 2102=lose-answer:2
  gongji-centre --listen 127.0.0.1:7400 --data ./centre --demo --answer string-numbers,empty-amounts --bindings pending:3
  gongji-centre --listen 127.0.0.1:7400 --data ./centre --nats tls://nats.example.cn:4222 --nats-creds centre.creds --nats-replicas 3`,
		SilenceUsage: true, SilenceErrors: true,
		Args: func(command *cobra.Command, args []string) error {
			if err := cobra.NoArgs(command, args); err != nil {
				return wrongUsage{err}
			}
			if s.data == "" {
				return wrongUsage{errors.New("--data is needed: the folder for the centre's book")}
			}
			if s.restored && s.store == "" {
				return wrongUsage{errors.New("--restored is about a database; a journal knows its numbers")}
			}
			return nil
		},
		RunE: func(command *cobra.Command, _ []string) error {
			return run(command.Context(), s, command.OutOrStdout(), command.ErrOrStderr())
		},
	}
	command.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return wrongUsage{err} })
	flags := command.Flags()
	flags.StringVar(&s.listen, "listen", "127.0.0.1:7400", "address to answer on; plain HTTP, so keep it on loopback or behind a TLS gateway")
	flags.StringVar(&s.data, "data", "", "folder for the centre's book and its key (made if missing)")
	flags.StringVar(&s.store, "store", "", "keep the book in this PostgreSQL database instead: postgres://user@host/database")
	flags.BoolVar(&s.restored, "restored", false, "with --store, once: the database was restored to a moment of the past, so let numbers go on behind any given since")
	flags.StringVar(&s.metrics, "metrics", "", "address for /metrics, /livez and /readyz, such as 127.0.0.1:7401; empty: none")
	flags.StringVar(&s.people, "people", "", "snapshot file (feed format) whose people, accounts and bindings are added or replaced")
	flags.BoolVar(&s.demo, "demo", false, "start an empty book with the invented demo family")
	flags.StringVar(&s.area, "area", "430100", "the centre's area, six digits")
	flags.StringArrayVar(&s.faults, "fault", nil, "rehearse a fault: infno=kind[:count[:delay]]; kinds: lose-answer half-answer 502-before 502-after html-after delay-before delay-after expire-signin centre-only venue-only blind")
	flags.StringSliceVar(&s.answer, "answer", nil, "write answers as some centres do: string-numbers, empty-amounts, object-for-array, fund-includes-account")
	flags.StringVar(&s.bindings, "bindings", "confirm", "how binding requests are decided: confirm, refuse, or pending:N (answered pending N times, then confirmed)")
	flags.StringVar(&s.shareFrom, "share-from", string(settle.ShareBalance), "which of a giver's pots pay for relatives, as the region's policy says: balance (all but a mutual account), prior_only or mutual_only")
	flags.IntVar(&s.allowance, "allowance", 20, "percent of an account's free money that is set aside for a day for each venue that saw the family lately; 0: none")
	flags.StringSliceVar(&s.without, "without", nil, "transactions this centre does not have, such as G101,G102")
	flags.BoolVar(&s.verbose, "verbose", false, "log every message that is answered, not only those that are refused")
	s.nats.flags(command)
	return command
}

// endWithin is how long messages under way may take after the end was asked for.
const endWithin = 1500 * time.Millisecond

func run(ctx context.Context, s settings, stdout, stderr io.Writer) error {
	faults, err := centre.PlanFaults(s.faults)
	if err != nil {
		return wrongUsage{err}
	}
	manner, err := centre.ParseManner(s.answer)
	if err != nil {
		return wrongUsage{err}
	}
	desk, err := parseDesk(s.bindings)
	if err != nil {
		return wrongUsage{err}
	}
	level := slog.LevelInfo
	if s.verbose {
		level = slog.LevelDebug
	}
	log := slog.New(withoutObserver{slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: level})})
	registry := prometheus.NewRegistry()
	options := centre.Options{Area: s.area, Logger: log, Faults: faults, Manner: manner, Desk: desk, Without: s.without,
		Allowances: centre.Allowances{Percent: s.allowance}, ShareFrom: settle.ShareFrom(s.shareFrom)}
	switch options.ShareFrom {
	case settle.ShareBalance, settle.SharePriorOnly, settle.ShareMutualOnly:
	default:
		return wrongUsage{fmt.Errorf("--share-from %q: want balance, prior_only or mutual_only", s.shareFrom)}
	}
	closeBook, err := openBook(ctx, s, registry, &options)
	if err != nil {
		return err
	}
	defer closeBook()
	c, err := centre.New(options)
	if err != nil {
		return err
	}
	if err := load(c, s); err != nil {
		return err
	}
	if s.metrics != "" {
		at, end, err := watch(s.metrics, c, registry)
		if err != nil {
			return err
		}
		defer end()
		fmt.Fprintf(stdout, "metrics: http://%s/metrics\n", at) //nolint:errcheck // a closed output does not stop a server
	}
	return serveMessages(ctx, s, c, log, registry, stdout)
}

// serveMessages answers until the context ends; the centre tidies up beside it.
func serveMessages(ctx context.Context, s settings, c *centre.Centre, log *slog.Logger, registry prometheus.Registerer, stdout io.Writer) error {
	listener, err := net.Listen("tcp", s.listen)
	if err != nil {
		return fmt.Errorf("cannot listen on %s: %w", s.listen, err)
	}
	tidying, stopTidying := context.WithCancel(ctx)
	tidied := make(chan struct{})
	go func() { defer close(tidied); c.Run(tidying) }()
	defer func() { stopTidying(); <-tidied }()
	server := &http.Server{Handler: c.Handler(), ReadHeaderTimeout: 10 * time.Second, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn)}
	ctx, stop := context.WithCancel(ctx)
	relayed, err := s.nats.serve(ctx, c.Handler(), log, registry)
	if err != nil {
		stop()
		return errors.Join(err, listener.Close())
	}
	defer relayed()
	defer stop()
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	fmt.Fprintf(stdout, "centre: http://%s/\nbook:   http://%s/centre/book\n", listener.Addr(), listener.Addr()) //nolint:errcheck // a closed output does not stop a server
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	ending, cancel := context.WithTimeout(context.Background(), endWithin)
	defer cancel()
	if err := server.Shutdown(ending); err != nil {
		log.Warn("messages under way were cut off", "err", err.Error())
		return server.Close()
	}
	return nil
}

// parseDesk reads how binding requests are decided.
func parseDesk(text string) (centre.Desk, error) {
	kind, count, _ := strings.Cut(text, ":")
	switch kind {
	case "confirm":
		return centre.Desk{}, nil
	case "refuse":
		return centre.Desk{Refuse: "经办机构审核未通过"}, nil
	case "pending":
		if n, err := strconv.Atoi(count); err == nil && n > 0 {
			return centre.Desk{Pending: n}, nil
		}
	}
	return centre.Desk{}, fmt.Errorf("bindings %q is none of confirm, refuse, pending:N", text)
}

// load brings the people in. The demo family is for an empty book only: a restart must not give spent money back.
func load(c *centre.Centre, s settings) error {
	if s.people != "" {
		file, err := os.Open(s.people)
		if err != nil {
			return fmt.Errorf("people: %w", err)
		}
		defer file.Close() //nolint:errcheck // read only
		if err := c.Load(file); err != nil {
			return fmt.Errorf("people file %s: %w", s.people, err)
		}
	}
	if s.demo && c.Empty() {
		now := time.Now()
		return c.Seed(centre.DemoFamily(settle.DateOf(now)).Snapshot(now))
	}
	return nil
}
