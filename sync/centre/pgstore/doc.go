// Package pgstore keeps a centre's book in PostgreSQL, or in a database that speaks its protocol and has its serializable
// transactions, so that any number of centre processes answer from one book.
//
// # What a database must have
//
// Serializable transactions, INSERT … ON CONFLICT (id) DO UPDATE, ANY over arrays, and text, bytea and bigint columns.
// There are no sequences, advisory locks, triggers, LISTEN or foreign keys: databases that spread over several machines
// lack some of them. PostgreSQL 15 is what the tests run.
//
// # Decisions
//
//   - The logic is the centre's and the same as with the journal. A transaction reads what a message looks at, in three to
//     five questions, and writes what differs in one. Nothing of the book stays in a process.
//   - A transaction that another came between starts again, at most [MaxAttempts] times, after a random wait. An error of
//     the commit other than that is nobody's to repeat: the sender learns nothing and asks what became of it (2601).
//   - Changes are numbered after their commit, in transactions that follow one another on one counter, so that a cursor
//     never passes a change that was still on its way. See [centre.Changes].
//   - Serials come from one counter in blocks; a process that ends loses the rest of its block.
//   - Identities are sealed (AES-256-GCM, bound to table and id), and what is looked up by an identity is looked up by its
//     HMAC-SHA-256, cut to 128 bits. Both keys come from the book's key file, which every process needs a copy of. Venues,
//     days, settlement ids, trace codes and amounts are in clear.
//   - Values are JSON inside. A program that does not know a member drops it when it writes the record again: a new member
//     is written only by programs that run beside none without it.
//   - Schema migrations only add, and may be run twice and by two at once. One that takes away says from which schema on a
//     program can live with it; an older one then refuses to start, and a running one every transaction. So two versions
//     run side by side while a roll-out lasts.
//
// pgx is the driver: it pipelines a transaction's questions, and database/sql does not.
package pgstore
