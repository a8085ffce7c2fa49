// Package baseline is the till's server as a developer would write it by hand: net/http, database/sql and SQLite, one
// transaction for a request. It does the same work as a settlement of the daemon's ledger, and no more than that work needs:
// the sale id is looked up, three accounts are read, money is moved, and a row for the centre is written.
//
// It comes in two forms. Rollback is SQLite as it comes, with a rollback journal; WAL has a write-ahead log and one
// connection, as one does who has met "database is locked". Both are durable: synchronous is FULL. Neither has rules, a
// card, a chain or a sealed column; they are what the daemon's speed is held against, and nothing else.
package baseline
