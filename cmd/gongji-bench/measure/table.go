package measure

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// Print writes the result as tables: medians, and behind them the least and the greatest of the rounds.
func (r *Result) Print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "\n%s %s, %d processors, %d rounds of %s\n\n", r.Platform, r.Go, r.Processors, r.Rounds, r.Each)
	f := &r.Floors
	fmt.Fprintln(w, "floor, µs\tp50\tp99\t")
	for _, row := range []struct {
		name     string
		p50, p99 Spread
	}{
		{"4 KiB append + fdatasync", f.ProbeP50, f.ProbeP99}, {"JSON echo, TCP", f.EchoP50, f.EchoP99}, {"JSON echo, unix socket", f.UnixP50, Spread{}},
		{"statements of one settle", f.StatementsP50, f.StatementsP99}, {"F", f.FP50, f.FP99},
	} {
		fmt.Fprintf(w, "%s\t%s\t%s\t\n", row.name, text(row.p50), text(row.p99))
	}
	fmt.Fprintln(w)
	for _, l := range r.Lines {
		fmt.Fprintf(w, "card at %d baud\t%d bytes\t%.0f ms of line\tidentity %.0f ms of %.0f\twhole %.0f ms\t\n", l.Baud, l.Bytes, l.MS, l.IdentityMS, l.IdentityLineMS, l.WholeMS)
	}
	fmt.Fprintln(w, "\ncandidate\tcallers\tfsync\tsettled/s\tby probe\tp50 µs\tp99 µs\tp99.9 µs\tfailed %\tfsyncs\tCPU µs\tRSS MiB\t")
	for i := range r.Rows {
		row := &r.Rows[i]
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t%s\t%s\t%.0f\t%.2f\t%.2f\t%s\t%.0f\t\n", row.Candidate, row.Callers, slowText(row.Slow), text(row.Rate),
			times(row.TimesProbe), text(row.P50), text(row.P99), row.P999.Median, row.Failed.Median, row.Syncs.Median, text(row.CPU), row.RSS.Median)
	}
	fmt.Fprintln(w, "\ngoal\tshall\tis\t\t")
	missed := 0
	for _, goal := range r.Goals {
		verdict := "met"
		if !goal.Met {
			verdict, missed = "missed", missed+1
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t\n", goal.Name, goal.Shall, times(goal.Value), verdict)
	}
	fmt.Fprintf(w, "\n%d of %d goals met\t\n", len(r.Goals)-missed, len(r.Goals))
	return w.Flush()
}

func slowText(slow time.Duration) string {
	if slow == 0 {
		return "as is"
	}
	return "+" + slow.String()
}

func text(s Spread) string { return fmt.Sprintf("%.0f (%.0f–%.0f)", s.Median, s.Low, s.High) }

func times(s Spread) string { return fmt.Sprintf("%.2f (%.2f–%.2f)", s.Median, s.Low, s.High) }
