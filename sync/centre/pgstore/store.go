package pgstore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"gongji/sync/centre"
)

// Options of a Store.
type Options struct {
	URL string // postgres://user@host/database?sslmode=verify-full…; see the driver for the parameters, pool_max_conns among them
	// Key gives the book's key, 32 bytes. fresh says that the database is empty, so that one may be made.
	Key      func(fresh bool) ([]byte, error)
	Registry prometheus.Registerer // nil: no metrics
	// Restored says that the database was restored to a moment of the past, or taken over from a standby that was behind. It
	// is said once, by the first process: numbers go on far behind any that may have been given since that moment, so that
	// none is given twice, and every venue is told everything anew.
	Restored bool

	migrations []migration // nil: all that this program knows
}

// Store is a centre's book in a database. It is safe for concurrent use.
type Store struct {
	pool    *pgxpool.Pool
	counter *pgxpool.Pool // for serials, which are asked for while a transaction has its connection
	sealer  *sealer
	metrics *metrics
	tables  map[string]*sqlTable
	known   int // the newest schema that this program knows

	mu         sync.Mutex
	next, last int64 // serials that are left of the block

	numbering sync.Mutex
	begun     atomic.Uint64 // counts runs of Number
	numbered  uint64        // the last run that came to its end
}

var _ centre.Store = (*Store)(nil)

// Open connects, brings the schema up to this program's, and makes sure that the key is the book's.
func Open(ctx context.Context, options Options) (*Store, error) {
	s := &Store{metrics: newMetrics(), tables: map[string]*sqlTable{}}
	list := options.migrations
	if list == nil {
		var err error
		if list, err = migrations(); err != nil {
			return nil, err
		}
	}
	config, err := pgxpool.ParseConfig(options.URL)
	if err != nil {
		return nil, errors.New("the store's address is not of the form postgres://user@host/database") // the driver's text may hold the password
	}
	config.AfterConnect = preferIndexes
	if s.pool, err = pgxpool.NewWithConfig(ctx, config); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	config = config.Copy()
	config.MinConns, config.MaxConns = 0, 1
	if s.counter, err = pgxpool.NewWithConfig(ctx, config); err != nil {
		s.pool.Close()
		return nil, fmt.Errorf("store: %w", err)
	}
	if err := s.open(ctx, options, list); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (s *Store) open(ctx context.Context, options Options, list []migration) error {
	if err := s.pool.Ping(ctx); err != nil {
		return fmt.Errorf("the store does not answer: %w", err)
	}
	version, _, err := s.schema(ctx)
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	key, err := options.Key(version == 0)
	if err != nil {
		return err
	}
	if s.sealer, err = newSealer(key); err != nil {
		return err
	}
	if err := s.migrate(ctx, list); err != nil {
		return err
	}
	if options.Restored {
		if err := s.goOnBehind(ctx); err != nil {
			return fmt.Errorf("numbers after a restore: %w", err)
		}
	}
	for _, table := range centre.Tables() {
		s.tables[table.Name] = newSQLTable(table, s.known >= sumsSince)
	}
	if options.Registry != nil {
		s.metrics.register(options.Registry, s.pool)
	}
	return s.checkKey(ctx)
}

// leapAfterRestore is more than all numbers that a book gives in the years between two restores.
const leapAfterRestore = 1_000_000_000

// goOnBehind lets serials and changes go on far behind those that were given after the moment of a restore.
func (s *Store) goOnBehind(ctx context.Context) error {
	return s.retry(ctx, func() error {
		return pgx.BeginTxFunc(ctx, s.pool, serializable, func(tx pgx.Tx) error {
			for _, statement := range []string{`UPDATE centre_counter SET value = value + $1`, `UPDATE centre_change SET number = number + $1`} {
				if _, err := tx.Exec(ctx, statement, leapAfterRestore); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// preferIndexes keeps PostgreSQL from reading small tables whole: a serializable transaction that did would be in the way
// of every other that writes there. Databases that do not know the setting need not.
func preferIndexes(ctx context.Context, conn *pgx.Conn) error {
	var pg *pgconn.PgError
	if _, err := conn.Exec(ctx, "SET enable_seqscan = off"); err != nil && !errors.As(err, &pg) {
		return err
	}
	return nil
}

// Close ends all connections.
func (s *Store) Close() {
	s.pool.Close()
	s.counter.Close()
}

var serializable = pgx.TxOptions{IsoLevel: pgx.Serializable}

// MaxAttempts is how often a transaction is tried.
const MaxAttempts = 25

// SQLSTATEs of transactions that another came between.
const (
	serializationFailure = "40001"
	deadlockDetected     = "40P01"
	uniqueViolation      = "23505" // two made the same record at once; the second finds it in the next attempt
)

// again says whether a transaction may start again after an error, and why.
func again(err error) (reason string, may bool) {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return "", false
	}
	switch pg.Code {
	case serializationFailure:
		return retrySerialization, true
	case deadlockDetected:
		return retryDeadlock, true
	case uniqueViolation:
		return retryDuplicate, true
	}
	return "", false
}

// pause waits a random time that grows with the attempts: a millisecond or two at first, a tenth of a second at most.
func pause(ctx context.Context, attempt int) error {
	limit := min(2*time.Millisecond<<min(attempt, 6), 100*time.Millisecond)
	timer := time.NewTimer(rand.N(limit)) //nolint:gosec // jitter
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Transact implements [centre.Store].
func (s *Store) Transact(ctx context.Context, do func(centre.Tx) error) error {
	twice := false
	return s.retry(ctx, func() error {
		err := s.once(ctx, twice, do)
		if reason, _ := again(err); reason == retryDuplicate {
			twice = true
		}
		return err
	})
}

// once runs a transaction one time. It begins with its first question and ends with what it writes, each in one round trip.
func (s *Store) once(ctx context.Context, twice bool, do func(centre.Tx) error) error {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release() // one that is left within a transaction is closed
	t := &transaction{store: s, conn: conn.Conn(), twice: twice}
	if err = do(t); err == nil {
		err = t.end(ctx)
	}
	if err != nil {
		t.rollback(ctx)
	}
	return err
}

func (s *Store) retry(ctx context.Context, once func() error) error {
	for attempt := 0; ; attempt++ {
		err := once()
		if err == nil {
			s.metrics.transactions.WithLabelValues(committed).Inc()
			return nil
		}
		reason, may := again(err)
		if !may || attempt == MaxAttempts-1 {
			s.metrics.transactions.WithLabelValues(failed).Inc()
			return err
		}
		s.metrics.retries.WithLabelValues(reason).Inc()
		if err := pause(ctx, attempt); err != nil {
			return err
		}
	}
}

// serialBlock is how many serials a process takes at once.
const serialBlock = 1000

// Serial implements [centre.Store].
func (s *Store) Serial(ctx context.Context) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next == s.last {
		err := s.retry(ctx, func() error {
			return s.counter.QueryRow(ctx, `UPDATE centre_counter SET value = value + $1 WHERE name = 'serial' RETURNING value`, serialBlock).Scan(&s.last)
		})
		if err != nil {
			s.last = s.next
			return 0, fmt.Errorf("serials: %w", err)
		}
		s.next = s.last - serialBlock
	}
	s.next++
	return s.next, nil
}

// Ready implements [centre.Store].
func (s *Store) Ready(ctx context.Context) error {
	_, from, err := s.schema(ctx)
	if err == nil && from > s.known {
		err = outdated(from, s.known)
	}
	return err
}

// Tidy implements [centre.Store].
func (s *Store) Tidy(ctx context.Context, now time.Time) error {
	for _, name := range []string{"sign_in", "file", "content", "spent"} {
		err := s.retry(ctx, func() error {
			_, err := s.pool.Exec(ctx, `DELETE FROM centre_`+name+` WHERE ends < $1`, now.UnixMilli())
			return err
		})
		if err != nil {
			return fmt.Errorf("tidy up %s: %w", name, err)
		}
	}
	return nil
}

// numberBatch is how many changes get their numbers in one transaction.
const numberBatch = 2000

// Number implements [centre.Store]. The changes of a batch are numbered by their names; all of it is behind every batch
// before, for each moves the counter.
func (s *Store) Number(ctx context.Context) error {
	arrived := s.begun.Load()
	s.numbering.Lock() // in one process only one at a time
	defer s.numbering.Unlock()
	if s.numbered > arrived {
		return nil // a run that began after this call has done what it asks for
	}
	run := s.begun.Add(1)
	for {
		var done int
		err := s.retry(ctx, func() error {
			return pgx.BeginTxFunc(ctx, s.pool, serializable, func(tx pgx.Tx) (err error) {
				done, err = number(ctx, tx)
				return err
			})
		})
		if err != nil {
			return err
		}
		if done < numberBatch {
			s.numbered = run
			return nil
		}
	}
}

func number(ctx context.Context, tx pgx.Tx) (int, error) {
	rows, err := tx.Query(ctx, `SELECT id, change_id, kind, name FROM centre_pending ORDER BY id LIMIT $1`, numberBatch)
	if err != nil {
		return 0, err
	}
	type pending struct {
		ID, ChangeID, Kind string
		Name               []byte
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[pending])
	if err != nil || len(list) == 0 {
		return 0, err
	}
	var last int64
	if err := tx.QueryRow(ctx, `UPDATE centre_counter SET value = value + $1 WHERE name = 'change' RETURNING value`, len(list)).Scan(&last); err != nil {
		return 0, err
	}
	first := last - int64(len(list)) + 1
	ids := make([]string, 0, len(list))
	batch := &pgx.Batch{}
	once := map[string]bool{}
	for i, p := range list {
		ids = append(ids, p.ID)
		if !once[p.ChangeID] {
			once[p.ChangeID] = true
			batch.Queue(`INSERT INTO centre_change (id, kind, name, number) VALUES ($1, $2, $3, $4)
				ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, name = excluded.name, number = excluded.number`, p.ChangeID, p.Kind, p.Name, first+int64(i))
		}
	}
	batch.Queue(`DELETE FROM centre_pending WHERE id = ANY($1)`, ids)
	return len(list), tx.SendBatch(ctx, batch).Close()
}

// sumsSince is the schema from which on amounts lie beside the values.
const sumsSince = 2

// sqlTable is a table's SQL.
type sqlTable struct {
	*centre.Table
	name   string
	summed bool
	put    string
}

func newSQLTable(t *centre.Table, sums bool) *sqlTable {
	s := &sqlTable{Table: t, name: "centre_" + t.Name, summed: sums && len(t.Sums) > 0}
	columns := []string{"id", "value", "ends"}
	for _, c := range t.Columns {
		columns = append(columns, c.Name)
	}
	if s.summed {
		columns = append(columns, t.Sums...)
	}
	var places, sets []string
	for i, c := range columns {
		places = append(places, fmt.Sprintf("$%d", i+1))
		if i > 0 {
			sets = append(sets, c+" = excluded."+c)
		}
	}
	s.put = fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s)", s.name, strings.Join(columns, ", "), strings.Join(places, ", "))
	if !t.Once {
		s.put += " ON CONFLICT (id) DO UPDATE SET " + strings.Join(sets, ", ")
	}
	return s
}
