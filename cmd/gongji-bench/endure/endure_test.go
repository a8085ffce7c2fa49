package endure

import (
	"testing"

	"gongji/cmd/gongji-bench/shop"
)

// TestShortDay is a short run: every kind of trouble, all sales at the centre, nothing that grows.
func TestShortDay(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the real binary")
	}
	binary, err := shop.Build(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	report, err := Run(t.Context(), Options{Binary: binary, Dir: t.TempDir(), Sales: 600, Seed: 7})
	if report != nil {
		report.Print(t.Output())
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := report.Flat(); err != nil {
		t.Error(err)
	}
	if report.Sales != 600 || report.Rows != 600-report.Refunds {
		t.Errorf("%d sales, %d refunds, %d rows at the centre", report.Sales, report.Refunds, report.Rows)
	}
}

// TestFlatSeesALeak: one descriptor or goroutine for every fiftieth sale is a leak, and so is memory that doubles; noise is not.
func TestFlatSeesALeak(t *testing.T) {
	run := func(change func(i int, s *Sample)) error {
		r := &Report{}
		for i := range 20 {
			s := Sample{Memory: 60e6, Heap: 20e6, Files: 30, Goroutines: 40}
			if change != nil {
				change(i, &s)
			}
			r.Samples = append(r.Samples, s)
		}
		return r.Flat()
	}
	if err := run(func(i int, s *Sample) { s.Files += float64(i % 5); s.Memory += float64(i%3) * 1e6 }); err != nil {
		t.Error(err)
	}
	for name, leak := range map[string]func(i int, s *Sample){
		"files": func(i int, s *Sample) { s.Files += float64(10 * i) }, "goroutines": func(i int, s *Sample) { s.Goroutines += float64(10 * i) },
		"memory": func(i int, s *Sample) { s.Memory += float64(i) * 4e6 }, "heap": func(i int, s *Sample) { s.Heap += float64(i) * 4e6 },
	} {
		if err := run(leak); err == nil {
			t.Errorf("a leak of %s was not seen", name)
		}
	}
}
