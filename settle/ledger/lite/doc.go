// Package lite runs prepared statements of SQLite without database/sql, whose pool, locks and conversions by reflection cost as
// much as the statements of a sale do. It speaks to the driver itself, keeps every statement that was ever prepared on a
// connection, and moves the ledger's own numbers and words to and fro by their types.
//
// It knows no tables: those are the ledger's. See https://www.sqlite.org/c3ref/stmt.html for what a statement is.
package lite
