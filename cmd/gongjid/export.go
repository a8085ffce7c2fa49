package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"gongji/daemon/records"
	"gongji/settle"
	"gongji/settle/ledger"
)

// exportLog is the file in the data directory that tells which exports were made at the command line. The ledger itself belongs
// to the daemon, which may be running, so that it cannot be told.
const exportLog = "exports.log"

// exporting is what the flags of the command say.
type exporting struct {
	data, from, to, format, groupBy, out string
	lines, force                         bool
}

func exportCommand() *cobra.Command {
	var x exporting
	cmd := &cobra.Command{
		Use:   "export --data DIR --from DATE --to DATE --format xlsx|pdf|csv --out FILE",
		Short: "Write records or a report to a file",
		Long: "Writes the settlements of a period to a file, or with --lines every line of every bill, or with --group-by a report.\n" +
			"Names and numbers are masked. It only reads the ledger, page by page, and may run beside the daemon. The file gets mode\n" +
			"0600; one that exists is kept unless --force is given. Each export is noted in " + exportLog + " of the data directory.",
		Example: "  gongjid export --data /var/lib/gongji --from 2026-11-01 --to 2026-11-30 --format xlsx --out november.xlsx\n" +
			"  gongjid export --data /var/lib/gongji --from 2026-01-01 --to 2026-12-31 --format pdf --group-by month --out year.pdf",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, name := range []string{"data", "from", "to", "format", "out"} {
				if err := needFlag(cmd, name); err != nil {
					return err
				}
			}
			rows, err := x.run(cmd.Context(), os.Stderr)
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s: %d 笔 / settlements\n", x.out, rows)
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&x.data, "data", "", "data directory of the daemon")
	f.StringVar(&x.from, "from", "", "first day, as 2026-11-01")
	f.StringVar(&x.to, "to", "", "last day, included")
	f.StringVar(&x.format, "format", "", "xlsx, pdf or csv")
	f.StringVar(&x.groupBy, "group-by", "", "a report by day, month, area, disease, med_type, source, relation, operator, terminal or class")
	f.BoolVar(&x.lines, "lines", false, "one row for each line of a bill")
	f.StringVar(&x.out, "out", "", "file to write")
	f.BoolVar(&x.force, "force", false, "replace a file that exists")
	return cmd
}

// run writes the file and returns how many settlements are in it.
func (x *exporting) run(ctx context.Context, terminal *os.File) (rows int, err error) {
	from, to, err := x.check()
	if err != nil {
		return 0, err
	}
	reading, err := ledger.ReadDir(ctx, x.data)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, reading.Close()) }()
	if rows, err = reading.CountSettlements(ctx, from, to); err != nil {
		return 0, err
	}
	if err := x.note(rows); err != nil {
		return 0, fmt.Errorf("the export cannot be noted in %s, so it is not made: %w", exportLog, err)
	}
	return rows, x.replace(func(out io.Writer) error {
		if x.groupBy != "" {
			return x.report(ctx, reading, out, from, to)
		}
		return x.records(ctx, reading, out, from, to, exportBar(terminal, rows))
	})
}

// check reads what the flags say; a wrong one is wrong usage.
func (x *exporting) check() (from, to settle.Date, err error) {
	wrong := func(format string, args ...any) error {
		return fmt.Errorf("%w: "+format+"; see 'gongjid export --help'", append([]any{errUsage}, args...)...)
	}
	if from, err = settle.ParseDate(x.from); err != nil {
		return 0, 0, wrong("--from: %w", err)
	}
	if to, err = settle.ParseDate(x.to); err != nil {
		return 0, 0, wrong("--to: %w", err)
	}
	switch {
	case to < from:
		return 0, 0, wrong("--to %s is before --from %s", x.to, x.from)
	case !slices.Contains(records.Formats, records.Format(x.format)):
		return 0, 0, wrong("--format must be xlsx, pdf or csv")
	case x.groupBy != "" && !slices.Contains(settle.Groupings, settle.Grouping(x.groupBy)):
		return 0, 0, wrong("--group-by must be one of %v", settle.Groupings)
	case x.groupBy != "" && x.lines:
		return 0, 0, wrong("--group-by and --lines exclude each other")
	}
	if _, err := os.Lstat(x.out); err == nil && !x.force {
		return 0, 0, fmt.Errorf("%s exists; choose another name, or say --force to replace it", x.out)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, 0, err
	}
	return from, to, nil
}

// note appends who exports what to the log of exports, before the file is made. There is no identity in it.
func (x *exporting) note(rows int) (err error) {
	line, err := json.Marshal(struct {
		At      time.Time `json:"at"`
		UID     int       `json:"uid"`
		From    string    `json:"from"`
		To      string    `json:"to"`
		Format  string    `json:"format"`
		GroupBy string    `json:"group_by,omitempty"`
		Lines   bool      `json:"lines,omitempty"`
		Rows    int       `json:"settlements"`
	}{time.Now().UTC(), os.Getuid(), x.from, x.to, x.format, x.groupBy, x.lines, rows})
	if err != nil {
		return err
	}
	file, err := os.OpenFile(filepath.Join(x.data, exportLog), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(append(line, '\n'))
	return errors.Join(err, file.Sync(), file.Close())
}

// replace writes beside the file and puts it in its place when it is whole, so that nobody takes half an export for all.
func (x *exporting) replace(write func(io.Writer) error) error {
	file, err := os.CreateTemp(filepath.Dir(x.out), "."+filepath.Base(x.out)+"-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(file.Name()) // fails where the rename has worked
	err = write(file)
	if errors.Is(err, records.ErrTooLong) {
		err = fmt.Errorf("%w: at most %d; choose a shorter period, or --format xlsx or csv", err, records.MaxPDFRows)
	}
	if err == nil {
		err = file.Sync()
	}
	if err := errors.Join(err, file.Close()); err != nil {
		return err
	}
	if x.force {
		return os.Rename(file.Name(), x.out)
	}
	// A link fails where a file of the name has come into being meanwhile.
	return os.Link(file.Name(), x.out)
}

func (x *exporting) report(ctx context.Context, from *ledger.Reading, out io.Writer, first, last settle.Date) error {
	totals, err := from.Report(ctx, first, last, settle.Grouping(x.groupBy))
	if err != nil {
		return err
	}
	sheet, err := records.NewSheet(records.Format(x.format), out, records.ReportHead(&totals))
	if err != nil {
		return err
	}
	if err := records.WriteReport(sheet, &totals); err != nil {
		sheet.Discard()
		return err
	}
	return sheet.Close()
}

func (x *exporting) records(ctx context.Context, from *ledger.Reading, out io.Writer, first, last settle.Date, progress func(int)) error {
	head := records.RecordsHead(records.Period(first, last))
	if x.lines {
		head = records.LinesHead(records.Period(first, last))
	}
	sheet, err := records.NewSheet(records.Format(x.format), out, head)
	if err != nil {
		return err
	}
	q := settle.RecordQuery{From: first, To: last}
	if err := records.WriteRecords(ctx, from, q, sheet, x.lines, progress); err != nil {
		sheet.Discard()
		return err
	}
	return sheet.Close()
}

// exportBar draws progress on a terminal and nothing elsewhere, so that logs stay readable.
func exportBar(f *os.File, total int) func(done int) {
	if !isTerminal(f) {
		return nil
	}
	bar := progressbar.NewOptions(total, progressbar.OptionSetWriter(f), progressbar.OptionSetDescription("导出"),
		progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionClearOnFinish(), progressbar.OptionThrottle(100*time.Millisecond))
	return func(done int) { _ = bar.Set(done) } // a bar that cannot be drawn changes nothing
}
