package measure

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
)

// Scale is what the size of a ledger costs. It is measured by the ledger's own benchmarks, which can make a large one.
type Scale struct {
	Accounts  int     `json:"accounts,omitempty"`
	P99Ratio  float64 `json:"p99_by_small,omitempty"` // of a settlement, by that on a ledger of ten thousand
	OpenMS    float64 `json:"open_ms,omitempty"`
	Records   int     `json:"records,omitempty"`
	SlowestMS float64 `json:"slowest_page_ms,omitempty"` // median of the slowest kind of search
}

// scale runs the benchmarks on the disk that is measured.
func (m *Measure) scale(ctx context.Context) (*Scale, error) {
	s := &Scale{Accounts: m.Accounts, Records: m.Records}
	if m.Accounts > 0 {
		text, err := m.ledgerTest(ctx, "GONGJI_BENCH_ACCOUNTS", m.Accounts, "-run", "^$", "-bench", "^BenchmarkSize$", "-benchtime", "1x")
		if err != nil {
			return nil, fmt.Errorf("the benchmark of sizes: %w\n%s", err, text)
		}
		ratio, opened := figures(text, `([\d.]+) p99-ratio`), figures(text, `([\d.]+) open-ms`)
		if len(ratio) == 0 || len(opened) == 0 {
			return nil, fmt.Errorf("the benchmark of sizes does not say its figures:\n%s", text)
		}
		s.P99Ratio, s.OpenMS = ratio[0], opened[0]
	}
	if m.Records > 0 {
		text, err := m.ledgerTest(ctx, "GONGJI_BENCH_RECORDS", m.Records, "-run", "^TestRecordPagesAreFast$", "-v")
		pages := figures(text, `records, median +([\d.]+) ms`)
		if len(pages) == 0 { // a page that is too slow fails the test, and is a figure like any other
			return nil, fmt.Errorf("the record search was not measured: %w\n%s", err, text)
		}
		s.SlowestMS = slices.Max(pages)
	}
	return s, nil
}

func (m *Measure) ledgerTest(ctx context.Context, variable string, n int, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", append([]string{"test", "gongji/settle/ledger", "-timeout", "2h"}, args...)...)
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d", variable, n), "TMPDIR="+m.Dir)
	output, err := cmd.CombinedOutput()
	return string(output), err
}

// figures are the numbers that a pattern finds.
func figures(text, pattern string) (list []float64) {
	for _, match := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
		if number, err := strconv.ParseFloat(match[1], 64); err == nil {
			list = append(list, number)
		}
	}
	return list
}

// scale adds the goals of a large ledger.
func (list *goals) scale(s *Scale) {
	if s.Accounts > 0 {
		list.add(fmt.Sprintf("%d accounts: p99 of a settlement by a small ledger's", s.Accounts), atMost(1.3), s.P99Ratio)
	}
	if s.Records > 0 {
		list.add(fmt.Sprintf("%d records: the slowest page, ms", s.Records), atMost(50), s.SlowestMS)
	}
}
