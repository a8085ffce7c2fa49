package pgstore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"gongji/sync/centre"
)

// transaction implements [centre.Tx].
type transaction struct {
	store *Store
	conn  *pgx.Conn
	twice bool
	begun bool // the first question has begun it, and looked at the schema
	ended bool
}

// Twice implements [centre.Tx].
func (t *transaction) Twice() bool { return t.twice }

// begin puts the beginning before the first question, and asks whether this program may still run, so that a migration which
// takes something away conflicts with every transaction of an older program.
func (t *transaction) begin(batch *pgx.Batch) {
	if !t.begun {
		t.begun = true
		batch.Queue("BEGIN ISOLATION LEVEL SERIALIZABLE")
		batch.Queue(`SELECT value FROM centre_meta WHERE name = 'lives-with'`).QueryRow(t.fence)
	}
}

// end commits what was not committed with its writes.
func (t *transaction) end(ctx context.Context) error {
	if !t.begun || t.ended {
		return nil
	}
	return t.commit(ctx, &pgx.Batch{})
}

// commit sends a batch with the end of the transaction behind it. After an error of the commit nobody knows whether it counted,
// unless the database says so.
func (t *transaction) commit(ctx context.Context, batch *pgx.Batch) error {
	batch.Queue("COMMIT")
	err := t.conn.SendBatch(ctx, batch).Close()
	t.ended = err == nil
	return err
}

// rollbackWithin is how long taking a transaction back may take; a connection that does not answer is closed by its pool.
const rollbackWithin = 2 * time.Second

func (t *transaction) rollback(ctx context.Context) {
	if !t.begun || t.ended || t.conn.IsClosed() {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackWithin)
	defer cancel()
	_, _ = t.conn.Exec(ctx, "ROLLBACK") // one that fails leaves the connection to its pool, which closes it
}

// id is what a key or a column's value is called in the database.
func (s *Store) id(secret bool, clear string) string {
	if secret {
		return s.sealer.hash(clear)
	}
	return clear
}

// Read implements [centre.Tx].
func (t *transaction) Read(ctx context.Context, queries ...centre.Query) ([][]centre.Record, error) {
	batch := &pgx.Batch{}
	answers := make([][]centre.Record, len(queries))
	t.begin(batch)
	for i, q := range queries {
		table := t.store.tables[q.Table.Name]
		sql, args, err := t.store.selection(table, q)
		if err != nil {
			return nil, err
		}
		batch.Queue(sql, args...).Query(func(rows pgx.Rows) error {
			var err error
			answers[i], err = t.records(table, rows)
			return err
		})
	}
	return answers, t.conn.SendBatch(ctx, batch).Close()
}

func (t *transaction) fence(row pgx.Row) error {
	var value string
	if err := row.Scan(&value); err != nil {
		return err
	}
	from, err := strconv.Atoi(value)
	if err == nil && from > t.store.known {
		err = outdated(from, t.store.known)
	}
	return err
}

// selection is a query as SQL.
func (s *Store) selection(table *sqlTable, q centre.Query) (string, []any, error) {
	name, secret := "id", table.Secret
	if q.Column != "" {
		at := slices.IndexFunc(table.Columns, func(c centre.Column) bool { return c.Name == q.Column })
		if at < 0 {
			return "", nil, fmt.Errorf("table %s has no column %s", table.Name, q.Column)
		}
		name, secret = q.Column, table.Columns[at].Secret
	}
	sql := "SELECT id, value FROM " + table.name
	var args []any
	switch {
	case len(q.Values) > 0:
		ids := make([]string, 0, len(q.Values))
		for _, value := range q.Values {
			ids = append(ids, s.id(secret, value))
		}
		sql += " WHERE " + name + " = ANY($1)"
		args = append(args, ids)
	case q.From != "" || q.To != "":
		if secret {
			return "", nil, errors.New("identities have no order")
		}
		sql += " WHERE " + name + " >= $1 AND " + name + " <= $2"
		args = append(args, q.From, q.To)
	case q.Unsummed && table.summed:
		sql += " WHERE " + table.Sums[0] + " IS NULL"
	case q.Unsummed:
		sql += " WHERE false"
	}
	sql += " ORDER BY id"
	if q.Limit > 0 {
		sql += " LIMIT " + strconv.Itoa(q.Limit)
	}
	return sql, args, nil
}

func (t *transaction) records(table *sqlTable, rows pgx.Rows) (list []centre.Record, err error) {
	for rows.Next() {
		var id string
		var sealed []byte
		if err := rows.Scan(&id, &sealed); err != nil {
			return nil, err
		}
		key, value, err := t.store.sealer.open(table.name, id, sealed)
		if err != nil {
			return nil, fmt.Errorf("a record of %s %w", table.name, err)
		}
		list = append(list, centre.Record{Key: key, Value: value})
	}
	return list, rows.Err()
}

// Write implements [centre.Tx]. It ends the transaction: nothing may be asked after it.
func (t *transaction) Write(ctx context.Context, w centre.Writes) error {
	batch := &pgx.Batch{}
	t.begin(batch)
	for i := range w.Puts {
		put := &w.Puts[i]
		table := t.store.tables[put.Table.Name]
		args, err := t.store.arguments(table, &put.Record)
		if err != nil {
			return err
		}
		batch.Queue(table.put, args...)
	}
	for _, drop := range w.Drops {
		table := t.store.tables[drop.Table.Name]
		batch.Queue("DELETE FROM "+table.name+" WHERE id = $1", t.store.id(table.Secret, drop.Key))
	}
	for _, change := range w.Changes {
		id := change.Kind + t.store.sealer.hash(change.Key)
		name, err := t.store.sealer.seal("centre_change", id, change.Key, nil)
		if err != nil {
			return err
		}
		batch.Queue(`INSERT INTO centre_pending (id, change_id, kind, name) VALUES ($1, $2, $3, $4)`, rand.Text(), id, change.Kind, name)
	}
	return t.commit(ctx, batch)
}

func (s *Store) arguments(table *sqlTable, r *centre.Record) ([]any, error) {
	id := s.id(table.Secret, r.Key)
	sealed, err := s.sealer.seal(table.name, id, r.Key, r.Value)
	if err != nil {
		return nil, err
	}
	args := []any{id, sealed, nil}
	if !r.Ends.IsZero() {
		args[2] = r.Ends.UnixMilli()
	}
	for i, c := range table.Columns {
		args = append(args, s.id(c.Secret, r.Columns[i]))
	}
	if table.summed {
		for _, sum := range r.Sums {
			args = append(args, int64(sum))
		}
	}
	return args, nil
}

// Changes implements [centre.Tx].
func (t *transaction) Changes(ctx context.Context, since uint64, limit int) (found centre.Changes, err error) {
	batch := &pgx.Batch{}
	t.begin(batch)
	batch.Queue(`SELECT value FROM centre_counter WHERE name = 'change'`).QueryRow(func(row pgx.Row) error { return row.Scan(&found.Latest) })
	batch.Queue(`SELECT id, kind, name, number FROM centre_change WHERE number > $1 ORDER BY number LIMIT $2`, int64(since), limit+1).
		Query(func(rows pgx.Rows) error { found.Numbered, err = t.changes(rows); return err })
	batch.Queue(`SELECT change_id, kind, name, 0::bigint FROM centre_pending ORDER BY id LIMIT $1`, limit+1).
		Query(func(rows pgx.Rows) error { found.Fresh, err = t.changes(rows); return err })
	if err := t.conn.SendBatch(ctx, batch).Close(); err != nil {
		return found, err
	}
	if found.More = len(found.Numbered) > limit; found.More {
		found.Numbered, found.Fresh = found.Numbered[:limit], nil
	}
	if found.FreshMore = len(found.Fresh) > limit; found.FreshMore {
		found.Fresh = nil
	}
	return found, nil
}

func (t *transaction) changes(rows pgx.Rows) (list []centre.Change, err error) {
	for rows.Next() {
		var id, kind string
		var name []byte
		var number int64
		if err := rows.Scan(&id, &kind, &name, &number); err != nil {
			return nil, err
		}
		key, _, err := t.store.sealer.open("centre_change", id, name)
		if err != nil {
			return nil, fmt.Errorf("a change %w", err)
		}
		list = append(list, centre.Change{Kind: kind, Key: key, At: uint64(number)})
	}
	return list, rows.Err()
}
