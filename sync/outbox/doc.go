// Package outbox carries the reports of the ledger to the centre: each sale booked there exactly once or reversed
// exactly once, whatever happens to the messages on the way.
//
// # How a report moves
//
// The ledger writes a report in the transaction of what it reports. The [Worker] takes the oldest unfinished report of
// each person, decides the next message from what the journal holds (decide.go, a pure function), writes that message
// to the journal, sends it once, and writes the outcome:
//
//	settle    2102
//	reverse   2103, where the settlement is booked
//	refund    2103, then 2102 with the lines that are kept
//	binding   G103 until the centre has answered, always with the same request id
//	premium   G104 until the centre has decided, always with the same premium id
//	unknown   2601 of the message that is open; only when that is confirmed may anything be booked again
//
// A message that never left may be sent again under a new id. A message whose outcome is unknown is first undone by its
// msgid (2601). An error text in answer to a 2601 proves nothing: it may be wrong, and the message may still be on its
// way; the report stays unknown and the same 2601 is repeated, under back-off, until it is confirmed or the day's item
// result (the [Prover]) shows what the centre has: nothing, and the message counts as never sent, or a booking, which
// the report takes over unless a 2601 is still on its way to it. Delivery is at least once into the journal and at most once into the centre's book.
//
// # Order
//
// Reports of one person are worked off one after the other; people are independent and run in parallel. A report that
// fails waits by itself. When the line is down, one message at a time feels for it, so that a backlog does not hammer a
// centre that is coming up.
//
// # Decisions
//
// The back-off counts from Report.Attempts, which survives a restart; libraries keep theirs in memory, so the four
// lines are here (backoff.go).
package outbox
