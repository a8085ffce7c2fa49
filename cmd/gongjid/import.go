package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"gongji/config"
	"gongji/daemon"
	"gongji/settle"
	"gongji/sync/feed"
)

// importCommand takes a signed file of people, accounts and bindings into the ledger of a daemon that is down.
func importCommand() *cobra.Command {
	var file, data, signature, digest string
	var apply bool
	cmd := &cobra.Command{
		Use:   "import --config CONFIG FILE",
		Short: "Preview or apply a signed file of people, accounts and bindings while the daemon is down",
		Long: "Reads a file that a key of import.trusted_keys has signed (minisign; the signature stands in FILE.minisig) and prints\n" +
			"what it would do. With --apply it is applied, in one transaction or not at all; --digest makes sure that it is the file\n" +
			"which was previewed. While the daemon runs, the ledger is its own: import in the console or over the API instead.",
		Example: "  gongjid import --config /etc/gongji/gongjid.yaml family.json\n" +
			"  gongjid import --config /etc/gongji/gongjid.yaml --apply --digest 3f0c… family.json",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := needFlag(cmd, "config"); err != nil {
				return err
			}
			cmd.SilenceUsage = true
			c, err := config.Load(file)
			if err != nil {
				return err
			}
			if data != "" {
				c.Data = data
			}
			if signature == "" {
				signature = args[0] + ".minisig"
			}
			preview, replayed, err := bring(cmd, daemonOptions(c, quietLog(os.Stderr)), args[0], signature, digest, apply)
			if err != nil {
				return explainImport(cmd.ErrOrStderr(), err)
			}
			printImport(cmd.OutOrStdout(), &preview, apply, replayed)
			return nil
		},
	}
	cmd.Flags().StringVar(&file, "config", "", "configuration file of the daemon")
	cmd.Flags().StringVar(&data, "data", "", "data directory, where it is not the configuration's")
	cmd.Flags().StringVar(&signature, "signature", "", "file with the signature (default: FILE.minisig)")
	cmd.Flags().StringVar(&digest, "digest", "", "digest that the preview printed")
	cmd.Flags().BoolVar(&apply, "apply", false, "apply the file")
	return cmd
}

// readImport reads a file and its signature. Who works at the prompt is the operator.
func readImport(name, signature string) (settle.ImportFile, error) {
	content, err := os.ReadFile(name)
	if err != nil {
		return settle.ImportFile{}, fmt.Errorf("the file: %w", err)
	}
	signed, err := os.ReadFile(signature)
	if err != nil {
		return settle.ImportFile{}, fmt.Errorf("the signature: %w", err)
	}
	return settle.ImportFile{
		File: content, Signature: signed, POS: importPOS, Operator: prompter(), RequestID: "command",
	}, nil
}

const importPOS = "gongjid import"

// prompter is who works at the prompt.
func prompter() settle.Operator {
	if u, err := user.Current(); err == nil {
		return settle.Operator{ID: u.Username}
	}
	return settle.Operator{ID: "unknown"}
}

// streamFrom is the size in bytes from which a file is read as a stream and never held in memory.
var streamFrom int64 = 32 << 20

// bring previews or applies a file; a large one says how far it has come.
func bring(cmd *cobra.Command, o daemon.Options, name, signature, digest string, apply bool) (settle.ImportPreview, bool, error) {
	info, err := os.Stat(name)
	if err != nil {
		return settle.ImportPreview{}, false, fmt.Errorf("the file: %w", err)
	}
	if info.Size() < streamFrom {
		brought, err := readImport(name, signature)
		if err != nil {
			return settle.ImportPreview{}, false, err
		}
		return daemon.ImportOffline(cmd.Context(), o, brought, digest, apply)
	}
	signed, err := os.ReadFile(signature)
	if err != nil {
		return settle.ImportPreview{}, false, fmt.Errorf("the signature: %w", err)
	}
	src := feed.ImportSource{
		Open: func() (io.ReadCloser, error) { return os.Open(name) }, Signature: signed, POS: importPOS, Operator: prompter(), RequestID: "command",
	}
	shown := &importProgress{out: cmd.ErrOrStderr()}
	defer shown.end()
	return daemon.ImportLargeOffline(cmd.Context(), o, src, digest, apply, shown.tell)
}

// importPhases name what a large import does.
var importPhases = map[string]string{
	settle.PhaseStaging: "读入账户资料 / reading", settle.PhaseChecking: "核对账户资料 / checking", settle.PhaseMoving: "写入账本 / writing",
	settle.PhaseEnding: "终止文件里没有的 / ending what is not named",
}

// importProgress shows how far a large import has come: a bar on a terminal, elsewhere a line for each phase.
type importProgress struct {
	out   io.Writer
	phase string
	bar   *progressbar.ProgressBar
}

func (p *importProgress) tell(s settle.SnapshotProgress) {
	f, isFile := p.out.(*os.File)
	terminal := isFile && isTerminal(f)
	if s.Phase != p.phase {
		p.end()
		p.phase = s.Phase
		if !terminal {
			fmt.Fprintln(p.out, importPhases[s.Phase])
			return
		}
		total := s.Total
		if total == 0 {
			total = -1 // not known: a spinner
		}
		p.bar = progressbar.NewOptions(total, progressbar.OptionSetWriter(f), progressbar.OptionSetDescription(importPhases[s.Phase]),
			progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionClearOnFinish(), progressbar.OptionThrottle(100*time.Millisecond))
	}
	if p.bar != nil {
		_ = p.bar.Set(s.Done) // a bar that cannot be drawn is no reason to stop
	}
}

// isTerminal reports whether somebody looks at a file who can see a line redrawn.
func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && !strings.EqualFold(os.Getenv("TERM"), "dumb")
}

func (p *importProgress) end() {
	if p.bar != nil {
		_ = p.bar.Finish()
		p.bar = nil
	}
}

// explainImport prints every bad field of a refused file, in Chinese and English, and returns the refusal. That the daemon
// runs is said by the error alone: nothing is broken.
func explainImport(out io.Writer, err error) error {
	var refused *settle.Error
	if errors.Is(err, daemon.ErrDaemonRuns) || !errors.As(err, &refused) {
		return err
	}
	sentence := settle.SentenceOf(refused)
	fmt.Fprintln(out, sentence.Message, sentence.Hint)
	for _, f := range refused.Fields {
		fmt.Fprintf(out, "  %s: %s (%s)\n", f.Field, f.Message, f.Detail)
	}
	return err
}

func printImport(out io.Writer, p *settle.ImportPreview, apply, replayed bool) {
	fmt.Fprintf(out, "snapshot %s, centre time %s, signed with key %s\ndigest   %s\n",
		p.SnapshotID, p.CentreTime.In(settle.Beijing).Format("2006-01-02 15:04:05"), p.KeyID, p.Digest)
	if p.Named != (settle.FactCounts{}) {
		fmt.Fprintf(out, "names    %d people, %d accounts, %d bindings, %d usage rows; what of it is new is not worked out for a file of this size\n",
			p.Named.People, p.Named.Accounts, p.Named.Bindings, p.Named.Usage)
	} else {
		printDiff(out, &p.Diff)
	}
	if p.Full {
		fmt.Fprintln(out, "全量文件：文件里没有的人和绑定都会终止 / a full file: whatever it does not name is ended")
	}
	switch {
	case replayed:
		fmt.Fprintln(out, "此文件以前已导入，没有再写入 / applied before; nothing was written")
	case apply:
		fmt.Fprintln(out, "文件已导入 / applied")
	default:
		fmt.Fprintf(out, "尚未写入；核对无误后加 --apply --digest %s / nothing was written\n", p.Digest)
	}
}

func printDiff(out io.Writer, d *settle.SnapshotDiff) {
	for _, row := range []struct {
		name string
		c    settle.FactChanges
	}{{"people", d.People}, {"accounts", d.Accounts}, {"bindings", d.Bindings}, {"usage", d.Usage}} {
		fmt.Fprintf(out, "%-9s%6d new %6d changed %6d ended %6d unchanged %6d kept (known from later)\n",
			row.name, row.c.New, row.c.Changed, row.c.Ended, row.c.Unchanged, row.c.Kept)
	}
	for _, e := range d.Examples {
		fmt.Fprintf(out, "  %s %s %s %s %v\n", e.Kind, e.Change, e.Place, e.Masked, e.Fields)
	}
}
