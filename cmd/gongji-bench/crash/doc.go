// Package crash kills gongjid and looks at what is left. Several tills sell, refund and cancel through the HTTP API of the real
// binary; at random moments the process gets kill -9; another one is started on the same directory; and every answer that a
// till was given is held against what the new daemon says, against the files themselves ([ledger.VerifyDir]: the chain, the
// balances, the invariants) and, once everything has been reported, against the centre's book: nothing twice, nothing missing.
//
// # When it is killed
//
//	load        while tills sell
//	start       before it serves: opening, recovery, reading cards; the first one of a shop makes its database
//	stop        on its way down after SIGTERM
//	checkpoint  when the log is copied into the database file, found by watching that file
//	import      while `gongjid import` replaces everybody's accounts, daemon down; the file is imported again then
//
// A till behaves as a till must: it makes an id, sends, and where no answer comes it asks what became of the sale or sends the
// same again until one does. A shop lives for a number of kills, is drained and held against its centre, and gives way to a new
// one, so that early states of a ledger are killed as often as late ones. Shops are of several kinds in turn: settling by the
// ledger or by the centre while the patient waits, one report under way or many, on a line that holds or breaks.
//
// kill -9 leaves what was written to the system; only a power cut takes that. The ledger's own tests enumerate power cuts on
// a disk of their own.
package crash
