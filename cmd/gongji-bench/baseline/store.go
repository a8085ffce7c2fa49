package baseline

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"time"

	_ "gongji/settle/ledger" // brings the SQLite driver
)

// Form is how the database is kept.
type Form string

// The two forms, and a third that is not durable: what the statements themselves cost.
const (
	Rollback Form = "rollback"
	WAL      Form = "wal"
	Unsynced Form = "unsynced"
)

const schema = `
CREATE TABLE IF NOT EXISTS account (id INTEGER PRIMARY KEY, balance INTEGER NOT NULL CHECK (balance >= 0));
CREATE TABLE IF NOT EXISTS giver (patient INTEGER NOT NULL, rank INTEGER NOT NULL, account INTEGER NOT NULL REFERENCES account (id),
	PRIMARY KEY (patient, rank)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS settlement (id INTEGER PRIMARY KEY, sale_id TEXT NOT NULL UNIQUE, patient INTEGER NOT NULL, at INTEGER NOT NULL,
	total INTEGER NOT NULL, own INTEGER NOT NULL, shared INTEGER NOT NULL, cash INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS line (settlement INTEGER NOT NULL REFERENCES settlement (id), n INTEGER NOT NULL, code TEXT NOT NULL, total INTEGER NOT NULL,
	PRIMARY KEY (settlement, n)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS posting (id INTEGER PRIMARY KEY, settlement INTEGER NOT NULL REFERENCES settlement (id),
	account INTEGER NOT NULL REFERENCES account (id), amount INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS outbox (id INTEGER PRIMARY KEY, settlement INTEGER NOT NULL REFERENCES settlement (id), sent INTEGER NOT NULL, body TEXT NOT NULL);
`

// Store is the database.
type Store struct{ db *sql.DB }

// Open opens or makes the database in dir.
func Open(dir string, form Form) (*Store, error) {
	options := url.Values{"_foreign_keys": {"on"}, "_synchronous": {"FULL"}, "_busy_timeout": {"5000"}}
	switch form {
	case Rollback:
	case WAL:
		options.Set("_journal_mode", "WAL")
	case Unsynced:
		options.Set("_journal_mode", "WAL")
		options.Set("_synchronous", "OFF")
	default:
		return nil, fmt.Errorf("baseline: no form %q", form)
	}
	db, err := sql.Open("sqlite3", (&url.URL{Scheme: "file", Path: filepath.Join(dir, "baseline.db"), RawQuery: options.Encode()}).String())
	if err != nil {
		return nil, err
	}
	if form != Rollback {
		db.SetMaxOpenConns(1)
	}
	if _, err := db.Exec(schema); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &Store{db}, nil
}

// Close closes the database.
func (s *Store) Close() error { return s.db.Close() }

// Seed makes patients with an account of their own, that is empty, and two givers each that are not.
func (s *Store) Seed(patients int) error {
	tx, err := s.db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after a commit there is nothing to undo
	for p := range patients {
		for rank := range 3 {
			balance := int64(0)
			if rank > 0 {
				balance = 1 << 40
			}
			if _, err := tx.Exec("INSERT INTO account (id, balance) VALUES (?, ?)", 3*p+rank, balance); err != nil {
				return err
			}
			if rank == 0 {
				continue
			}
			if _, err := tx.Exec("INSERT INTO giver (patient, rank, account) VALUES (?, ?, ?)", 3*p, rank, 3*p+rank); err != nil {
				return err
			}
		}
	}
	return tx.Commit()
}

// Sale is what a till sends.
type Sale struct {
	ID      string `json:"sale_id"`
	Patient int64  `json:"patient"` // number of the patient, from 0
	Lines   []Line `json:"lines"`
}

// Line is a line of a sale, in fen.
type Line struct {
	Code  string `json:"code"`
	Total int64  `json:"total"`
}

// Settlement is the answer, in fen.
type Settlement struct {
	ID     int64 `json:"settlement_id"`
	Total  int64 `json:"total"`
	Own    int64 `json:"own"`
	Shared int64 `json:"shared"`
	Cash   int64 `json:"cash"`
}

type payer struct{ account, balance int64 }

// Settle books a sale in a transaction of its own; a sale id that was used gives the first answer.
func (s *Store) Settle(ctx context.Context, sale *Sale) (answer Settlement, err error) {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return answer, err
	}
	defer tx.Rollback() //nolint:errcheck // after a commit there is nothing to undo
	err = tx.QueryRow("SELECT id, total, own, shared, cash FROM settlement WHERE sale_id = ?", sale.ID).
		Scan(&answer.ID, &answer.Total, &answer.Own, &answer.Shared, &answer.Cash)
	if !errors.Is(err, sql.ErrNoRows) {
		return answer, err
	}
	payers, err := family(tx, 3*sale.Patient)
	if err != nil {
		return answer, err
	}
	taken := split(&answer, payers, sale)
	if err := book(tx, &answer, sale, payers, taken); err != nil {
		return answer, err
	}
	return answer, tx.Commit()
}

// family reads the patient's account and those of the givers in order.
func family(tx *sql.Tx, patient int64) ([]payer, error) {
	own := payer{account: patient}
	if err := tx.QueryRow("SELECT balance FROM account WHERE id = ?", patient).Scan(&own.balance); err != nil {
		return nil, err
	}
	payers := []payer{own}
	rows, err := tx.Query("SELECT a.id, a.balance FROM giver g JOIN account a ON a.id = g.account WHERE g.patient = ? ORDER BY g.rank", patient)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var p payer
		if err := rows.Scan(&p.account, &p.balance); err != nil {
			return nil, err
		}
		payers = append(payers, p)
	}
	return payers, rows.Err()
}

func split(answer *Settlement, payers []payer, sale *Sale) []int64 {
	for _, line := range sale.Lines {
		answer.Total += line.Total
	}
	rest, taken := answer.Total, make([]int64, len(payers))
	for i, p := range payers {
		taken[i] = min(rest, p.balance)
		rest -= taken[i]
		if i == 0 {
			answer.Own = taken[i]
		} else {
			answer.Shared += taken[i]
		}
	}
	answer.Cash = rest
	return taken
}

func book(tx *sql.Tx, answer *Settlement, sale *Sale, payers []payer, taken []int64) error {
	result, err := tx.Exec("INSERT INTO settlement (sale_id, patient, at, total, own, shared, cash) VALUES (?, ?, ?, ?, ?, ?, ?)",
		sale.ID, 3*sale.Patient, time.Now().UnixMilli(), answer.Total, answer.Own, answer.Shared, answer.Cash)
	if err != nil {
		return err
	}
	if answer.ID, err = result.LastInsertId(); err != nil {
		return err
	}
	for n, line := range sale.Lines {
		if _, err := tx.Exec("INSERT INTO line (settlement, n, code, total) VALUES (?, ?, ?, ?)", answer.ID, n, line.Code, line.Total); err != nil {
			return err
		}
	}
	for i, p := range payers {
		if taken[i] == 0 {
			continue
		}
		if _, err := tx.Exec("UPDATE account SET balance = balance - ? WHERE id = ?", taken[i], p.account); err != nil {
			return err
		}
		if _, err := tx.Exec("INSERT INTO posting (settlement, account, amount) VALUES (?, ?, ?)", answer.ID, p.account, taken[i]); err != nil {
			return err
		}
	}
	_, err = tx.Exec("INSERT INTO outbox (settlement, sent, body) VALUES (?, 0, ?)", answer.ID, sale.ID)
	return err
}
