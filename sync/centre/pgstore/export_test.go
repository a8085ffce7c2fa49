package pgstore

import (
	"context"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

// Until limits a program to the schemas that an older one knew.
func Until(t testing.TB, options Options, version int) Options {
	t.Helper()
	list, err := migrations()
	if err != nil {
		t.Fatal(err)
	}
	options.migrations = list[:version]
	return options
}

// Then gives a program one schema more.
func Then(t testing.TB, options Options, text string) Options {
	t.Helper()
	list, err := migrations()
	if err != nil {
		t.Fatal(err)
	}
	m, err := parseMigration(len(list)+1, text)
	if err != nil {
		t.Fatal(err)
	}
	options.migrations = append(list, m)
	return options
}

// Sum asks the database for one number.
func (s *Store) Sum(ctx context.Context, t testing.TB, sql string) (n int64) {
	t.Helper()
	if err := s.pool.QueryRow(ctx, sql).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// Retries is how many transactions started again.
func (s *Store) Retries() (n float64) {
	for _, reason := range []string{retrySerialization, retryDeadlock, retryDuplicate} {
		n += testutil.ToFloat64(s.metrics.retries.WithLabelValues(reason))
	}
	return n
}

// Dump is every value of every table as the database has it, one row a line.
func (s *Store) Dump(ctx context.Context, t testing.TB) (rows []string) {
	t.Helper()
	tables := []string{"centre_change", "centre_pending", "centre_meta", "centre_counter"}
	for _, table := range s.tables {
		tables = append(tables, table.name)
	}
	for _, table := range tables {
		list, err := s.pool.Query(ctx, "SELECT t::text FROM "+table+" t")
		if err != nil {
			t.Fatal(err)
		}
		for list.Next() {
			var row string
			if err := list.Scan(&row); err != nil {
				t.Fatal(err)
			}
			rows = append(rows, row)
		}
		if err := list.Err(); err != nil {
			t.Fatal(err)
		}
	}
	return rows
}
