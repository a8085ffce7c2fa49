// Package simulate runs whole shops against one reference centre on fake time and looks for money that is lost, doubled
// or overdrawn.
//
// One seed is one world: a few venues with several tills each, families whose cards and accounts are used at several
// venues at once, one centre, and a line between every venue and the centre that is cut, slow, and loses, doubles and
// delays what it carries. Venues are killed at any moment, between a journal entry and its message too, and are opened
// again on what a kill would have left on disk; their clocks jump both ways. The centre is killed too, and opened again on its
// journal, of which the last line may be torn; what it had not answered is never answered. Cards
// are reported lost there, and people dead, while venues are cut off. Some patients show a 医保码 and no card. For some venues the
// centre has no feed extension: they know the families from a file, and hear each holder's own balance by 1101. Session,
// ledger (SQLite on disk), outbox, feed, reconciliation and centre are the real ones. Only time, the card readers and the line
// are made up.
//
// # What must hold
//
// A small model of its own ([model]) hears what the tills were told, what passed the centre's door and what the centre's
// book says, and holds them against each other: while the world runs, at moments when everybody waits, and at its end,
// when the lines are mended and everything has drained. It shares no code with the ledger; it adds and subtracts fen in
// plain maps.
//
// It looks every one to fifteen minutes of a till's day (in a rush, as often on a settlement), which is every few sales, and at
// the end; every answer that a till gets is held against it at once. Worlds that are broken on purpose are found by the
// package's tests: a simulation that would not notice proves nothing.
//
// # Replaying a seed
//
// All chance comes from the seed. Each actor draws from a generator of its own. What a line does to a message follows
// from the seed, the venue, the content of the message (its ids left out) and how often that content has been sent, not
// from the order in which goroutines happened to run. Messages arrive at instants whose nanoseconds follow from their
// content too, so no two of them meet; the fake clock moves only when everybody waits, so whoever acts at an instant acts
// alone. What goroutines of one venue do within one instant is not ordered: it decides nothing but message ids, row ids
// and random ids, and none of those are in the log. Events of one instant are sorted before the log is hashed. So two
// runs of a seed give the same log, byte for byte, and the same hash. The package's tests hold that against worlds whose goroutines
// are held up at random, on several processors that others take too.
//
// One thing is left to chance: instants are nanoseconds, and two actors that draw the same one, which no test has met, act in the
// scheduler's order. So a seed that fails is run once more, and what is printed of it says whether it has gone the same way.
//
// # Bubbles
//
// A bubble of testing/synctest needs a test to belong to. In "go test" that is the test; in the command the whole run is
// one test, which [Main] hands to package testing as a test binary would.
package simulate
